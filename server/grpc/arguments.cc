#include "server/grpc/arguments.h"

#include <algorithm>
#include <set>

#include "server/limits.h"

namespace jangada::server::grpc_door {
namespace {

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

bool IsTopicCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::string Field(std::string_view name, int64_t value) {
  return std::string(name) + " is " + std::to_string(value) + ": ";
}

Status CheckProducer(const v1::ProduceRequest& request) {
  const int given =
      request.has_producer_id() + request.has_producer_epoch() + request.has_base_sequence();
  if (given == 0) return {};
  if (given != 3) {
    return Invalid(
        "producer_id, producer_epoch and base_sequence belong together: set all three, or none.");
  }
  if (!request.batch().empty()) {
    return Invalid(
        "batch carries its own producer id: leave producer_id, producer_epoch and base_sequence "
        "out.");
  }
  if (request.producer_id() < 0) {
    return Invalid(Field("producer_id", request.producer_id()) + "use one that InitProducer gave.");
  }
  if (request.producer_epoch() < 0 || request.producer_epoch() > INT16_MAX) {
    return Invalid(Field("producer_epoch", request.producer_epoch()) +
                   "it must be from 0 to 32767.");
  }
  if (request.base_sequence() < 0) {
    return Invalid(Field("base_sequence", request.base_sequence()) + "it must be 0 or more.");
  }
  if (!request.has_partition() || request.partition() < 0) {
    return Invalid(
        "partition is missing: sequences count per partition, so an idempotent producer chooses "
        "it.");
  }
  return {};
}

Status CheckFormat(v1::RecordFormat format) {
  if (v1::RecordFormat_IsValid(format)) return {};
  return Invalid(Field("format", format) + "it must be 1 (records) or 2 (batches).");
}

}  // namespace

std::string Quoted(std::string_view text) {
  constexpr size_t kMaxShown = 64;
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxShown)) out += (c < 0x20 || c > 0x7e) ? '?' : c;
  return out + (text.size() > kMaxShown ? "...\"" : "\"");
}

Status CheckTopicName(std::string_view name) {
  if (name.empty()) return Invalid("The topic's name is missing.");
  if (name.size() > kMaxTopicNameBytes) {
    return Invalid("The topic name " + Quoted(name) + " has " + std::to_string(name.size()) +
                   " characters: at most " + std::to_string(kMaxTopicNameBytes) + " are allowed.");
  }
  if (name == "." || name == ".." || !std::all_of(name.begin(), name.end(), IsTopicCharacter)) {
    return Invalid(
        "The topic name " + Quoted(name) +
        " is not allowed: use letters, digits, '.', '_' and '-', and neither \".\" nor \"..\".");
  }
  return {};
}

Status CheckWhere(std::string_view topic, int32_t partition) {
  TRY(CheckTopicName(topic));
  if (partition < 0) return Invalid(Field("partition", partition) + "partitions count from 0.");
  return {};
}

Status CheckNodeId(std::string_view field, int32_t node_id) {
  if (node_id < 1) return Invalid(Field(field, node_id) + "node ids are 1 or more.");
  return {};
}

Result<int64_t> WaitOf(std::string_view field, int32_t milliseconds, int64_t otherwise_us,
                       int64_t max_us) {
  if (milliseconds == 0) return otherwise_us;
  if (milliseconds < 0 || milliseconds > max_us / 1000) {
    return Invalid(Field(field, milliseconds) + "it must be from 0 to " +
                   std::to_string(max_us / 1000) + " milliseconds.");
  }
  return int64_t{milliseconds} * 1000;
}

Result<size_t> FetchBytesOf(std::string_view field, int32_t bytes) {
  if (bytes < 0) return Invalid(Field(field, bytes) + "it must be 0 or more.");
  if (bytes == 0) return kDefaultFetchBytes;
  return std::min<size_t>(static_cast<size_t>(bytes), kMaxFetchBytes);
}

Status CheckProduce(const v1::ProduceRequest& request) {
  TRY(CheckTopicName(request.topic()));
  if (request.has_partition() && request.partition() < -1) {
    return Invalid(Field("partition", request.partition()) +
                   "partitions count from 0; -1, or none, lets the node choose.");
  }
  if (request.records().empty() == request.batch().empty()) {
    return Invalid(request.batch().empty() ? "Nothing to produce: set records, or batch."
                                           : "Both records and batch are set: set one of them.");
  }
  if (!request.batch().empty() && (!request.has_partition() || request.partition() < 0)) {
    return Invalid("partition is missing: with batch, the producer chooses it.");
  }
  for (const auto& record : request.records()) {
    if (record.has_timestamp_ms() && record.timestamp_ms() < 0) {
      return Invalid(Field("timestamp_ms", record.timestamp_ms()) +
                     "it must be 0 or more (milliseconds since 1970); leave it out for now.");
    }
  }
  TRY(CheckProducer(request));
  TRY(WaitOf("timeout_ms", request.timeout_ms(), kDefaultCallUs, kMaxCallUs));
  return {};
}

Status CheckFetch(const v1::FetchRequest& request) {
  TRY(CheckWhere(request.topic(), request.partition()));
  if (request.offset() < 0) {
    return Invalid(Field("offset", request.offset()) +
                   "it must be 0 or more; ListOffsets finds the ends.");
  }
  TRY(FetchBytesOf("max_bytes", request.max_bytes()));
  TRY(FetchBytesOf("min_bytes", request.min_bytes()));
  TRY(WaitOf("max_wait_ms", request.max_wait_ms(), 0, kMaxFetchWaitUs));
  return CheckFormat(request.format());
}

Status CheckConsume(const v1::ConsumeRequest& request) {
  if (request.partitions().empty())
    return Invalid("partitions is empty: name at least one topic to consume.");
  for (const auto& partition : request.partitions()) {
    TRY(CheckWhere(partition.topic(), partition.has_partition() ? partition.partition() : 0));
    if (partition.has_offset() && partition.offset() < 0) {
      return Invalid(Field("offset", partition.offset()) +
                     "it must be 0 or more; `at` names the ends.");
    }
    if (partition.has_at() && partition.at() != v1::OFFSET_AT_EARLIEST &&
        partition.at() != v1::OFFSET_AT_LATEST) {
      return Invalid(Field("at", partition.at()) + "reading starts at 1 (earliest) or 2 (latest).");
    }
    if (partition.has_timestamp_ms() && partition.timestamp_ms() < 0) {
      return Invalid(Field("timestamp_ms", partition.timestamp_ms()) + "it must be 0 or more.");
    }
    if (partition.has_end_offset() && partition.end_offset() < 0) {
      return Invalid(Field("end_offset", partition.end_offset()) + "it must be 0 or more.");
    }
  }
  if (!v1::OutOfRange_IsValid(request.out_of_range())) {
    return Invalid(Field("out_of_range", request.out_of_range()) +
                   "it must be 1 (fail), 2 (earliest) or 3 (latest).");
  }
  TRY(FetchBytesOf("max_response_bytes", request.max_response_bytes()));
  return CheckFormat(request.format());
}

Status CheckListOffsets(const v1::ListOffsetsRequest& request) {
  if (request.queries().empty()) return Invalid("queries is empty: name at least one partition.");
  if (static_cast<size_t>(request.queries_size()) > kMaxListOffsetsQueries) {
    return Invalid("queries has " + std::to_string(request.queries_size()) + " entries: at most " +
                   std::to_string(kMaxListOffsetsQueries) + " are allowed in one call.");
  }
  for (const auto& query : request.queries()) {
    TRY(CheckWhere(query.topic(), query.partition()));
    if (!query.has_at() && !query.has_timestamp_ms()) {
      return Invalid("A query has no position: set at or timestamp_ms.");
    }
    if (query.has_at() &&
        (query.at() < v1::OFFSET_AT_EARLIEST || query.at() > v1::OFFSET_AT_MAX_TIMESTAMP)) {
      return Invalid(Field("at", query.at()) +
                     "it must be 1 (earliest), 2 (latest) or 3 (max timestamp).");
    }
    if (query.has_timestamp_ms() && query.timestamp_ms() < 0) {
      return Invalid(Field("timestamp_ms", query.timestamp_ms()) + "it must be 0 or more.");
    }
  }
  return {};
}

Result<CreateTopic> CreateTopicFrom(const v1::CreateTopicRequest& request) {
  TRY(CheckTopicName(request.name()));
  TRY_ASSIGN(const int64_t timeout_us,
             WaitOf("timeout_ms", request.timeout_ms(), kDefaultCallUs, kMaxCallUs));
  if (request.partitions() < 0 || request.partitions() > kMaxPartitionsOfTopic) {
    return Invalid(Field("partitions", request.partitions()) + "it must be from 1 to " +
                   std::to_string(kMaxPartitionsOfTopic) + ".");
  }
  if (request.replication_factor() < 0) {
    return Invalid(Field("replication_factor", request.replication_factor()) +
                   "it must be 1 or more.");
  }
  CreateTopic create;
  create.name = request.name();
  create.partitions = request.partitions() == 0 ? 1 : request.partitions();
  create.replication_factor = request.replication_factor();
  create.configs.insert(request.configs().begin(), request.configs().end());
  create.timeout_us = timeout_us;
  create.validate_only = request.validate_only();
  if (!request.assignment().empty() &&
      (request.partitions() != 0 || request.replication_factor() != 0)) {
    return Invalid("assignment fixes partitions and replication_factor: leave those two out.");
  }
  if (request.assignment_size() > kMaxPartitionsOfTopic) {
    return Invalid("assignment has " + std::to_string(request.assignment_size()) +
                   " partitions: at most " + std::to_string(kMaxPartitionsOfTopic) +
                   " are allowed.");
  }
  for (const auto& list : request.assignment()) {
    TRY_ASSIGN(std::vector<NodeId> replicas, ReplicasFrom("assignment", list.node_ids()));
    create.assignment.push_back(std::move(replicas));
  }
  return create;
}

Result<std::map<std::string, std::optional<std::string>>> ConfigChangesFrom(
    const v1::AlterTopicConfigsRequest& request) {
  TRY(CheckTopicName(request.topic()));
  std::map<std::string, std::optional<std::string>> changes;
  for (const auto& [key, value] : request.set()) changes[key] = value;
  for (const auto& key : request.reset()) {
    if (!changes.emplace(key, std::nullopt).second) {
      return Invalid("The config " + Quoted(key) + " is named twice: set it or reset it, once.");
    }
  }
  if (changes.empty()) return Invalid("Nothing to change: both set and reset are empty.");
  return changes;
}

Result<std::vector<NodeId>> ReplicasFrom(std::string_view field,
                                         const google::protobuf::RepeatedField<int32_t>& node_ids) {
  if (node_ids.empty()) return Invalid(std::string(field) + " is empty: name at least one node.");
  std::vector<NodeId> replicas;
  std::set<int32_t> seen;
  for (const int32_t id : node_ids) {
    TRY(CheckNodeId(field, id));
    if (!seen.insert(id).second) {
      return Invalid(std::string(field) + " names node " + std::to_string(id) + " twice.");
    }
    replicas.push_back(NodeId(id));
  }
  return replicas;
}

}  // namespace jangada::server::grpc_door
