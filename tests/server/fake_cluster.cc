// See fake_cluster.h.
#include "tests/server/fake_cluster.h"

#include <algorithm>
#include <future>

namespace jangada::server::testing {
namespace {

std::string Name(const TopicPartition& where) {
  return where.topic + "/" + std::to_string(where.partition);
}

}  // namespace

FakeCluster::FakeCluster() : image_(std::make_shared<ClusterImage>()) {
  Change([](ClusterImage* image) {
    Random random(7);
    image->cluster_id = Uuid::Make(random);
  });
  shard_.Start();
}

FakeCluster::~FakeCluster() { shard_.Stop(); }

void FakeCluster::Change(const std::function<void(ClusterImage*)>& change) {
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<ClusterImage>(*image_);
  ++next->version;
  change(next.get());
  image_ = std::move(next);
}

void FakeCluster::AddNode(NodeId node, uint16_t grpc_port, uint16_t kafka_port) {
  Change([&](ClusterImage* image) {
    image->nodes[node] = {.id = node,
                          .disk_id = {},
                          .rack = "rack-" + std::to_string(node.value()),
                          .peer = {"127.0.0.1", 1},
                          .grpc = {"127.0.0.1", grpc_port},
                          .kafka = kafka_port == 0 ? Endpoint{} : Endpoint{"127.0.0.1", kafka_port},
                          .http = {}};
  });
}

void FakeCluster::AddTopic(const std::string& name, int32_t partitions, NodeId leader) {
  Change([&](ClusterImage* image) {
    auto topic = std::make_shared<TopicInfo>();
    topic->name = name;
    const auto present = image->FindTopic(name);
    Random random(++topics_made_);
    topic->id = present != nullptr ? present->id : Uuid::Make(random);
    for (int32_t i = 0; i < partitions; ++i) {
      topic->partitions.push_back({.partition = i,
                                   .group = GroupId(image->next_group++),
                                   .replicas = {leader},
                                   .founders = {leader},
                                   .revision = kFirstRevision});
      leaders_[{name, i}] = leader;
    }
    image->topics[name] = topic;
  });
}

void FakeCluster::RemoveTopic(const std::string& name) {
  Change([&](ClusterImage* image) { image->topics.erase(name); });
  shard_.Post([this] { WakePolls(); });
}

void FakeCluster::Move(const TopicPartition& where, std::vector<NodeId> replicas) {
  Change([&](ClusterImage* image) {
    auto topic = std::make_shared<TopicInfo>(*image->topics.at(where.topic));
    PartitionInfo& partition = topic->partitions.at(static_cast<size_t>(where.partition));
    partition.replicas = replicas;
    ++partition.revision;
    image->topics[where.topic] = topic;
  });
}

void FakeCluster::SetLeader(const TopicPartition& where, std::optional<NodeId> leader) {
  {
    const std::lock_guard lock(mutex_);
    leaders_.erase(where);
    if (leader) leaders_[where] = *leader;
  }
  shard_.Post([this] { WakePolls(); });
}

void FakeCluster::SetLagging(const TopicPartition& where, std::vector<NodeId> nodes) {
  const std::lock_guard lock(mutex_);
  lagging_[where] = std::move(nodes);
}

std::vector<NodeId> FakeCluster::LaggingOf(const TopicPartition& where) const {
  const std::lock_guard lock(mutex_);
  const auto found = lagging_.find(where);
  return found == lagging_.end() ? std::vector<NodeId>() : found->second;
}

ClusterImagePtr FakeCluster::image() const {
  const std::lock_guard lock(mutex_);
  return image_;
}

std::optional<NodeId> FakeCluster::LeaderOf(const TopicPartition& where) const {
  const std::lock_guard lock(mutex_);
  const auto it = leaders_.find(where);
  return it == leaders_.end() ? std::nullopt : std::optional(it->second);
}

std::vector<storage::Record> FakeCluster::Records(const TopicPartition& where) {
  std::promise<std::vector<storage::Record>> promise;
  shard_.Post([&] {
    std::vector<storage::Record> all;
    for (const FetchedBatch& batch : logs_[where].batches) {
      auto records = storage::DecodeRecords(batch.bytes.view(), batch.base_offset).value();
      std::move(records.begin(), records.end(), std::back_inserter(all));
    }
    promise.set_value(std::move(all));
  });
  return promise.get_future().get();
}

void FakeCluster::SetLogStart(const TopicPartition& where, int64_t offset) {
  std::promise<void> promise;
  shard_.Post([&] {
    logs_[where].start = offset;
    promise.set_value();
  });
  promise.get_future().get();
}

void FakeCluster::DamageLastBatch(const TopicPartition& where) {
  shard_.Post([this, where] {
    FetchedBatch& batch = logs_[where].batches.back();
    std::string bytes = batch.bytes.ToString();
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    batch.bytes = Bytes(std::move(bytes));
  });
}

Result<ProduceResult> FakeCluster::Append(const ProduceRequest& request) {
  TRY_ASSIGN(const storage::BatchHeader header,
             storage::ValidateBatch(request.batch.view(), {}, true));
  Log& log = logs_[request.where];
  if (header.producer_id != storage::kNoProducerId) {
    if (header.base_sequence != 0 && !log.producers.contains(header.producer_id)) {
      return Error{ErrorCode::kUnknownProducer, "The producer is not known; get a new id."};
    }
    ProducerState& producer = log.producers[header.producer_id];
    const auto known = producer.offsets.find(header.base_sequence);
    if (known != producer.offsets.end()) {
      return ProduceResult{.base_offset = known->second, .duplicate = true};
    }
    if (header.base_sequence != producer.next_sequence) {
      return Error{ErrorCode::kOutOfOrderSequence,
                   "The sequence is not the next one; produce the missing batch first."};
    }
    producer.next_sequence += header.record_count;
    producer.offsets[header.base_sequence] = log.end;
  }
  const ProduceResult result{.base_offset = log.end, .log_start_offset = log.start};
  log.batches.push_back({.base_offset = log.end, .leader_epoch = kEpoch, .bytes = request.batch});
  log.timestamps.push_back(header.max_timestamp_ms);
  log.end += header.record_count;
  WakePolls();
  return result;
}

Result<FetchResult> FakeCluster::Read(const FetchRequest& request) {
  const Log& log = logs_[request.where];
  if (request.offset < log.start || request.offset > log.end) {
    return Error{ErrorCode::kOffsetOutOfRange,
                 "The offset is outside of the log; ask ListOffsets for its ends."};
  }
  FetchResult result{.batches = {}, .high_watermark = log.end, .log_start_offset = log.start};
  size_t bytes = 0;
  for (const FetchedBatch& batch : log.batches) {
    const auto header = storage::ReadBatchHeader(batch.bytes.view()).value();
    if (batch.base_offset + header.record_count <= request.offset) continue;
    const bool must_fit = !request.at_least_one_batch || !result.batches.empty();
    if (must_fit && bytes + batch.bytes.size() > request.max_bytes) break;
    bytes += batch.bytes.size();
    result.batches.push_back(batch);
  }
  return result;
}

/// Answers the long polls that have what they wait for, whose time is up, or whose node no longer
/// leads.
void FakeCluster::WakePolls() {
  std::deque<Poll> polls = std::move(polls_);
  polls_.clear();
  for (Poll& poll : polls) {
    if (poll.request.abandoned != nullptr && poll.request.abandoned->IsSet()) {
      poll.done(Error{ErrorCode::kTimeout, "Nobody waits for this any more."});
      continue;
    }
    if (image()->FindTopic(poll.request.where.topic) == nullptr) {
      poll.done(Error{ErrorCode::kUnknownTopic, "The topic was deleted."});
      continue;
    }
    if (LeaderOf(poll.request.where) != poll.node) {
      poll.done(Error{ErrorCode::kNotLeader, "This node no longer leads the partition."});
      continue;
    }
    auto result = Read(poll.request);
    size_t bytes = 0;
    if (result.ok()) {
      for (const auto& batch : result->batches) bytes += batch.bytes.size();
    }
    if (!result.ok() || bytes >= poll.request.min_bytes || shard_.NowUs() >= poll.until_us) {
      poll.done(std::move(result));
    } else {
      polls_.push_back(std::move(poll));
    }
  }
}

// ---- FakeBroker ----

std::optional<Error> FakeBroker::NotHere(const TopicPartition& where) const {
  const auto topic = cluster_.image()->FindTopic(where.topic);
  if (topic == nullptr || where.partition >= static_cast<int32_t>(topic->partitions.size())) {
    return Error{ErrorCode::kUnknownTopic, "There is no " + Name(where) + "."};
  }
  if (cluster_.LeaderOf(where) != self_) {
    return Error{ErrorCode::kNotLeader, "This node does not lead " + Name(where) + "."};
  }
  return std::nullopt;
}

void FakeBroker::SetLogDir(LogDirView view) {
  const std::lock_guard lock(mutex_);
  log_dir_ = std::move(view);
}

LogDirView FakeBroker::LogDir() const {
  const std::lock_guard lock(mutex_);
  return log_dir_;
}

void FakeBroker::FailProduce(std::function<std::optional<Error>(const ProduceRequest&)> fail) {
  const std::lock_guard lock(mutex_);
  fail_produce_ = std::move(fail);
}

void FakeBroker::ReleaseAnswers() {
  hold_ = false;
  cluster_.shard().Post([this] {
    auto held = std::move(held_);
    held_.clear();
    for (auto& answer : held) answer();
  });
}

void FakeBroker::SetDead(NodeId node) {
  const std::lock_guard lock(mutex_);
  dead_.insert(node);
}

void FakeBroker::SetCondition(NodeId node, NodeCondition condition) {
  const std::lock_guard lock(mutex_);
  conditions_[node] = std::move(condition);
}

void FakeBroker::FailAdmin(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  fail_admin_ = std::move(error);
}

std::vector<std::string> FakeBroker::admin_calls() const {
  const std::lock_guard lock(mutex_);
  return admin_calls_;
}

std::vector<NodeId> FakeBroker::LiveNodes() const {
  const std::lock_guard lock(mutex_);
  std::vector<NodeId> live;
  for (const auto& [id, node] : cluster_.image()->nodes) {
    if (!dead_.contains(id)) live.push_back(id);
  }
  return live;
}

std::map<NodeId, NodeView> FakeBroker::Nodes() const {
  const std::lock_guard lock(mutex_);
  std::map<NodeId, NodeView> nodes;
  for (const auto& [id, node] : cluster_.image()->nodes) {
    const auto told = conditions_.find(id);
    nodes[id] = {.live = !dead_.contains(id),
                 .condition = told == conditions_.end() ? NodeCondition() : told->second};
  }
  return nodes;
}

void FakeBroker::Produce(ProduceRequest request, Callback<Result<ProduceResult>> done) {
  ++produces;
  produced_bytes += static_cast<int64_t>(request.batch.size());
  cluster_.shard().Post([this, request = std::move(request), done = std::move(done)]() mutable {
    std::function<std::optional<Error>(const ProduceRequest&)> fail;
    {
      const std::lock_guard lock(mutex_);
      fail = fail_produce_;
    }
    const auto error = fail ? fail(request) : std::nullopt;
    if (!error) {
      if (auto elsewhere = NotHere(request.where)) return done(*elsewhere);
    }
    Result<ProduceResult> result = error ? Result<ProduceResult>(*error) : cluster_.Append(request);
    if (!hold_) return done(std::move(result));
    held_.push_back(
        [done = std::move(done), result = std::move(result)]() mutable { done(result); });
  });
}

void FakeBroker::Fetch(FetchRequest request, Callback<Result<FetchResult>> done) {
  ++fetches;
  cluster_.shard().Post([this, request = std::move(request), done = std::move(done)]() mutable {
    if (auto error = NotHere(request.where)) return done(*error);
    Shard& shard = cluster_.shard();
    const int64_t until_us = shard.NowUs() + request.max_wait_us;
    // The broker may be gone by then; the cluster stops its shard first of all.
    shard.After(request.max_wait_us, [&cluster = cluster_] { cluster.WakePolls(); });
    cluster_.polls_.push_back({self_, std::move(request), until_us, std::move(done)});
    cluster_.WakePolls();
  });
}

void FakeBroker::ListOffset(TopicPartition where, int64_t timestamp_ms,
                            Callback<Result<ListedOffset>> done) {
  cluster_.shard().Post([this, where, timestamp_ms, done = std::move(done)]() mutable {
    if (auto error = NotHere(where)) return done(*error);
    const FakeCluster::Log& log = cluster_.logs_[where];
    if (timestamp_ms == kEarliestOffset) return done(ListedOffset{.offset = log.start});
    if (timestamp_ms == kLatestOffset) return done(ListedOffset{.offset = log.end});
    for (size_t i = 0; i < log.batches.size(); ++i) {  // by whole batches: enough for these tests
      if (timestamp_ms >= 0 && log.timestamps[i] >= timestamp_ms) {
        return done(
            ListedOffset{.offset = log.batches[i].base_offset, .timestamp_ms = log.timestamps[i]});
      }
    }
    done(ListedOffset{});
  });
}

void FakeBroker::DescribePartition(TopicPartition where, Callback<Result<PartitionView>> done) {
  cluster_.shard().Post([this, where, done = std::move(done)]() mutable {
    if (auto error = NotHere(where)) return done(*error);
    PartitionView view{.where = where};
    view.leader = self_;
    view.leader_epoch = 3;
    view.from_leader = true;
    view.desired_replicas = {self_, NodeId(9)};
    view.replicas = {
        {.node = self_, .voter = true, .live = true, .caught_up = true, .match_index = 12},
        {.node = NodeId(9), .voter = true, .live = false, .caught_up = false, .match_index = 5}};
    view.high_watermark = cluster_.logs_[where].end;
    done(std::move(view));
  });
}

void FakeBroker::DeleteRecords(TopicPartition where, int64_t offset,
                               Callback<Result<int64_t>> done) {
  cluster_.shard().Post([this, where, offset, done = std::move(done)]() mutable {
    if (auto error = NotHere(where)) return done(*error);
    FakeCluster::Log& log = cluster_.logs_[where];
    if (offset > log.end) {
      return done(
          Error{ErrorCode::kOffsetOutOfRange, "The offset lies beyond the high watermark."});
    }
    log.start = std::max(log.start, offset);
    done(log.start);
  });
}

void FakeBroker::TransferLeadership(TopicPartition where, NodeId to, Callback<Status> done) {
  if (auto error = NotHere(where)) return done(*error);
  cluster_.SetLeader(where, to);
  done({});
}

void FakeBroker::FindEpochEnd(TopicPartition where, int32_t epoch,
                              Callback<Result<EpochEnd>> done) {
  cluster_.shard().Post([this, where, epoch, done = std::move(done)]() mutable {
    if (auto error = NotHere(where)) return done(*error);
    if (epoch > FakeCluster::kEpoch) return done(EpochEnd{});
    done(EpochEnd{epoch, cluster_.logs_[where].end});
  });
}

void FakeBroker::SetInspected(std::optional<PartitionView> view) {
  const std::lock_guard lock(mutex_);
  inspected_ = std::move(view);
}

void FakeBroker::InspectPartition(TopicPartition where, Callback<Result<PartitionView>> done) {
  PartitionView view{.where = where, .from_leader = true};
  {
    const std::lock_guard lock(mutex_);
    if (inspected_) view = *inspected_;
  }
  done(view);
}

void FakeBroker::HandOver(TopicPartition where, NodeId to, Callback<Status> done) {
  Record("HandOver " + Name(where) + " " + std::to_string(to.value()), std::move(done));
}

void FakeBroker::Record(std::string call, Callback<Status> done) {
  std::optional<Error> error;
  {
    const std::lock_guard lock(mutex_);
    admin_calls_.push_back(std::move(call));
    error = fail_admin_;
  }
  error ? done(*error) : done({});
}

void FakeBroker::CreateTopic(server::CreateTopic request, Callback<Result<Uuid>> done) {
  std::string call = "CreateTopic " + request.name + " " + std::to_string(request.partitions) +
                     "x" + std::to_string(request.replication_factor);
  for (const auto& [key, value] : request.configs) call += " " + key + "=" + value;
  for (const auto& replicas : request.assignment) {
    call += " [";
    for (const NodeId node : replicas) call += " " + std::to_string(node.value());
    call += " ]";
  }
  Record(call, [this, request, done = std::move(done)](Status status) mutable {
    if (!status.ok()) return done(status.error());
    if (!request.validate_only) cluster_.AddTopic(request.name, request.partitions, self_);
    Random random(8);
    done(Uuid::Make(random));
  });
}

void FakeBroker::DeleteTopic(std::string name, Callback<Status> done) {
  Record("DeleteTopic " + name, std::move(done));
}

void FakeBroker::CreatePartitions(NewPartitions request, Callback<Status> done) {
  std::string call = "CreatePartitions " + request.topic + " " + std::to_string(request.total);
  for (const std::vector<NodeId>& replicas : request.assignment) {
    call += " at";
    for (const NodeId node : replicas) call += " " + std::to_string(node.value());
  }
  Record(call, std::move(done));
}

void FakeBroker::AlterTopicConfigs(std::string topic,
                                   std::map<std::string, std::optional<std::string>> changes,
                                   Callback<Status> done) {
  std::string call = "AlterTopicConfigs " + topic;
  for (const auto& [key, value] : changes) call += " " + key + "=" + value.value_or("(default)");
  Record(call, std::move(done));
}

void FakeBroker::InitProducer(Callback<Result<ProducerIdentity>> done) {
  Record("InitProducer", [this, done = std::move(done)](Status status) mutable {
    if (!status.ok()) return done(status.error());
    done(ProducerIdentity{.producer_id = next_producer_id_++, .epoch = 0});
  });
}

void FakeBroker::MovePartition(TopicPartition where, std::vector<NodeId> replicas,
                               Callback<Status> done) {
  std::string call = "MovePartition " + Name(where);
  for (const NodeId node : replicas) call += " " + std::to_string(node.value());
  Record(call, std::move(done));
}

void FakeBroker::AddNode(NodeId node, Callback<Status> done) {
  Record("AddNode " + std::to_string(node.value()), std::move(done));
}

void FakeBroker::RemoveNode(NodeId node, Callback<Status> done) {
  Record("RemoveNode " + std::to_string(node.value()), std::move(done));
}

}  // namespace jangada::server::testing
