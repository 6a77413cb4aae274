// Reconciler: makes this node's replicas what the cluster image says. Diffs each new image against
// what runs here, moves the memberships of the groups led here towards the desired replicas, and
// gives leaderships back to preferred leaders, gently. Soft state only: a restart starts over from
// image and disk. Runs on the controller's executor (group 0's shard).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/callback.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/result.h"
#include "raft/raft.h"
#include "server/controller/cluster_image.h"
#include "server/controller/liveness.h"
#include "server/transport/transport.h"

namespace jangada::server {

/// The replicas of a node, as the reconciler commands them; implemented by the node. Calls return
/// at once; callbacks come back on the reconciler's executor. Calls for one group take effect in
/// their order.
class ReplicaHost {
 public:
  virtual ~ReplicaHost() = default;

  /// Starts the partition's replica from what is on disk, or new. `bootstrap`: the group is being
  /// created and partition.founders are its first voters; otherwise, and where it was erased here
  /// before, a new one starts empty and waits for a leader.
  virtual void StartPartition(const PartitionInfo& partition,
                              std::shared_ptr<const TopicInfo> topic, bool bootstrap) = 0;
  /// Stops the replica, if it runs, and erases all of the group's data.
  virtual void ErasePartition(GroupId group) = 0;
  virtual void UpdateConfig(GroupId group, std::shared_ptr<const TopicInfo> topic) = 0;

  /// nullopt: no such replica runs here.
  virtual void QueryStatus(GroupId group, Callback<std::optional<raft::RaftStatus>> done) = 0;
  virtual void ProposeMembership(GroupId group, raft::MembershipTarget target,
                                 Callback<Status> done) = 0;
  virtual void TransferLeadership(GroupId group, NodeId to, Callback<Status> done) = 0;
};

/// What the reconciler needs of the controller's front; Controller is it.
class ReconcilerFront {
 public:
  virtual ~ReconcilerFront() = default;
  /// This node's disk. Images in which it has another one are of a past that this disk had no part
  /// in.
  virtual Uuid disk_id() const = 0;
  /// Last index of group 0's log on this disk when the node started. Images before it are replayed
  /// history: what this node did then must not be done again (a group that it erased must not be
  /// bootstrapped).
  virtual uint64_t replay_until() const = 0;
  /// Tells the controller's leader that the group's committed membership is the desired one.
  virtual void ReportSettled(GroupId group, uint64_t revision, Callback<Status> done) = 0;
};

class Reconciler {
 public:
  struct Options {
    NodeId self;
    int64_t round_us = 250'000;             // between two looks at unsettled groups
    int64_t preferred_live_us = 3'000'000;  // a preferred leader must have been back for this long
    size_t transfers_per_round = 4;         // leaderships handed back at most
    size_t steps_per_round = 64;            // groups asked for their status at most
  };
  struct Context {  // all outlive the reconciler
    Executor& executor;
    Transport& transport;
    const Liveness& liveness;
    ReplicaHost& host;
    ReconcilerFront& settle;
  };

  /// `on_disk`: every partition group that the store holds. None of them runs yet: the reconciler
  /// starts them when an image tells it their topic.
  Reconciler(const Options& options, const Context& context, std::vector<GroupId> on_disk);
  ~Reconciler();
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;

  void OnImage(ClusterImagePtr image);
  /// A replica here became ready to lead `group`, or leads it no longer.
  void OnLeadership(GroupId group, bool leading);
  /// Peer calls whose method begins with kCallPrefix.
  void OnPeerCall(NodeId from, const PeerCall& call, Callback<Result<Bytes>> reply);
  /// Ends the timers: nothing is commanded any more.
  void Stop();

  static constexpr const char* kCallPrefix = "reconciler.";

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace jangada::server
