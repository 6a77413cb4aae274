// What clients may say: each wrong argument gets a sentence that names the field, the value and the
// rule. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "jangada/v1/admin.pb.h"
#include "jangada/v1/log.pb.h"
#include "server/broker.h"

namespace jangada::server::grpc_door {

/// A client's text inside a sentence of ours: cut, and without control characters.
std::string Quoted(std::string_view text);

/// [a-zA-Z0-9._-]{1,249}, not "." or "..".
Status CheckTopicName(std::string_view name);
/// Name and a partition of 0 or more.
Status CheckWhere(std::string_view topic, int32_t partition);
Status CheckNodeId(std::string_view field, int32_t node_id);

/// Microseconds for a field in milliseconds: `otherwise_us` for 0, refused below 0 and above
/// `max_us`.
Result<int64_t> WaitOf(std::string_view field, int32_t milliseconds, int64_t otherwise_us,
                       int64_t max_us);
/// Stored bytes of a response: the default for 0, refused below 0, cut to the maximum above it.
Result<size_t> FetchBytesOf(std::string_view field, int32_t bytes);

/// Everything about a produce but whether its partition exists.
Status CheckProduce(const v1::ProduceRequest& request);
Status CheckFetch(const v1::FetchRequest& request);
Status CheckConsume(const v1::ConsumeRequest& request);
Status CheckListOffsets(const v1::ListOffsetsRequest& request);

Result<CreateTopic> CreateTopicFrom(const v1::CreateTopicRequest& request);
Result<std::map<std::string, std::optional<std::string>>> ConfigChangesFrom(
    const v1::AlterTopicConfigsRequest& request);
Result<std::vector<NodeId>> ReplicasFrom(std::string_view field,
                                         const google::protobuf::RepeatedField<int32_t>& node_ids);

}  // namespace jangada::server::grpc_door
