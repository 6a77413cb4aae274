// ReplicaRouter: all partitions of the node, behind one door: which shard owns a group, and the
// reconciler's commands carried to it.
//
// Threads: HostOf and the fan-outs from any thread; the ReplicaHost calls on the controller's
// executor, where their callbacks come back.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "server/config.h"
#include "server/controller/reconciler.h"
#include "server/image_holder.h"
#include "server/shard_host.h"

namespace jangada::server {

class ReplicaRouter final : public ReplicaHost {
 public:
  struct Context {  // all outlive the router
    const Config& config;
    storage::LogStore& store;
    Transport& transport;
    HostObserver& observer;
    const ImageHolder& image;
    uint64_t seed = 0;              // of the ids of groups' members
    std::vector<Executor*> shards;  // not empty; the first is the controller's executor
    /// What a partition starts with beyond what the configuration, its topic and its place say: the
    /// simulator makes windows small with it.
    PartitionOptions base;
  };

  /// `loaded`: what the store found at start.
  ReplicaRouter(Context context, std::vector<storage::GroupState> loaded);

  /// `done` on an unspecified thread, when every partition has written its last checkpoint.
  void StopReplicas(Callback<> done);

  /// Counts the groups that are led here and could be led elsewhere; with `try_now` hands each
  /// over. `done` on an unspecified thread.
  void HandOver(bool try_now, Callback<size_t> done);

  /// Whether `partitions` replicas run here and none of them is being refilled. `done` on an
  /// unspecified thread.
  void AreWhole(size_t partitions, Callback<bool> done);

  /// How those of the replicas `expected` here are. `done` on an unspecified thread.
  void Tally(const std::vector<GroupId>& expected, Callback<ReplicaTally> done);

  /// Every shard's; constant after construction.
  const std::vector<std::unique_ptr<ShardHost>>& hosts() const { return hosts_; }
  /// Group 0's shard: the controller's executor.
  ShardHost& controller_host() { return *hosts_.front(); }
  ShardHost& HostOf(GroupId group) { return *hosts_[group.value() % hosts_.size()]; }

  /// Runs `call` on the group's shard with what runs for it, or with nullptr if it does not run
  /// here.
  void With(GroupId group, Callback<Hosted*> call);
  void Step(GroupId group, raft::Message message);
  /// In their order for each group.
  void StepAll(std::vector<GroupMessage> messages);
  /// To the shard that it is for; dropped if the peer shares its groups out in another way.
  void OnPulse(NodeId from, Pulse pulse);
  void OnPeerUnreachable(NodeId peer, bool refused);

  /// What a group's replica on this node starts with.
  ReplicaOptions OptionsOf(GroupId group) const;
  /// What the store found of a group at start, once; a fresh state if nothing.
  storage::GroupState TakeLoaded(GroupId group);
  /// The partition groups that the store found.
  std::vector<GroupId> LoadedPartitions() const;

  void StartPartition(const PartitionInfo& partition, std::shared_ptr<const TopicInfo> topic,
                      bool bootstrap) override;
  void ErasePartition(GroupId group) override;
  void UpdateConfig(GroupId group, std::shared_ptr<const TopicInfo> topic) override;
  void QueryStatus(GroupId group, Callback<std::optional<raft::RaftStatus>> done) override;
  void ProposeMembership(GroupId group, raft::MembershipTarget target,
                         Callback<Status> done) override;
  void TransferLeadership(GroupId group, NodeId to, Callback<Status> done) override;

 private:
  groups::CoordinatorOptions CoordinatorOptionsOf(const TopicPartition& where,
                                                  ReplicaOptions replica) const;
  void SumOverHosts(size_t (*ask)(ShardHost&, size_t), size_t argument, Callback<size_t> done);
  Executor& controller_executor() { return hosts_.front()->shard(); }

  // Constant after construction.
  const Context context_;
  std::vector<std::unique_ptr<ShardHost>> hosts_;

  // Owned by the controller's executor (before it runs: by the thread that starts the node).
  std::map<GroupId, storage::GroupState> loaded_;
};

/// The configuration of a topic's partitions; the default where a stored value no longer parses.
TopicConfig ConfigOf(const TopicInfo& topic);

}  // namespace jangada::server
