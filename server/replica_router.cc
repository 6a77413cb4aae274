#include "server/replica_router.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "server/groups/coordinator.h"

namespace jangada::server {
namespace {

/// A bound on what a restart replays, for the whole node.
constexpr size_t kMaxUnfoldedBytes = size_t{1} << 30;

constexpr int64_t kTickMs = 10;

/// A shard of consumer groups keeps no record, so that only its checkpoints bound what is on disk.
constexpr size_t kGroupsCheckpointBytes = 8 << 20;
/// Then a commit's fate is unknown to its client, which tries again.
constexpr int64_t kGroupsProposalUs = 5'000'000;

/// Different for each (node, group), so that election timeouts differ; the same at every start.
uint64_t ElectionSeed(NodeId node, GroupId group) {
  return static_cast<uint64_t>(node.value()) * 0x9e3779b97f4a7c15 + group.value();
}

}  // namespace

TopicConfig ConfigOf(const TopicInfo& topic) {
  const Result<TopicConfig> parsed = ParseTopicConfig(topic.configs);
  if (parsed.ok()) return *parsed;
  spdlog::error("topic runs with default settings topic={} error=\"{}\"", topic.name,
                parsed.error().message);
  return {};
}

ReplicaRouter::ReplicaRouter(Context context, std::vector<storage::GroupState> loaded)
    : context_(std::move(context)) {
  const size_t shards = context_.shards.size();
  CHECK_GT(shards, 0u);
  const Config& config = context_.config;
  ShardHost::Options options{
      .cache_bytes = static_cast<size_t>(config.storage.cache_bytes) / shards,
      .max_unfolded_bytes = kMaxUnfoldedBytes / shards,
      .pulses = {.self = config.self(),
                 .shards = static_cast<uint32_t>(shards),
                 .interval_us = config.raft.heartbeat_ms * 1000}};
  for (size_t i = 0; i < shards; ++i) {
    options.pulses.shard = static_cast<uint32_t>(i);
    hosts_.push_back(std::make_unique<ShardHost>(options, *context_.shards[i], context_.store,
                                                 context_.transport, context_.observer));
  }
  for (storage::GroupState& state : loaded) {
    const GroupId group = state.group;
    loaded_.emplace(group, std::move(state));
  }
}

/// Runs `ask` on every shard and hands the sum of its answers to `done`, on the shard that answered
/// last.
void ReplicaRouter::SumOverHosts(size_t (*ask)(ShardHost&, size_t), size_t argument,
                                 Callback<size_t> done) {
  struct Sum {
    std::atomic<size_t> left;
    std::atomic<size_t> total{0};
    Callback<size_t> done;
  };
  auto sum = std::make_shared<Sum>();
  sum->left = hosts_.size();
  sum->done = std::move(done);
  for (const auto& host : hosts_) {
    host->shard().Post([&host = *host, ask, argument, sum] {
      sum->total += ask(host, argument);
      if (sum->left.fetch_sub(1) == 1) sum->done(sum->total);
    });
  }
}

void ReplicaRouter::StopReplicas(Callback<> done) {
  auto left = std::make_shared<std::atomic<size_t>>(hosts_.size());
  auto finish = std::make_shared<Callback<>>(std::move(done));
  for (const auto& host : hosts_) {
    host->shard().Post([&host = *host, left, finish] {
      host.StopAll([left, finish] {
        if (left->fetch_sub(1) == 1) (*finish)();
      });
    });
  }
}

void ReplicaRouter::HandOver(bool try_now, Callback<size_t> done) {
  SumOverHosts([](ShardHost& host, size_t try_it) { return host.HandOver(try_it != 0); },
               try_now ? 1 : 0, std::move(done));
}

void ReplicaRouter::AreWhole(size_t partitions, Callback<bool> done) {
  SumOverHosts(
      [](ShardHost& host, size_t) { return host.IsRefilling() ? 0 : host.replica_count(); }, 0,
      [partitions, done = std::move(done)](size_t whole) mutable { done(whole >= partitions); });
}

void ReplicaRouter::Tally(const std::vector<GroupId>& expected, Callback<ReplicaTally> done) {
  struct Sum {
    std::atomic<size_t> left;
    std::vector<ReplicaTally> tallies;  // one a shard
    Callback<ReplicaTally> done;
  };
  auto sum = std::make_shared<Sum>();
  sum->left = hosts_.size();
  sum->tallies.resize(hosts_.size());
  sum->done = std::move(done);
  std::vector<std::vector<GroupId>> by_host(hosts_.size());
  for (const GroupId group : expected) by_host[group.value() % hosts_.size()].push_back(group);
  for (size_t i = 0; i < hosts_.size(); ++i) {
    hosts_[i]->shard().Post([&host = *hosts_[i], i, sum, groups = std::move(by_host[i])] {
      sum->tallies[i] = host.Tally(groups);
      if (sum->left.fetch_sub(1) > 1) return;
      ReplicaTally total;
      for (const ReplicaTally& tally : sum->tallies) total.Add(tally);
      sum->done(total);
    });
  }
}

void ReplicaRouter::With(GroupId group, Callback<Hosted*> call) {
  ShardHost& host = HostOf(group);
  host.shard().Post([&host, group, call = std::move(call)]() mutable { call(host.Find(group)); });
}

void ReplicaRouter::Step(GroupId group, raft::Message message) {
  ShardHost& host = HostOf(group);
  host.shard().Post([&host, group, message = std::move(message)]() mutable {
    host.Step(group, std::move(message));
  });
}

void ReplicaRouter::StepAll(std::vector<GroupMessage> messages) {
  std::vector<std::vector<GroupMessage>> by_host(hosts_.size());
  for (GroupMessage& message : messages) {
    by_host[message.first.value() % hosts_.size()].push_back(std::move(message));
  }
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (by_host[i].empty()) continue;
    hosts_[i]->shard().Post([&host = *hosts_[i], batch = std::move(by_host[i])]() mutable {
      for (auto& [group, message] : batch) host.Step(group, std::move(message));
    });
  }
}

void ReplicaRouter::OnPulse(NodeId from, Pulse pulse) {
  if (pulse.shards != hosts_.size() || pulse.shard >= hosts_.size()) return;
  ShardHost& host = *hosts_[pulse.shard];
  host.shard().Post(
      [&host, from, pulse = std::move(pulse)] { host.pulses().OnPulse(from, pulse); });
}

void ReplicaRouter::OnPeerUnreachable(NodeId peer, bool refused) {
  for (const auto& host : hosts_) {
    host->shard().Post([&host = *host, peer, refused] { host.OnPeerUnreachable(peer, refused); });
  }
}

ReplicaOptions ReplicaRouter::OptionsOf(GroupId group) const {
  const Config& config = context_.config;
  ReplicaOptions options = context_.base.replica;
  options.group = group;
  options.tick_us = kTickMs * 1000;
  options.checkpoint_every_bytes = static_cast<size_t>(config.storage.checkpoint_bytes);
  options.raft.self = config.self();
  options.raft.seed = ElectionSeed(config.self(), group);
  options.raft.heartbeat_ticks = static_cast<raft::Ticks>(config.raft.heartbeat_ms / kTickMs);
  options.raft.election_ticks = static_cast<raft::Ticks>(config.raft.election_timeout_ms / kTickMs);
  options.raft.disk_stall_ticks = static_cast<raft::Ticks>(config.raft.disk_stall_ms / kTickMs);
  options.raft.max_inflight_bytes = static_cast<size_t>(config.raft.max_inflight_bytes);
  options.raft.max_uncommitted_bytes = static_cast<size_t>(config.raft.max_uncommitted_bytes);
  // Every node folds the controller's log: what is committed is news at once.
  options.raft.eager_commit = group == kControllerGroup;
  return options;
}

storage::GroupState ReplicaRouter::TakeLoaded(GroupId group) {
  const auto found = loaded_.find(group);
  if (found != loaded_.end()) {
    storage::GroupState state = std::move(found->second);
    loaded_.erase(found);
    return state;
  }
  storage::GroupState fresh;
  fresh.group = group;
  // The disk once lost whole groups: this may be one of them, and then it had voted and
  // acknowledged.
  fresh.damaged = fresh.forgot_votes = context_.store.may_have_lost_groups();
  return fresh;
}

std::vector<GroupId> ReplicaRouter::LoadedPartitions() const {
  std::vector<GroupId> groups;
  for (const auto& [group, state] : loaded_) {
    if (group != kControllerGroup) groups.push_back(group);
  }
  return groups;
}

void ReplicaRouter::StartPartition(const PartitionInfo& partition,
                                   std::shared_ptr<const TopicInfo> topic, bool bootstrap) {
  const GroupId group = partition.group;
  ReplicaOptions replica = OptionsOf(group);
  replica.preferred =
      !partition.replicas.empty() && partition.replicas.front() == context_.config.self();
  storage::GroupState state = TakeLoaded(group);
  // An image that has it founded here once more is of before it was erased: with its power, or to
  // a damaged disk, the node lost the end of the controller's log, which says so.
  const bool founds = bootstrap && !context_.store.WasErased(group);
  // The first voters are part of no entry: a damaged replica whose log begins anew must be told
  // them again.
  raft::Membership voters;
  if (founds || (state.damaged && !state.checkpoint)) {
    voters.voters = partition.founders;
    std::sort(voters.voters.begin(), voters.voters.end());
  }
  const TopicPartition where{.topic = topic->name, .partition = partition.partition};
  ShardHost& host = HostOf(group);
  if (topic->kind == TopicKind::kGroups) {
    host.shard().Post(
        [&host, options = CoordinatorOptionsOf(where, replica), state = std::move(state),
         voters = std::move(voters)] { host.StartCoordinator(options, state, voters); });
    return;
  }
  PartitionOptions options = context_.base;
  options.where = where;
  options.replica = std::move(replica);
  options.config = ConfigOf(*topic);
  host.shard().Post([&host, options = std::move(options), state = std::move(state),
                     voters = std::move(voters)] { host.StartPartition(options, state, voters); });
}

groups::CoordinatorOptions ReplicaRouter::CoordinatorOptionsOf(const TopicPartition& where,
                                                               ReplicaOptions replica) const {
  const Config::Groups& config = context_.config.groups;
  replica.checkpoint_every_bytes = std::min(replica.checkpoint_every_bytes, kGroupsCheckpointBytes);
  replica.proposal_timeout_us = kGroupsProposalUs;
  groups::CoordinatorOptions options;
  options.where = where;
  options.seed = context_.seed + replica.group.value();
  options.replica = std::move(replica);
  options.group = {.min_session_us = config.min_session_timeout_ms * 1000,
                   .max_session_us = config.max_session_timeout_ms * 1000,
                   .initial_delay_us = config.initial_rebalance_delay_ms * 1000,
                   .max_members = static_cast<size_t>(config.max_members)};
  options.offsets_retention_ms = config.offsets_retention_minutes * 60'000;
  options.image = [&image = context_.image] { return image.Get(); };
  return options;
}

void ReplicaRouter::ErasePartition(GroupId group) {
  loaded_.erase(group);
  ShardHost& host = HostOf(group);
  host.shard().Post([&host, group] { host.ErasePartition(group); });
}

void ReplicaRouter::UpdateConfig(GroupId group, std::shared_ptr<const TopicInfo> topic) {
  With(group, [topic = std::move(topic)](Hosted* hosted) {
    if (hosted != nullptr) hosted->UpdateConfig(ConfigOf(*topic));
  });
}

void ReplicaRouter::QueryStatus(GroupId group, Callback<std::optional<raft::RaftStatus>> done) {
  With(group, [this, done = std::move(done)](Hosted* hosted) mutable {
    std::optional<raft::RaftStatus> status;
    if (hosted != nullptr) status = hosted->replica().status();
    controller_executor().Post([status = std::move(status), done = std::move(done)]() mutable {
      done(std::move(status));
    });
  });
}

void ReplicaRouter::ProposeMembership(GroupId group, raft::MembershipTarget target,
                                      Callback<Status> done) {
  auto reply = [this, done = std::move(done)](Status status) mutable {
    controller_executor().Post([status = std::move(status), done = std::move(done)]() mutable {
      done(std::move(status));
    });
  };
  With(group, [target = std::move(target), reply = std::move(reply)](Hosted* hosted) mutable {
    if (hosted == nullptr) {
      reply(Error{ErrorCode::kNotLeader, "this node has no replica of the group"});
      return;
    }
    hosted->replica().ProposeMembership(
        target, [reply = std::move(reply)](const Result<Proposed>& proposed) mutable {
          reply(proposed.ok() ? Status() : Status(proposed.error()));
        });
  });
}

void ReplicaRouter::TransferLeadership(GroupId group, NodeId to, Callback<Status> done) {
  With(group, [this, to, done = std::move(done)](Hosted* hosted) mutable {
    Status status =
        hosted == nullptr
            ? Status(Error{ErrorCode::kNotLeader, "this node has no replica of the group"})
            : hosted->TransferLeadership(to);
    controller_executor().Post([status = std::move(status), done = std::move(done)]() mutable {
      done(std::move(status));
    });
  });
}

}  // namespace jangada::server
