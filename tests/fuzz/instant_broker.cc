#include "tests/fuzz/instant_broker.h"

#include "base/random.h"
#include "storage/record_batch.h"

namespace jangada::fuzz {
namespace {

using server::TopicPartition;

constexpr int32_t kPartitions = 2;
constexpr int64_t kEnd = 2;
constexpr int32_t kEpoch = 3;

}  // namespace

Bytes SomeBatch() {
  storage::BatchBuilder builder;
  for (int64_t i = 0; i < kEnd; ++i) builder.Add({.timestamp_ms = 1000 + i, .value = "value"});
  return builder.Build().value();
}

InstantBroker::InstantBroker() : batch_(SomeBatch()) {
  auto image = std::make_shared<server::ClusterImage>();
  for (int i = 1; i <= 3; ++i) {
    const NodeId node(i);
    image->nodes[node] = {.id = node, .grpc = {"h", 7092}, .kafka = {"h", 9092}};
  }
  Random random(7);
  auto topic =
      std::make_shared<server::TopicInfo>(server::TopicInfo{.name = "t", .id = Uuid::Make(random)});
  for (int32_t i = 0; i < kPartitions; ++i) {
    topic->partitions.push_back({.partition = i,
                                 .group = GroupId(image->next_group++),
                                 .replicas = {NodeId(1), NodeId(3)},
                                 .revision = server::kFirstRevision});
  }
  image->topics[topic->name] = topic;
  image_ = std::move(image);
}

std::optional<Error> InstantBroker::Refuse() const {
  if (!fail_) return std::nullopt;
  return Error{*fail_, "as the input wants it"};
}

std::optional<Error> InstantBroker::Refuse(const TopicPartition& where) const {
  if (where.topic != "t" || where.partition < 0 || where.partition >= kPartitions) {
    return Error{ErrorCode::kUnknownTopic, "there is no such partition"};
  }
  return Refuse();
}

void InstantBroker::Answer(Callback<Status> done) {
  if (auto error = Refuse()) return done(*error);
  done({});
}

void InstantBroker::Produce(server::ProduceRequest request,
                            Callback<Result<server::ProduceResult>> done) {
  if (auto error = Refuse(request.where)) return done(*error);
  const auto header = storage::ValidateBatch(request.batch.view(), {}, true);
  if (!header.ok()) return done(header.error());
  done(server::ProduceResult{.base_offset = kEnd});
}

void InstantBroker::Fetch(server::FetchRequest request,
                          Callback<Result<server::FetchResult>> done) {
  if (auto error = Refuse(request.where)) return done(*error);
  if (request.offset < 0 || request.offset > kEnd) {
    return done(Error{ErrorCode::kOffsetOutOfRange, "the offset is outside of the log"});
  }
  server::FetchResult result{.high_watermark = kEnd};
  if (request.offset < kEnd && (request.at_least_one_batch || batch_.size() <= request.max_bytes)) {
    result.batches.push_back({.leader_epoch = kEpoch, .bytes = batch_});
  }
  done(std::move(result));
}

void InstantBroker::ListOffset(TopicPartition where, int64_t timestamp_ms,
                               Callback<Result<server::ListedOffset>> done) {
  if (auto error = Refuse(where)) return done(*error);
  done(server::ListedOffset{.offset = 1, .timestamp_ms = timestamp_ms, .leader_epoch = kEpoch});
}

server::PartitionView InstantBroker::ViewOf(const TopicPartition& where) const {
  return {.where = where,
          .desired_replicas = {NodeId(1), NodeId(3)},
          .leader = NodeId(1),
          .leader_epoch = kEpoch,
          .from_leader = true,
          .replicas = {{.node = NodeId(1), .voter = true, .live = true, .caught_up = true}},
          .high_watermark = kEnd};
}

void InstantBroker::DescribePartition(TopicPartition where,
                                      Callback<Result<server::PartitionView>> done) {
  if (auto error = Refuse(where)) return done(*error);
  done(ViewOf(where));
}

void InstantBroker::InspectPartition(TopicPartition where,
                                     Callback<Result<server::PartitionView>> done) {
  DescribePartition(std::move(where), std::move(done));
}

void InstantBroker::DeleteRecords(TopicPartition where, int64_t offset,
                                  Callback<Result<int64_t>> done) {
  if (auto error = Refuse(where)) return done(*error);
  done(offset);
}

void InstantBroker::FindEpochEnd(TopicPartition where, int32_t epoch,
                                 Callback<Result<server::EpochEnd>> done) {
  if (auto error = Refuse(where)) return done(*error);
  done(server::EpochEnd{.epoch = epoch, .end_offset = kEnd});
}

std::optional<server::KnownLeader> InstantBroker::KnownLeaderOf(const TopicPartition& where) const {
  if (where.topic != "t") return std::nullopt;
  return server::KnownLeader{.node = NodeId(1), .epoch = kEpoch};
}

void InstantBroker::CreateTopic(server::CreateTopic, Callback<Result<Uuid>> done) {
  if (auto error = Refuse()) return done(*error);
  done(Uuid());
}

void InstantBroker::InitProducer(Callback<Result<server::ProducerIdentity>> done) {
  if (auto error = Refuse()) return done(*error);
  done(server::ProducerIdentity{.producer_id = 100});
}

void InstantBroker::TransferLeadership(TopicPartition, NodeId, Callback<Status> done) {
  Answer(std::move(done));
}
void InstantBroker::HandOver(TopicPartition, NodeId, Callback<Status> done) {
  Answer(std::move(done));
}
void InstantBroker::DeleteTopic(std::string, Callback<Status> done) { Answer(std::move(done)); }
void InstantBroker::CreatePartitions(server::NewPartitions request, Callback<Status> done) {
  Answer(std::move(done));
}
void InstantBroker::AlterTopicConfigs(std::string,
                                      std::map<std::string, std::optional<std::string>>,
                                      Callback<Status> done) {
  Answer(std::move(done));
}
void InstantBroker::MovePartition(TopicPartition, std::vector<NodeId>, Callback<Status> done) {
  Answer(std::move(done));
}
void InstantBroker::AddNode(NodeId, Callback<Status> done) { Answer(std::move(done)); }
void InstantBroker::RemoveNode(NodeId, Callback<Status> done) { Answer(std::move(done)); }

}  // namespace jangada::fuzz
