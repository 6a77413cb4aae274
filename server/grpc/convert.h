// Between the protocol's messages and the broker's values: records to a batch and back, views,
// nodes. Pure, but for the clock that is passed in; any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "jangada/v1/admin.pb.h"
#include "jangada/v1/log.pb.h"
#include "server/broker.h"
#include "storage/record_batch.h"

namespace jangada::server::grpc_door {

/// The batch of a checked request: its own, or one made of its records; those without a timestamp
/// get `now_ms`.
Result<Bytes> BatchFrom(const v1::ProduceRequest& request, int64_t now_ms);

/// The batch has a producer id: the log recognises it when it comes twice, so it may be sent again.
bool IsIdempotent(const Bytes& batch);

/// The partition of a checked request: the one it names, or by key, or (`turn` mod partitions).
/// kUnknownTopic if topic or partition is not in the image.
Result<int32_t> PartitionFor(const v1::ProduceRequest& request, const ClusterImage& image,
                             uint64_t turn);

void ToProto(const ProduceResult& result, int32_t partition, v1::ProduceResponse* out);
ProduceResult FromProto(const v1::ProduceResponse& response);

/// Offset after the batch's last record. kDataCorrupt if the stored bytes are no batch.
Result<int64_t> EndOffsetOf(const FetchedBatch& batch);

struct Appended {
  size_t bytes = 0;  // of the records, roughly
  int64_t next_offset =
      0;  // the first offset not looked at: the batch's end, unless max_bytes came first
};
/// Appends the batch's records with offsets in [from, to), until they have `max_bytes`.
Result<Appended> AppendRecords(const FetchedBatch& batch, int64_t from, int64_t to,
                               size_t max_bytes,
                               google::protobuf::RepeatedPtrField<v1::Record>* out);

/// The batch as a client must see it.
std::string ServedBytes(const FetchedBatch& batch);
/// The other way, for an answer of another node. kDataCorrupt if it is no batch.
Result<FetchedBatch> FetchedFrom(std::string bytes);

void ToProto(const PartitionView& view, v1::PartitionState* out);
PartitionView FromProto(const v1::PartitionState& state);

void ToProto(const NodeInfo& node, const NodeView& view, v1::Node* out);
void ToProto(const TopicInfo& topic, const Broker& broker, v1::Topic* out);

}  // namespace jangada::server::grpc_door
