#include "tests/server/partition/test_cluster.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace jangada::testing {

using server::ReplicaContext;

namespace {

int64_t HeartbeatUs(const server::ReplicaOptions& options) {
  return static_cast<int64_t>(options.raft.heartbeat_ticks) * options.tick_us;
}

}  // namespace

class TestCluster::NodeTransport final : public server::Transport {
 public:
  NodeTransport(TestCluster& cluster, int self) : cluster_(cluster), self_(self) {}
  void Send(GroupId group, raft::Message message) override {
    cluster_.Deliver(group, std::move(message));
  }
  void SendStatus(NodeId, const server::NodeStatus&) override {}
  void SendPulse(NodeId to, server::Pulse pulse) override {
    cluster_.DeliverPulse(self_, to.value(), std::move(pulse));
  }
  void Call(NodeId, server::PeerCall, int64_t, Callback<Result<Bytes>>) override {
    CHECK_MSG(false, "a partition asks no questions");
  }

 private:
  TestCluster& cluster_;
  const int self_;
};

class TestCluster::NodeObserver final : public server::ReplicaObserver {
 public:
  explicit NodeObserver(Slot* slot) : slot_(slot) {}
  void OnRoleChange(GroupId, const raft::RoleChange&, bool) override {}
  void OnLagging(GroupId, raft::Term, const std::vector<NodeId>& nodes) override {
    slot_->lagging = nodes;
    ++slot_->lag_reports;
  }
  void OnFatal(GroupId, const Error& error) override { slot_->fatal.push_back(error); }

 private:
  Slot* const slot_;
};

TestCluster::TestCluster(ClusterOptions options)
    : options_(options), random_(options.seed), slots_(static_cast<size_t>(options.nodes)) {
  std::vector<int> founders;
  for (int node = 1; node <= options.nodes; ++node) {
    Slot& slot = this->slot(node);
    slot.id = NodeId(node);
    slot.executor = std::make_unique<VirtualExecutor>(world_);
    slot.disk = std::make_unique<VirtualExecutor>(world_, options.sync_us);
    slot.store = std::make_unique<storage::MemLogStore>(*slot.disk);
    slot.transport = std::make_unique<NodeTransport>(*this, node);
    slot.observer = std::make_unique<NodeObserver>(&slot);
    if (options.founders == 0 || node <= options.founders) founders.push_back(node);
  }
  for (const int node : founders) Start(node, founders);
}

TestCluster::~TestCluster() {
  for (Slot& slot : slots_) {
    slot.executor->Kill();
    slot.partition.reset();
    slot.pulses.reset();
  }
}

server::PartitionOptions TestCluster::OptionsOf(int node) const {
  server::PartitionOptions options;
  options.where = {"topic", 0};
  options.config = options_.config;
  options.max_producers = options_.max_producers;
  options.producer_expiry_check_us = options_.producer_expiry_check_us;
  options.replica.group = kGroup;
  options.replica.raft.self = NodeId(node);
  options.replica.raft.seed = options_.seed * 1000 + static_cast<uint64_t>(node);
  options.replica.raft.max_append_bytes = options_.max_append_bytes;
  options.replica.checkpoint_every_bytes = options_.checkpoint_every_bytes;
  options.replica.proposal_timeout_us = options_.proposal_timeout_us;
  options.replica.trim_interval_us = options_.trim_interval_us;
  options.replica.preferred = node == 1;
  return options;
}

// ---- nodes ----

void TestCluster::Start(int node, const std::vector<int>& founders) {
  Slot& slot = this->slot(node);
  CHECK(slot.partition == nullptr);
  const auto loaded = slot.store->Load();
  CHECK(loaded.ok());
  storage::GroupState state;
  state.group = kGroup;
  state.damaged = state.forgot_votes = slot.store->may_have_lost_groups();
  for (const storage::GroupState& group : *loaded) {
    if (group.group == kGroup) state = group;
  }
  raft::Membership bootstrap;
  for (const int founder : founders) bootstrap.voters.push_back(NodeId(founder));
  slot.cache = std::make_unique<storage::EntryCache>(options_.cache_bytes);
  slot.pulses = std::make_unique<server::Pulses>(
      server::Pulses::Options{.self = slot.id, .interval_us = HeartbeatUs(OptionsOf(node).replica)},
      *slot.executor, *slot.transport);
  slot.partition = std::make_unique<server::Partition>(
      OptionsOf(node),
      ReplicaContext{*slot.executor, *slot.store, *slot.cache, *slot.transport,
                     options_.pulses ? slot.pulses.get() : nullptr},
      *slot.observer);
  slot.partition->Start(state, bootstrap).value();
}

void TestCluster::Crash(int node) {
  Slot& slot = this->slot(node);
  CHECK(slot.partition != nullptr);
  slot.executor->Kill();
  slot.store->Crash();
  slot.partition.reset();
  slot.pulses.reset();
  for (int other = 1; other <= options_.nodes; ++other) {
    if (other == node || cut_.contains({node, other})) continue;
    world_.After(5'000, this->slot(other).executor.get(), [this, node, other] {
      if (IsUp(other) && !IsUp(node)) partition(other).OnPeerUnreachable(NodeId(node));
    });
  }
}

void TestCluster::Stop(int node) {
  bool stopped = false;
  partition(node).Stop([&stopped] { stopped = true; });
  CHECK(RunUntil([&stopped] { return stopped; }));
  slot(node).executor->Kill();
  slot(node).partition.reset();
  slot(node).pulses.reset();
}

// ---- network ----

void TestCluster::Cut(int a, int b) {
  cut_.insert({a, b});
  cut_.insert({b, a});
}

void TestCluster::Isolate(int node) {
  for (int other = 1; other <= options_.nodes; ++other) {
    if (other != node) Cut(node, other);
  }
}

void TestCluster::Deliver(GroupId group, raft::Message message) {
  CHECK_EQ(group, kGroup);
  const int from = message.from.value();
  const int to = message.to.value();
  ++messages_sent_;
  Carry(from, to, [this, to, message = std::move(message)]() mutable {
    partition(to).Step(std::move(message));
  });
}

void TestCluster::DeliverPulse(int from, int to, server::Pulse pulse) {
  ++pulses_sent_;
  if (random_.Below(100) < lost_pulses_percent_) return;
  Carry(from, to, [this, from, to, pulse = std::move(pulse)] {
    slot(to).pulses->OnPulse(NodeId(from), pulse);
  });
}

void TestCluster::Carry(int from, int to, Callback<> arrive) {
  if (to < 1 || to > options_.nodes || cut_.contains({from, to})) return;
  const int64_t delay_us =
      options_.network_us + static_cast<int64_t>(random_.Below(options_.network_us));
  world_.After(delay_us, slot(to).executor.get(),
               [this, from, to, arrive = std::move(arrive)]() mutable {
                 if (IsUp(to) && !cut_.contains({from, to})) arrive();
               });
}

// ---- the partition ----

int TestCluster::Leader() const {
  int leader = 0;
  raft::Term term = 0;
  for (int node = 1; node <= options_.nodes; ++node) {
    if (!IsUp(node) || !slot(node).partition->replica().IsReadyLeader()) continue;
    const raft::Term its = slot(node).partition->replica().status().term;
    if (its > term) leader = node;
    term = std::max(term, its);
  }
  return leader;
}

int TestCluster::AwaitLeader(int other_than) {
  CHECK_MSG(RunUntil([&] { return Leader() != 0 && Leader() != other_than; }), "no leader came");
  return Leader();
}

bool TestCluster::Converged() {
  const int leader = Leader();
  if (leader == 0) return false;
  const raft::RaftStatus status = partition(leader).replica().status();
  for (int node = 1; node <= options_.nodes; ++node) {
    if (!IsUp(node)) continue;
    const raft::RaftStatus other = partition(node).replica().status();
    if (other.last != status.last || other.applied != status.last.index) return false;
    if (other.durable != status.last.index) return false;
  }
  return true;
}

TestCluster::Produced TestCluster::Append(int node, const Bytes& batch) {
  auto answer = std::make_shared<std::optional<Result<server::ProduceResult>>>();
  partition(node).Append(batch, [answer](Result<server::ProduceResult> result) {
    CHECK_MSG(!answer->has_value(), "an append was answered twice");
    *answer = std::move(result);
  });
  return answer;
}

Result<server::ProduceResult> TestCluster::Produce(const Bytes& batch) {
  const Produced answer = Append(AwaitLeader(), batch);
  CHECK_MSG(RunUntil([&] { return answer->has_value(); }, 60 * kSecond), "an append hangs");
  return **answer;
}

Result<server::FetchResult> TestCluster::Read(int node, int64_t offset, size_t max_bytes) {
  std::optional<Result<server::FetchResult>> answer;
  partition(node).Read({.offset = offset, .max_bytes = max_bytes},
                       [&](Result<server::FetchResult> result) { answer = std::move(result); });
  CHECK_MSG(RunUntil([&] { return answer.has_value(); }), "a read hangs");
  return *answer;
}

Result<std::vector<std::string>> TestCluster::ReadAll(int node, int64_t offset) {
  std::vector<std::string> values;
  while (true) {
    TRY_ASSIGN(const server::FetchResult fetched, Read(node, offset));
    if (fetched.batches.empty()) {
      CHECK_EQ(offset, fetched.high_watermark);
      return values;
    }
    for (const server::FetchedBatch& batch : fetched.batches) {
      TRY_ASSIGN(const auto records, storage::DecodeRecords(batch.bytes.view(), batch.base_offset));
      for (const storage::Record& record : records) {
        if (record.offset < offset) continue;
        CHECK_EQ(record.offset, offset);
        values.push_back(record.value.value_or("(null)"));
        ++offset;
      }
    }
  }
}

Result<server::ListedOffset> TestCluster::ListOffset(int node, int64_t timestamp_ms) {
  std::optional<Result<server::ListedOffset>> answer;
  partition(node).ListOffset(
      timestamp_ms, [&](Result<server::ListedOffset> result) { answer = std::move(result); });
  CHECK_MSG(RunUntil([&] { return answer.has_value(); }), "a list of offsets hangs");
  return *answer;
}

Result<int64_t> TestCluster::DeleteRecords(int node, int64_t offset) {
  std::optional<Result<int64_t>> answer;
  partition(node).DeleteRecords(offset,
                                [&](Result<int64_t> result) { answer = std::move(result); });
  CHECK_MSG(RunUntil([&] { return answer.has_value(); }), "a deletion hangs");
  return *answer;
}

Status TestCluster::ChangeMembership(const std::vector<int>& voters,
                                     const std::vector<int>& learners) {
  raft::MembershipTarget target;
  for (const int node : voters) target.voters.push_back(NodeId(node));
  for (const int node : learners) target.learners.push_back(NodeId(node));
  std::optional<Status> answer;
  const int leader = AwaitLeader();
  partition(leader).replica().ProposeMembership(
      target, [&](const Result<server::Proposed>& result) {
        answer = result.ok() ? Status() : Status(result.error());
      });
  CHECK_MSG(RunUntil([&] { return answer.has_value(); }), "a membership change hangs");
  if (!answer->ok()) return *answer;
  const bool done = RunUntil([&] {
    if (Leader() == 0) return false;
    const raft::RaftStatus status = partition(Leader()).replica().status();
    return !status.membership.membership.IsJoint() && status.membership_committed;
  });
  CHECK_MSG(done, "a membership change does not end");
  return Status();
}

// ---- batches ----

Bytes BatchOf(const std::vector<std::string>& values, int64_t timestamp_ms) {
  storage::BatchBuilder builder;
  for (const std::string& value : values) {
    builder.Add({.offset = 0,
                 .timestamp_ms = timestamp_ms,
                 .key = std::nullopt,
                 .value = value,
                 .headers = {}});
  }
  return builder.Build().value();
}

Bytes BatchFrom(int64_t producer_id, int16_t epoch, int32_t sequence,
                const std::vector<std::string>& values) {
  storage::BatchBuilder builder;
  builder.SetProducer(producer_id, epoch, sequence);
  for (const std::string& value : values) {
    builder.Add(
        {.offset = 0, .timestamp_ms = 1000, .key = std::nullopt, .value = value, .headers = {}});
  }
  return builder.Build().value();
}

}  // namespace jangada::testing
