// How members of groups read what they were assigned: Fetch and ListOffsets at the partitions'
// leaders.
#include <algorithm>
#include <utility>

#include "tests/sim/choice.h"
#include "tests/sim/group_member.h"

namespace jangada::sim {
namespace {

using history::Function;
using history::GroupEvent;
using history::Type;
using server::TopicPartition;
using server::kafka::FetchRequest;
using server::kafka::FetchResponse;
using server::kafka::ListOffsetsRequest;
using server::kafka::ListOffsetsResponse;
using server::kafka::MetadataRequest;
using server::kafka::MetadataResponse;

constexpr int64_t kIdleUs = 50'000;
constexpr int32_t kLongPollMs = 200;
constexpr int64_t kEarliest = -2;

}  // namespace

void GroupMember::ReadSoon() {
  const int64_t most_us = settling_ ? kIdleUs : std::max(2 * context_.swarm.think_us, kIdleUs);
  const auto most = static_cast<uint64_t>(most_us);
  After(1 + static_cast<int64_t>(random_.Below(most)), [this] {
    ReadSoon();
    const bool reads = stage_ == Stage::kReading && !places_.empty() && !polling_ && !asking_;
    if (reads && context_.world.now_us() >= stalled_until_us_) Read();
  });
}

void GroupMember::Read() {
  std::vector<TopicPartition> all;
  for (const auto& [where, place] : places_) all.push_back(where);
  const TopicPartition where = OneOf(all, random_);
  const auto [leader, is_new] =
      leaders_.try_emplace(where, context_.swarm.nodes, Random(random_.Next()));
  if (places_.at(where).leader_refused) return AskLeader(where);
  if (places_.at(where).out_of_range) return Skip(where);
  FetchRequest request;
  if (!settling_ && random_.Chance(1, 2)) {
    request.min_bytes = 1;
    request.max_wait_ms = kLongPollMs;
  }
  const int32_t most =
      settling_ || random_.Chance(1, 2) ? 1 << 20 : static_cast<int32_t>(1 + random_.Below(4'000));
  FetchRequest::Partition partition;
  partition.index = where.partition;
  partition.fetch_offset = places_.at(where).position;
  partition.max_bytes = most;
  request.topics = {{.name = where.topic, .id = {}, .partitions = {partition}}};
  history::Operation operation;
  operation.process = process_;
  operation.function = Function::kPoll;
  context_.recorder.Add(operation);
  polling_ = true;
  AskKafka<FetchRequest>(context_.door, leader->second.Get(), context_.swarm.call_timeout_us,
                         client_id_, versions_.fetch, request,
                         [this, session = session_, where](const Result<FetchResponse>& response) {
                           if (session != session_)
                             return;  // it is another's by now, or was asked for anew
                           if (response.ok()) return OnRead(where, *response);
                           if (response.error().code == ErrorCode::kDataCorrupt) {
                             context_.judge.Fail("kafka-frames", response.error().message);
                           }
                           OnRefused(where, std::nullopt);
                           history::Operation failed;
                           failed.process = process_;
                           failed.type = Type::kFail;
                           failed.error = ErrorCodeName(response.error().code);
                           EndPoll(std::move(failed));
                         });
}

void GroupMember::EndPoll(history::Operation operation) {
  operation.function = Function::kPoll;
  polling_ = false;
  context_.recorder.Add(std::move(operation));
}

void GroupMember::OnRead(const TopicPartition& where, const FetchResponse& response) {
  const FetchResponse::Partition& answer = response.topics.at(0).partitions.at(0);
  if (answer.error_code == Code::kNone) {
    std::string bytes;
    if (answer.records) {
      for (const Bytes& part : answer.records->parts) bytes += part.view();
    }
    return TakeRecords(where, Bytes(std::move(bytes)));
  }
  history::Operation failed;
  failed.process = process_;
  failed.type = Type::kFail;
  failed.error = std::to_string(static_cast<int>(answer.error_code));
  EndPoll(std::move(failed));
  if (answer.error_code == Code::kOffsetOutOfRange) {
    context_.reached.Count(Rare::kReadOutOfRange);
    places_.at(where).out_of_range = true;
    return Skip(where);
  }
  std::optional<NodeId> hint;
  if (answer.current_leader) hint = NodeId(answer.current_leader->leader_id);
  OnRefused(where, hint);
}

void GroupMember::TakeRecords(const TopicPartition& where, const Bytes& records) {
  Place& place = places_.at(where);
  history::Operation operation;
  operation.process = process_;
  operation.type = Type::kOk;
  std::vector<history::Polled>& polled = operation.polled[place.key];
  const auto batches = storage::SplitBatches(records);
  if (!batches.ok()) return context_.judge.Fail("records", batches.error().message);
  for (const Bytes& batch : *batches) {
    const int64_t base = storage::ReadBatchHeader(batch.view()).value().base_offset;
    const auto decoded = storage::DecodeRecords(batch.view(), base);
    if (!decoded.ok()) return context_.judge.Fail("records", decoded.error().message);
    for (const storage::Record& record : *decoded) {
      if (record.offset >= place.position) polled.push_back({record.offset, ValueOf(record)});
    }
  }
  const bool any = !polled.empty();
  GroupEvent event = EventOf(GroupEvent::Kind::kRead);
  if (any) {
    event.from[place.key] = polled.front().offset;
    event.offsets[place.key] = place.position = polled.back().offset + 1;
  }
  EndPoll(std::move(operation));
  if (any) watch_.Add(event);
}

void GroupMember::OnRefused(const TopicPartition& where, std::optional<NodeId> hint) {
  leaders_.at(where).OnRefused(hint);
  places_.at(where).leader_refused = !hint;
}

/// Whether or not it is told, it tries once more then.
void GroupMember::AskLeader(const TopicPartition& where) {
  MetadataRequest request;
  request.topics = {{.id = {}, .name = where.topic}};
  asking_ = true;
  const NodeId any(
      static_cast<int32_t>(1 + random_.Below(static_cast<uint64_t>(context_.swarm.nodes))));
  AskKafka<MetadataRequest>(
      context_.door, any, context_.swarm.call_timeout_us, client_id_, versions_.metadata, request,
      [this, life = life_, session = session_, where](const Result<MetadataResponse>& response) {
        if (life != life_) return;
        asking_ = false;
        if (session != session_) return;
        places_.at(where).leader_refused = false;
        if (!response.ok()) {
          if (response.error().code != ErrorCode::kDataCorrupt) return;
          return context_.judge.Fail("kafka-frames", response.error().message);
        }
        for (const MetadataResponse::Partition& partition : response->topics.at(0).partitions) {
          if (partition.index != where.partition || partition.leader_id < 0) continue;
          leaders_.at(where).OnRefused(NodeId(partition.leader_id));
        }
      });
}

/// Retention took what it was to read next: it goes on where the partition begins now. Whoever told
/// it so, it asks until it is told.
void GroupMember::Skip(const TopicPartition& where) {
  ListOffsetsRequest request;
  ListOffsetsRequest::Partition partition;
  partition.index = where.partition;
  partition.timestamp = kEarliest;
  request.topics = {{.name = where.topic, .partitions = {partition}}};
  polling_ = true;
  history::Operation operation;
  operation.process = process_;
  operation.function = Function::kPoll;
  context_.recorder.Add(operation);
  AskKafka<ListOffsetsRequest>(
      context_.door, leaders_.at(where).Get(), context_.swarm.call_timeout_us, client_id_,
      versions_.list, request,
      [this, session = session_, where](const Result<ListOffsetsResponse>& response) {
        if (session != session_) return;
        history::Operation none;
        none.process = process_;
        none.type = Type::kFail;
        none.error = "OFFSET_OUT_OF_RANGE";
        EndPoll(std::move(none));
        if (!response.ok() && response.error().code == ErrorCode::kDataCorrupt) {
          context_.judge.Fail("kafka-frames", response.error().message);
        }
        const ListOffsetsResponse::Partition* const answer =
            response.ok() ? &response->topics.at(0).partitions.at(0) : nullptr;
        if (answer == nullptr || answer->error_code != Code::kNone) {
          return OnRefused(where, std::nullopt);
        }
        Place& place = places_.at(where);
        GroupEvent event = EventOf(GroupEvent::Kind::kSkipped);
        event.offsets[place.key] = answer->offset;
        watch_.Add(event);
        place.position = answer->offset;
        place.out_of_range = false;
      });
}

}  // namespace jangada::sim
