// ShardHost: the partitions (and the shards of consumer groups) that one shard owns, with what they
// share there: the shard's executor, its cache and its pulses. Routes messages to them, bounds what
// a restart would have to replay, and stops them together. All calls on the shard, but for the
// constructor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "server/host_stats.h"
#include "server/partition/partition.h"
#include "server/partition/pulses.h"
#include "storage/entry_cache.h"

namespace jangada::server::groups {
class Coordinator;
struct CoordinatorOptions;
}  // namespace jangada::server::groups

namespace jangada::server {

using GroupMessage = std::pair<GroupId, raft::Message>;

/// What concerns the whole node. Called on any shard's thread.
class HostObserver {
 public:
  virtual ~HostObserver() = default;
  virtual void OnLeadership(GroupId group, const raft::RoleChange& change, bool ready) = 0;
  virtual void OnRefill(GroupId group, RefillEvent event) = 0;
  /// Of a group that is led here: see ReplicaObserver.
  virtual void OnLagging(GroupId group, raft::Term term, const std::vector<NodeId>& nodes) = 0;
  /// Nothing is known of the disk any more: the node must stop at once.
  virtual void OnStoreFailed(const Error& error) = 0;
};

/// The voter to hand a group to: active, and of those the one that matches most; nullopt if there
/// is none. (RaftStatus.peers lists the others.)
std::optional<NodeId> Successor(const raft::RaftStatus& status);

class ShardHost final : public ReplicaObserver {
 public:
  struct Options {
    size_t cache_bytes = 32 << 20;
    /// Of all groups of the shard: beyond it the one with the most to replay writes a checkpoint.
    size_t max_unfolded_bytes = 512 << 20;
    int64_t checkpoint_check_us = 1'000'000;
    Pulses::Options pulses;
  };

  /// All outlive the host. `shard` flushes the transport at the end of its turns, and runs no more
  /// when the host goes.
  ShardHost(const Options& options, Executor& shard, storage::LogStore& store, Transport& transport,
            HostObserver& observer);

  Executor& shard() { return shard_; }
  Pulses& pulses() { return pulses_; }
  ReplicaContext context();

  /// If the group is just being erased here, it starts when that is done.
  void StartPartition(const PartitionOptions& options, const storage::GroupState& state,
                      const raft::Membership& bootstrap);
  void StartCoordinator(const groups::CoordinatorOptions& options, const storage::GroupState& state,
                        const raft::Membership& bootstrap);
  /// Stops the replica, if it runs, and erases the group.
  void ErasePartition(GroupId group);
  /// nullptr: it does not run here.
  Hosted* Find(GroupId group);
  /// nullptr: it does not run here, or is no partition.
  Partition* FindPartition(GroupId group);
  /// nullptr: it does not run here, or is no shard of consumer groups.
  groups::Coordinator* FindCoordinator(GroupId group);
  /// All that run here.
  std::vector<groups::Coordinator*> Coordinators();
  void Step(GroupId group, raft::Message message);
  /// refused: the peer's process is gone.
  void OnPeerUnreachable(NodeId peer, bool refused);
  /// Every partition ends its calls and writes its last checkpoint; `done` after that.
  void StopAll(Callback<> done);
  HostStats stats(bool per_partition) const;
  ReplicaTally Tally(const std::vector<GroupId>& expected) const;
  /// Whether a replica here is still being refilled after damage.
  bool IsRefilling() const;
  size_t replica_count() const { return hosted_.size(); }
  /// How many groups with another live voter are led here. With `try_now` each is handed to the
  /// voter that is furthest.
  size_t HandOver(bool try_now);

  void OnRoleChange(GroupId group, const raft::RoleChange& change, bool ready) override;
  void OnRefill(GroupId group, RefillEvent event) override;
  void OnLagging(GroupId group, raft::Term term, const std::vector<NodeId>& nodes) override;
  void OnFatal(GroupId group, const Error& error) override;

 private:
  /// What runs for a group; one of the two below `hosted`, which are the same object.
  struct Slot {
    std::unique_ptr<Hosted> hosted;
    Partition* partition = nullptr;
    groups::Coordinator* coordinator = nullptr;
  };

  bool MayStart(GroupId group, std::function<void()> later);
  void Start(GroupId group, Slot slot, const storage::GroupState& state,
             const raft::Membership& bootstrap);
  void BoundUnfolded();

  // Constant after construction.
  const Options options_;
  Executor& shard_;
  storage::LogStore& store_;
  Transport& transport_;
  HostObserver& observer_;

  // Owned by the shard. Destroyed in this order's reverse: partitions before what they use.
  storage::EntryCache cache_;
  Pulses pulses_;
  std::map<GroupId, Slot> hosted_;
  ReplicaCounters counters_of_erased_;
  /// Groups whose old replica still erases what it wrote, and how each is to start anew after that,
  /// if it came back meanwhile.
  std::map<GroupId, std::function<void()>> erasing_;
  bool watching_unfolded_ = false;
  bool stopping_ = false;
};

}  // namespace jangada::server
