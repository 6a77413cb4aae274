#include "tests/server/groups/groups_cluster.h"

#include "base/check.h"
#include "base/coding.h"

namespace jangada::server::groups::testing {
namespace {

constexpr int64_t kSyncUs = 1'000;
constexpr int64_t kNetworkUs = 300;  // and up to twice that

}  // namespace

class GroupsCluster::NodeTransport final : public Transport {
 public:
  explicit NodeTransport(GroupsCluster& cluster) : cluster_(cluster) {}
  void Send(GroupId group, raft::Message message) override {
    cluster_.Deliver(group, std::move(message));
  }
  void SendStatus(NodeId, const NodeStatus&) override {}
  void SendPulse(NodeId, Pulse) override {}
  void Call(NodeId, PeerCall, int64_t, Callback<Result<Bytes>>) override {
    CHECK_MSG(false, "a shard of groups asks no questions");
  }

 private:
  GroupsCluster& cluster_;
};

class GroupsCluster::NodeObserver final : public ReplicaObserver {
 public:
  explicit NodeObserver(std::vector<Error>* fatal) : fatal_(fatal) {}
  void OnRoleChange(GroupId, const raft::RoleChange&, bool) override {}
  void OnFatal(GroupId, const Error& error) override { fatal_->push_back(error); }

 private:
  std::vector<Error>* const fatal_;
};

GroupsCluster::GroupsCluster(const Options& options)
    : options_(options), random_(options.seed), slots_(kNodes) {
  for (int node = 1; node <= kNodes; ++node) {
    Slot& slot = this->slot(node);
    slot.id = NodeId(node);
    slot.executor = std::make_unique<VirtualExecutor>(world_);
    slot.disk = std::make_unique<VirtualExecutor>(world_, kSyncUs);
    slot.store = std::make_unique<storage::MemLogStore>(*slot.disk);
    slot.transport = std::make_unique<NodeTransport>(*this);
    slot.observer = std::make_unique<NodeObserver>(&slot.fatal);
  }
  AddTopic("t", 4);
  for (int node = 1; node <= kNodes; ++node) Start(node, true);
}

GroupsCluster::~GroupsCluster() {
  for (Slot& slot : slots_) {
    slot.executor->Kill();
    slot.coordinator.reset();
  }
}

CoordinatorOptions GroupsCluster::OptionsOf(int node) {
  CoordinatorOptions options;
  options.where = {kGroupsTopic, 0};
  options.replica.group = kShard;
  options.replica.raft.self = NodeId(node);
  options.replica.raft.seed = options_.seed * 1000 + static_cast<uint64_t>(node);
  options.replica.checkpoint_every_bytes = options_.checkpoint_every_bytes;
  options.replica.proposal_timeout_us = 5 * kSecond;
  options.replica.preferred = node == 1;
  options.group.initial_delay_us = options_.initial_delay_us;
  options.offsets_retention_ms = options_.offsets_retention_ms;
  options.seed = options_.seed + static_cast<uint64_t>(node);
  options.image = [this, node] {
    return slot(node).frozen != nullptr ? slot(node).frozen : image_;
  };
  return options;
}

void GroupsCluster::Start(int node, bool founds) {
  Slot& slot = this->slot(node);
  CHECK(slot.coordinator == nullptr);
  storage::GroupState state;
  state.group = kShard;
  for (const storage::GroupState& group : slot.store->Load().value()) state = group;
  raft::Membership bootstrap;
  for (int founder = 1; founds && founder <= kNodes; ++founder) {
    bootstrap.voters.push_back(NodeId(founder));
  }
  slot.cache = std::make_unique<storage::EntryCache>(1 << 20);
  slot.coordinator = std::make_unique<Coordinator>(
      OptionsOf(node),
      ReplicaContext{*slot.executor, *slot.store, *slot.cache, *slot.transport, nullptr},
      *slot.observer);
  slot.coordinator->Start(state, bootstrap).value();
}

void GroupsCluster::Crash(int node) {
  Slot& slot = this->slot(node);
  slot.executor->Kill();
  slot.store->Crash();
  slot.coordinator.reset();
}

void GroupsCluster::Isolate(int node) {
  for (int other = 1; other <= kNodes; ++other) {
    if (other == node) continue;
    cut_.insert({node, other});
    cut_.insert({other, node});
  }
}

void GroupsCluster::Deliver(GroupId group, raft::Message message) {
  CHECK_EQ(group, kShard);
  const int from = message.from.value();
  const int to = message.to.value();
  if (cut_.contains({from, to})) return;
  const int64_t delay_us = kNetworkUs + static_cast<int64_t>(random_.Below(kNetworkUs));
  world_.After(delay_us, slot(to).executor.get(),
               [this, from, to, message = std::move(message)]() mutable {
                 if (IsUp(to) && !cut_.contains({from, to})) at(to).Step(std::move(message));
               });
}

int GroupsCluster::AwaitLeader(int other_than) {
  int leader = 0;
  const auto look = [&] {
    raft::Term term = 0;
    leader = 0;
    for (int node = 1; node <= kNodes; ++node) {
      if (!IsUp(node) || !at(node).replica().IsReadyLeader()) continue;
      if (at(node).replica().status().term <= term) continue;
      term = at(node).replica().status().term;
      leader = node;
    }
    return leader != 0 && leader != other_than;
  };
  CHECK_MSG(RunUntil(look), "no leader came");
  return leader;
}

bool GroupsCluster::Converged() {
  const int leader = AwaitLeader();
  for (int node = 1; node <= kNodes; ++node) {
    if (IsUp(node) && !(at(node).state() == at(leader).state())) return false;
  }
  return true;
}

// ---- topics ----

void GroupsCluster::ChangeImage(const std::function<void(ClusterImage*)>& change) {
  ClusterImage next = *image_;
  ++next.version;
  change(&next);
  image_ = std::make_shared<const ClusterImage>(std::move(next));
}

void GroupsCluster::AddTopic(const std::string& name, int32_t partitions) {
  auto topic = std::make_shared<TopicInfo>();
  topic->name = name;
  topic->id = Uuid::Make(random_);
  topic->partitions.resize(static_cast<size_t>(partitions));
  ChangeImage([&](ClusterImage* image) { image->topics[name] = topic; });
}

void GroupsCluster::RemoveTopic(const std::string& name) {
  ChangeImage([&](ClusterImage* image) { image->topics.erase(name); });
}

void GroupsCluster::FreezeImage(int node, bool frozen) {
  slot(node).frozen = frozen ? image_ : nullptr;
}

// ---- calls ----

OffsetErrors GroupsCluster::Commit(int node, const GroupMembership& member,
                                   const std::string& topic, int32_t partition, int64_t offset) {
  CommitOffsets commit{.member = member, .offsets = {}};
  commit.offsets.push_back({.where = {topic, partition}, .offset = offset, .metadata = "meta"});
  return Await<OffsetErrors>(
      [&](Callback<OffsetErrors> done) { at(node).Commit(std::move(commit), std::move(done)); });
}

GroupError GroupsCluster::CommitSimply(int node, const std::string& group, const std::string& topic,
                                       int32_t partition, int64_t offset) {
  const OffsetErrors errors =
      Commit(node, {.group = group, .member_id = {}, .instance_id = {}}, topic, partition, offset);
  return errors.each.empty() ? errors.error : errors.each[0];
}

FetchedOffsets GroupsCluster::Fetch(int node, const std::string& group) {
  return Await<FetchedOffsets>([&](Callback<FetchedOffsets> done) {
    at(node).Fetch({.group = group, .where = std::nullopt}, std::move(done));
  });
}

int64_t GroupsCluster::Fetch(int node, const std::string& group, const std::string& topic,
                             int32_t partition) {
  const auto fetched = Await<FetchedOffsets>([&](Callback<FetchedOffsets> done) {
    at(node).Fetch({.group = group, .where = {{{topic, partition}}}}, std::move(done));
  });
  if (fetched.error != GroupError::kNone) return -100 - static_cast<int64_t>(fetched.error);
  return fetched.offsets.at(0).offset;
}

JoinGroup GroupsCluster::Asks(const std::string& group, std::string member_id,
                              const std::string& topic) {
  std::string metadata;  // a subscription of the consumer protocol
  AppendBig<int16_t>(&metadata, 1);
  AppendBig<int32_t>(&metadata, 1);
  AppendBig<int16_t>(&metadata, static_cast<int16_t>(topic.size()));
  metadata += topic;
  return {.group = group,
          .member_id = std::move(member_id),
          .instance_id = {},
          .client_id = "client",
          .client_host = "/127.0.0.1",
          .session_timeout_ms = 10'000,
          .rebalance_timeout_ms = 30'000,
          .protocol_type = "consumer",
          .protocols = {{"range", metadata}}};
}

JoinedGroup GroupsCluster::JoinAlone(int node, const std::string& group, const std::string& topic) {
  const auto joined = Await<JoinedGroup>(
      [&](Callback<JoinedGroup> done) { at(node).Join(Asks(group, {}, topic), std::move(done)); });
  const auto synced = Await<SyncedGroup>([&](Callback<SyncedGroup> done) {
    at(node).Sync({.group = group,
                   .generation = joined.generation,
                   .member_id = joined.member_id,
                   .instance_id = {},
                   .protocol_type = {},
                   .protocol = {},
                   .assignments = {{joined.member_id, "everything"}}},
                  std::move(done));
  });
  CHECK(synced.error == GroupError::kNone);
  return joined;
}

GroupError GroupsCluster::Heartbeat(int node, const std::string& group, const JoinedGroup& joined) {
  return Await<GroupError>([&](Callback<GroupError> done) {
    at(node).Heartbeat(MembershipOf(group, joined), std::move(done));
  });
}

GroupDescription GroupsCluster::Describe(int node, const std::string& group) {
  return Await<GroupDescription>(
      [&](Callback<GroupDescription> done) { at(node).Describe(group, std::move(done)); });
}

}  // namespace jangada::server::groups::testing
