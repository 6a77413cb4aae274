// ShardHost: the partitions that one shard owns, with what they share there: the shard's executor,
// its cache and its pulses. Routes messages to them, bounds what a restart would have to replay,
// and stops them together. All calls on the shard, but for the constructor.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/partition/partition.h"
#include "server/partition/pulses.h"
#include "server/runtime/shard.h"
#include "storage/entry_cache.h"

namespace jangada::server {

using GroupMessage = std::pair<GroupId, raft::Message>;

/// What concerns the whole node. Called on any shard's thread.
class HostObserver {
 public:
  virtual ~HostObserver() = default;
  virtual void OnLeadership(GroupId group, const raft::RoleChange& change, bool ready) = 0;
  virtual void OnRefill(GroupId group, RefillEvent event) = 0;
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

  /// All outlive the host. `name` is the thread's.
  ShardHost(const Options& options, const std::string& name, storage::LogStore& store,
            Transport& transport, HostObserver& observer);
  ~ShardHost() override;

  /// The executor; Start and Stop are the node's.
  Shard& shard() { return shard_; }
  Pulses& pulses() { return pulses_; }
  ReplicaContext context();

  /// A replica that runs already (StartEarly) serves from now on, as what `options` say.
  void StartPartition(const PartitionOptions& options, const storage::GroupState& state,
                      const raft::Membership& bootstrap);
  /// A replica that is on disk, before it is known whose it is: it votes, follows and leads as its
  /// group's log has it, but serves nobody and removes nothing.
  void StartEarly(const PartitionOptions& options, const storage::GroupState& state);
  /// Stops the replica, if it runs, and erases the group.
  void ErasePartition(GroupId group);
  /// nullptr: it does not run here.
  Partition* Find(GroupId group);
  /// The same for those who serve clients; nullptr also while it is not known whose it is.
  Partition* FindServing(GroupId group);
  void Step(GroupId group, raft::Message message);
  /// refused: the peer's process is gone.
  void OnPeerUnreachable(NodeId peer, bool refused);
  /// Every partition ends its calls and writes its last checkpoint; `done` after that.
  void StopAll(Callback<> done);
  /// Whether a replica here is still being refilled after damage.
  bool IsRefilling() const;
  size_t partition_count() const { return partitions_.size(); }
  /// How many groups with another live voter are led here. With `try_now` each is handed to the
  /// voter that is furthest.
  size_t HandOver(bool try_now);

  void OnRoleChange(GroupId group, const raft::RoleChange& change, bool ready) override;
  void OnRefill(GroupId group, RefillEvent event) override;
  void OnFatal(GroupId group, const Error& error) override;

 private:
  void BoundUnfolded();

  // Constant after construction.
  const Options options_;
  storage::LogStore& store_;
  Transport& transport_;
  HostObserver& observer_;

  // Owned by the shard. Destroyed in this order's reverse: partitions before what they use.
  Shard shard_;
  storage::EntryCache cache_;
  Pulses pulses_;
  std::map<GroupId, std::unique_ptr<Partition>> partitions_;
  std::set<GroupId> early_;  // of them: nobody has said whose they are
  bool watching_unfolded_ = false;
  bool stopping_ = false;
};

}  // namespace jangada::server
