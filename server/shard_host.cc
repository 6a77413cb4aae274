#include "server/shard_host.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/groups/coordinator.h"

namespace jangada::server {

std::optional<NodeId> Successor(const raft::RaftStatus& status) {
  const raft::PeerStatus* best = nullptr;
  for (const raft::PeerStatus& peer : status.peers) {
    if (!peer.voter || !peer.recently_active) continue;
    if (best == nullptr || peer.match > best->match) best = &peer;
  }
  return best == nullptr ? std::nullopt : std::optional(best->node);
}

ShardHost::ShardHost(const Options& options, Executor& shard, storage::LogStore& store,
                     Transport& transport, HostObserver& observer)
    : options_(options),
      shard_(shard),
      store_(store),
      transport_(transport),
      observer_(observer),
      cache_(options.cache_bytes),
      pulses_(options.pulses, shard_, transport) {}

ReplicaContext ShardHost::context() {
  return {.executor = shard_,
          .store = store_,
          .cache = cache_,
          .transport = transport_,
          .pulses = &pulses_};
}

void ShardHost::StartPartition(const PartitionOptions& options, const storage::GroupState& state,
                               const raft::Membership& bootstrap) {
  const GroupId group = options.replica.group;
  if (!MayStart(group, [=, this] { StartPartition(options, state, bootstrap); })) return;
  auto partition = std::make_unique<Partition>(options, context(), *this);
  Partition* const here = partition.get();
  Start(group, {.hosted = std::move(partition), .partition = here}, state, bootstrap);
}

void ShardHost::StartCoordinator(const groups::CoordinatorOptions& options,
                                 const storage::GroupState& state,
                                 const raft::Membership& bootstrap) {
  const GroupId group = options.replica.group;
  if (!MayStart(group, [=, this] { StartCoordinator(options, state, bootstrap); })) return;
  auto coordinator = std::make_unique<groups::Coordinator>(options, context(), *this);
  groups::Coordinator* const here = coordinator.get();
  Start(group, {.hosted = std::move(coordinator), .coordinator = here}, state, bootstrap);
}

/// Two replicas of one group would write into each other's log, and the erasure of the old one take
/// what the new one has promised: `later` is called once that is done.
bool ShardHost::MayStart(GroupId group, std::function<void()> later) {
  if (stopping_ || hosted_.contains(group)) return false;
  const auto erasing = erasing_.find(group);
  if (erasing == erasing_.end()) return true;
  erasing->second = std::move(later);
  return false;
}

void ShardHost::Start(GroupId group, Slot slot, const storage::GroupState& state,
                      const raft::Membership& bootstrap) {
  Hosted& started = *slot.hosted;
  hosted_.emplace(group, std::move(slot));
  if (const Status status = started.Start(state, bootstrap); !status.ok()) {
    OnFatal(group, status.error());
    return;
  }
  if (!std::exchange(watching_unfolded_, true)) BoundUnfolded();
}

void ShardHost::ErasePartition(GroupId group) {
  if (const auto erasing = erasing_.find(group); erasing != erasing_.end()) {
    erasing->second = nullptr;  // what was to start after it has gone again
    return;
  }
  const auto found = hosted_.find(group);
  if (found == hosted_.end()) {
    store_.Persist({.group = group, .erase = true}, shard_, [group](const Status& status) {
      if (!status.ok())
        spdlog::error("cannot erase group={} error=\"{}\"", group.value(), status.error().message);
    });
    return;
  }
  // Kept alive by the callback: what is posted to it still finds it.
  auto hosted = std::shared_ptr<Hosted>(std::move(found->second.hosted));
  hosted_.erase(found);
  counters_of_erased_.Add(hosted->counters());
  if (hosted->replica().status().refilling) OnRefill(group, RefillEvent::kDropped);
  erasing_.emplace(group, nullptr);
  hosted->Remove([this, group, hosted](const Status& status) {
    if (!status.ok()) {
      OnFatal(group, status.error());
      return;
    }
    spdlog::info("erased replica group={}", group.value());
    shard_.Post([hosted] {});  // destroyed in a later turn: its own call may be above us
    const std::function<void()> start = std::move(erasing_.extract(group).mapped());
    if (start) start();
  });
}

Hosted* ShardHost::Find(GroupId group) {
  const auto found = hosted_.find(group);
  return found == hosted_.end() ? nullptr : found->second.hosted.get();
}

Partition* ShardHost::FindPartition(GroupId group) {
  const auto found = hosted_.find(group);
  return found == hosted_.end() ? nullptr : found->second.partition;
}

groups::Coordinator* ShardHost::FindCoordinator(GroupId group) {
  const auto found = hosted_.find(group);
  return found == hosted_.end() ? nullptr : found->second.coordinator;
}

std::vector<groups::Coordinator*> ShardHost::Coordinators() {
  std::vector<groups::Coordinator*> all;
  for (const auto& [group, slot] : hosted_) {
    if (slot.coordinator != nullptr) all.push_back(slot.coordinator);
  }
  return all;
}

void ShardHost::Step(GroupId group, raft::Message message) {
  if (Hosted* hosted = Find(group)) hosted->Step(std::move(message));
}

void ShardHost::OnPeerUnreachable(NodeId peer, bool refused) {
  for (const auto& [group, slot] : hosted_) {
    // A leader must know that messages were lost. A follower campaigns upon it, so it is told only
    // of a peer that is surely gone.
    if (refused || slot.hosted->replica().IsReadyLeader()) slot.hosted->OnPeerUnreachable(peer);
  }
}

void ShardHost::StopAll(Callback<> done) {
  stopping_ = true;
  auto left = std::make_shared<size_t>(hosted_.size() + 1);
  auto finish = std::make_shared<Callback<>>(std::move(done));
  const auto one_less = [left, finish] {
    if (--*left == 0) (*finish)();
  };
  for (const auto& [group, slot] : hosted_) slot.hosted->Stop(one_less);
  one_less();
}

HostStats ShardHost::stats(bool per_partition) const {
  HostStats stats{.counters = counters_of_erased_, .cache = cache_.stats()};
  for (const auto& [group, slot] : hosted_) {
    stats.Count(slot.hosted->vitals());
    stats.counters.Add(slot.hosted->counters());
    slot.hosted->replica().AddLagOfPeers(stats.peers);
    if (per_partition) stats.partitions.push_back(slot.hosted->gauges());
  }
  return stats;
}

ReplicaTally ShardHost::Tally(const std::vector<GroupId>& expected) const {
  ReplicaTally tally{.expected = expected.size()};
  for (const GroupId group : expected) {
    const auto found = hosted_.find(group);
    if (found == hosted_.end()) {
      ++tally.missing;
      continue;
    }
    const ReplicaVitals vitals = found->second.hosted->vitals();
    if (vitals.refilling) {
      ++tally.refilling;
    } else if (!vitals.has_leader) {
      ++tally.leaderless;
    } else if (vitals.lag_entries > kCaughtUpEntries) {
      ++tally.behind;
    }
  }
  return tally;
}

bool ShardHost::IsRefilling() const {
  return std::any_of(hosted_.begin(), hosted_.end(), [](const auto& entry) {
    return entry.second.hosted->replica().status().refilling;
  });
}

size_t ShardHost::HandOver(bool try_now) {
  size_t led = 0;
  for (const auto& [group, slot] : hosted_) {
    if (!slot.hosted->replica().IsReadyLeader()) continue;
    const raft::RaftStatus status = slot.hosted->replica().status();
    const std::optional<NodeId> to = Successor(status);
    if (!to) continue;  // alone, or the others are gone: nobody could take over
    ++led;
    // Refused (another transfer is under way): the next round tries again.
    if (try_now) (void)slot.hosted->TransferLeadership(*to);
  }
  return led;
}

void ShardHost::OnRoleChange(GroupId group, const raft::RoleChange& change, bool ready) {
  observer_.OnLeadership(group, change, ready);
}

void ShardHost::OnRefill(GroupId group, RefillEvent event) { observer_.OnRefill(group, event); }

void ShardHost::OnLagging(GroupId group, raft::Term term, const std::vector<NodeId>& nodes) {
  observer_.OnLagging(group, term, nodes);
}

void ShardHost::OnFatal(GroupId group, const Error& error) {
  spdlog::critical("replica failed group={} error=\"{}\"", group.value(), error.message);
  observer_.OnStoreFailed(error);
}

void ShardHost::BoundUnfolded() {
  if (stopping_) return;
  size_t total = 0;
  Hosted* largest = nullptr;
  for (const auto& [group, slot] : hosted_) {
    const size_t bytes = slot.hosted->replica().unfolded_bytes();
    total += bytes;
    if (largest == nullptr || bytes > largest->replica().unfolded_bytes())
      largest = slot.hosted.get();
  }
  if (total > options_.max_unfolded_bytes) largest->replica().TakeCheckpoint(nullptr);
  shard_.After(options_.checkpoint_check_us, [this] { BoundUnfolded(); });
}

}  // namespace jangada::server
