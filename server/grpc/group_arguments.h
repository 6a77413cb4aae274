// What clients may say of consumer groups, as arguments.h has it of the rest. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "jangada/v1/group.pb.h"
#include "server/group_broker.h"

namespace jangada::server::grpc_door {

inline constexpr int kMaxSubscribedTopics = 1'000;
inline constexpr int kMaxOffsetsAtOnce = 10'000;
inline constexpr int32_t kDefaultSessionMs = 45'000;
inline constexpr int32_t kDefaultRebalanceMs = 60'000;
inline constexpr int32_t kMaxRebalanceMs = 1'800'000;

Status CheckGroup(std::string_view group);
Status CheckSubscribe(const v1::GroupMemberRequest::Subscribe& subscribe);
Status CheckPartitions(const google::protobuf::RepeatedPtrField<v1::PartitionId>& partitions);

/// Each with a partition and an offset of 0 or more.
Result<std::vector<OffsetToCommit>> OffsetsFrom(
    const google::protobuf::RepeatedPtrField<v1::GroupOffset>& offsets);

}  // namespace jangada::server::grpc_door
