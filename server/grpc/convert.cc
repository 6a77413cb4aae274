#include "server/grpc/convert.h"

#include <algorithm>
#include <limits>

#include "base/murmur2.h"
#include "server/limits.h"

namespace jangada::server::grpc_door {
namespace {

storage::Record RecordFrom(const v1::Record& record, int64_t now_ms) {
  storage::Record out;
  out.timestamp_ms = record.has_timestamp_ms() ? record.timestamp_ms() : now_ms;
  if (record.has_key()) out.key = record.key();
  if (record.has_value()) out.value = record.value();
  out.headers.reserve(static_cast<size_t>(record.headers_size()));
  for (const auto& header : record.headers()) {
    out.headers.push_back(
        {header.key(), header.has_value() ? std::optional(header.value()) : std::nullopt});
  }
  return out;
}

void ToProto(storage::Record record, v1::Record* out) {
  out->set_offset(record.offset);
  out->set_timestamp_ms(record.timestamp_ms);
  if (record.key) out->set_key(std::move(*record.key));
  if (record.value) out->set_value(std::move(*record.value));
  for (auto& header : record.headers) {
    auto* to = out->add_headers();
    to->set_key(std::move(header.key));
    if (header.value) to->set_value(std::move(*header.value));
  }
}

Error Unknown(const std::string& topic) {
  return {ErrorCode::kUnknownTopic, "There is no topic \"" + topic +
                                        "\": create it first (gRPC never creates one by itself)."};
}

/// One partition for all records of a request that names none.
Result<int32_t> PartitionByKey(const v1::ProduceRequest& request, int32_t partitions,
                               uint64_t turn) {
  std::optional<int32_t> chosen;
  bool keyless = false;
  for (const auto& record : request.records()) {
    if (!record.has_key()) {
      keyless = true;
      continue;
    }
    const int32_t partition = PartitionOfKey(record.key(), partitions);
    if (chosen.value_or(partition) != partition) {
      return Error{ErrorCode::kInvalidArgument,
                   "The keys of these records belong to different partitions, but one call appends "
                   "to one: send "
                   "a call for each key, or choose the partition."};
    }
    chosen = partition;
  }
  if (chosen && keyless) {
    return Error{ErrorCode::kInvalidArgument,
                 "Some of these records have a key and some have none: send them in calls of their "
                 "own, or choose "
                 "the partition."};
  }
  return chosen.value_or(static_cast<int32_t>(turn % static_cast<uint64_t>(partitions)));
}

Error NoBatch() {
  return {ErrorCode::kDataCorrupt, "A stored batch cannot be read: its header is damaged."};
}

}  // namespace

Result<Bytes> BatchFrom(const v1::ProduceRequest& request, int64_t now_ms) {
  if (!request.batch().empty()) return Bytes::Copy(request.batch());
  storage::BatchBuilder builder;
  if (request.has_producer_id()) {
    builder.SetProducer(request.producer_id(), static_cast<int16_t>(request.producer_epoch()),
                        request.base_sequence());
  }
  for (const auto& record : request.records()) builder.Add(RecordFrom(record, now_ms));
  return builder.Build();
}

bool IsIdempotent(const Bytes& batch) {
  const auto header = storage::ReadBatchHeader(batch.view());
  return header.ok() && header->producer_id != storage::kNoProducerId;
}

Result<int32_t> PartitionFor(const v1::ProduceRequest& request, const ClusterImage& image,
                             uint64_t turn) {
  const auto topic = image.FindTopic(request.topic());
  if (topic == nullptr || topic->partitions.empty()) return Unknown(request.topic());
  const auto partitions = static_cast<int32_t>(topic->partitions.size());
  if (!request.has_partition() || request.partition() < 0)
    return PartitionByKey(request, partitions, turn);
  if (request.partition() < partitions) return request.partition();
  return Error{ErrorCode::kUnknownTopic, "Topic \"" + request.topic() + "\" has no partition " +
                                             std::to_string(request.partition()) +
                                             ": its last is " + std::to_string(partitions - 1) +
                                             "."};
}

void ToProto(const ProduceResult& result, int32_t partition, v1::ProduceResponse* out) {
  out->set_partition(partition);
  out->set_base_offset(result.base_offset);
  out->set_log_append_time_ms(result.log_append_time_ms);
  out->set_log_start_offset(result.log_start_offset);
  out->set_duplicate(result.duplicate);
  out->set_durability(v1::DURABILITY_MAJORITY_SYNCED);
}

ProduceResult FromProto(const v1::ProduceResponse& response) {
  return {.base_offset = response.base_offset(),
          .log_append_time_ms = response.log_append_time_ms(),
          .log_start_offset = response.log_start_offset(),
          .duplicate = response.duplicate()};
}

Result<int64_t> EndOffsetOf(const FetchedBatch& batch) {
  const auto header = storage::ReadBatchHeader(batch.bytes.view());
  if (!header.ok() || header->last_offset_delta < 0) return NoBatch();
  const int64_t count = int64_t{header->last_offset_delta} + 1;
  if (batch.base_offset < 0 || batch.base_offset > std::numeric_limits<int64_t>::max() - count) {
    return NoBatch();
  }
  return batch.base_offset + count;
}

Result<Appended> AppendRecords(const FetchedBatch& batch, int64_t from, int64_t to,
                               size_t max_bytes,
                               google::protobuf::RepeatedPtrField<v1::Record>* out) {
  TRY_ASSIGN(std::vector<storage::Record> records,
             storage::DecodeRecords(batch.bytes.view(), batch.base_offset, kMaxUnfoldedBatchBytes));
  TRY_ASSIGN(const int64_t end, EndOffsetOf(batch));
  Appended appended{.bytes = 0, .next_offset = std::min(end, to)};
  for (auto& record : records) {
    if (record.offset < from || record.offset >= to) continue;
    if (appended.bytes >= max_bytes) {
      appended.next_offset = record.offset;
      break;
    }
    ToProto(std::move(record), out->Add());
    appended.bytes += out->rbegin()->ByteSizeLong();
  }
  return appended;
}

std::string ServedBytes(const FetchedBatch& batch) {
  return storage::WithBatchOffset(batch.bytes.view(), batch.base_offset, batch.leader_epoch);
}

Result<FetchedBatch> FetchedFrom(std::string bytes) {
  const auto header = storage::ReadBatchHeader(bytes);
  if (!header.ok()) return NoBatch();
  return FetchedBatch{.base_offset = header->base_offset,
                      .leader_epoch = header->leader_epoch,
                      .bytes = Bytes(std::move(bytes))};
}

void ToProto(const PartitionView& view, v1::PartitionState* out) {
  out->set_topic(view.where.topic);
  out->set_partition(view.where.partition);
  out->set_group_id(view.group.value());
  if (view.leader) out->set_leader_node_id(view.leader->value());
  out->set_leader_epoch(view.leader_epoch);
  out->set_from_leader(view.from_leader);
  for (const NodeId node : view.desired_replicas) out->add_desired_replicas(node.value());
  uint64_t best = 0;
  for (const ReplicaView& replica : view.replicas) best = std::max(best, replica.match_index);
  for (const ReplicaView& replica : view.replicas) {
    auto* to = out->add_replicas();
    to->set_node_id(replica.node.value());
    to->set_voter(replica.voter);
    to->set_live(replica.live);
    to->set_caught_up(replica.caught_up);
    to->set_match_index(replica.match_index);
    to->set_lag_entries(best - replica.match_index);
  }
  out->set_log_start_offset(view.log_start_offset);
  out->set_high_watermark(view.high_watermark);
  out->set_reassigning(view.reassigning);
}

PartitionView FromProto(const v1::PartitionState& state) {
  PartitionView view;
  view.where = {state.topic(), state.partition()};
  view.group = GroupId(state.group_id());
  if (state.leader_node_id() != 0) view.leader = NodeId(state.leader_node_id());
  view.leader_epoch = state.leader_epoch();
  view.from_leader = state.from_leader();
  for (const int32_t node : state.desired_replicas()) view.desired_replicas.push_back(NodeId(node));
  for (const auto& replica : state.replicas()) {
    view.replicas.push_back({.node = NodeId(replica.node_id()),
                             .voter = replica.voter(),
                             .live = replica.live(),
                             .caught_up = replica.caught_up(),
                             .match_index = replica.match_index()});
  }
  view.log_start_offset = state.log_start_offset();
  view.high_watermark = state.high_watermark();
  view.reassigning = state.reassigning();
  return view;
}

void ToProto(const NodeInfo& node, const NodeView& view, v1::Node* out) {
  const auto text = [](const Endpoint& endpoint) {
    return endpoint.port == 0 ? std::string() : endpoint.ToString();
  };
  out->set_node_id(node.id.value());
  out->set_rack(node.rack);
  out->set_grpc_address(text(node.grpc));
  out->set_kafka_address(text(node.kafka));
  out->set_http_address(text(node.http));
  out->set_peer_address(text(node.peer));
  out->set_live(view.live);
  const NodeCondition& condition = view.condition;
  out->set_draining(condition.draining);
  out->set_disk_full(!condition.accepts_produce);
  out->set_disk_free_bytes(condition.disk_free_bytes);
  out->set_disk_total_bytes(condition.disk_total_bytes);
  out->set_refilling_replicas(static_cast<int32_t>(condition.refilling.size()));
  out->set_refilled_replicas(static_cast<int64_t>(condition.refilled));
  out->set_version(condition.version);
}

void ToProto(const TopicInfo& topic, const Broker& broker, v1::Topic* out) {
  out->set_name(topic.name);
  out->set_topic_id(topic.id.ToString());
  out->set_replication_factor(topic.replication_factor);
  for (const PartitionInfo& partition : topic.partitions) {
    auto* to = out->add_partitions();
    to->set_partition(partition.partition);
    to->set_group_id(partition.group.value());
    for (const NodeId node : partition.replicas) to->add_replicas(node.value());
    const auto leader = broker.LeaderOf({topic.name, partition.partition});
    if (leader) to->set_leader_node_id(leader->value());
  }
  out->mutable_configs()->insert(topic.configs.begin(), topic.configs.end());
}

}  // namespace jangada::server::grpc_door
