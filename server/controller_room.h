// ControllerRoom: group 0 on this node, with all that works on its shard: the replica and its
// machine, the controller's front, the reconciler, who is alive. Publishes each image to the node.
// Everything on group 0's shard, but for the constructor and what says otherwise.
#pragma once

#include <memory>
#include <vector>

#include "server/config.h"
#include "server/controller/controller.h"
#include "server/controller/controller_machine.h"
#include "server/controller/founding.h"
#include "server/controller/liveness.h"
#include "server/controller/reconciler.h"
#include "server/image_holder.h"
#include "server/leader_table.h"
#include "server/replica_router.h"

namespace jangada::server {

/// What the room tells the node. On group 0's shard.
class ControllerRoomObserver {
 public:
  virtual ~ControllerRoomObserver() = default;
  /// Published already; nodes may have come, moved or gone.
  virtual void OnNewImage(const ClusterImage& image) = 0;
  virtual void OnControllerLeadership(const raft::RoleChange& change, bool ready) = 0;
  virtual void OnControllerRefill(RefillEvent event) = 0;
  /// The cluster refuses this node, or its disk failed: it must stop with this sentence.
  virtual void OnMustStop(const Error& error) = 0;
};

class ControllerRoom final : public ControllerGroup, public ControllerHost, public ReplicaObserver {
 public:
  struct Context {  // all outlive the room
    const Config& config;
    Transport& transport;
    ReplicaRouter& replicas;
    LeaderTable& leaders;
    ImageHolder& image;
    ControllerRoomObserver& observer;
  };

  ControllerRoom(const Context& context, const NodeInfo& self, const NodeIdentity& identity,
                 const std::vector<Founder>& founders, uint64_t seed);
  ~ControllerRoom() override;

  /// Group 0 starts from `state`; founding nodes bootstrap it with each other.
  void Start(const storage::GroupState& state);
  void Stop(Callback<> done);

  /// The front; its requests from any thread.
  Controller& controller() { return controller_; }
  Liveness& liveness() { return liveness_; }
  Replica& replica() { return *replica_; }
  NodeId self() const { return identity_.node; }
  raft::RaftStatus status() const override;
  ReplicaVitals vitals() const { return replica_->vitals(); }
  ReplicaCounters counters() const { return replica_->counters(); }
  bool IsReadyLeader() const override;

  void Step(raft::Message message);
  void OnPeerUnreachable(NodeId peer, bool refused);
  void OnPeerStatus(const NodeStatus& status);
  void OnPeerCall(NodeId from, const PeerCall& call, Callback<Result<Bytes>> reply);
  /// Tells the image's holder whether it is current. Now and then: a leader may be lost without a
  /// change of role.
  void NoteCurrency();
  /// A partition's leadership changed here.
  void OnLeadership(GroupId group, bool ready);

  // ControllerGroup
  void Propose(Bytes command, Callback<Status> done) override;
  void ConfirmLeads(Callback<Status> done) override;
  void ProposeMembership(const raft::MembershipTarget& target, Callback<Status> done) override;
  Status TransferLeadership(NodeId to) override;

  // ControllerHost
  void OnImage(ClusterImagePtr image) override;
  bool HasReadyLeader(GroupId group) const override;
  Status ValidateTopicConfigs(const std::map<std::string, std::string>& configs,
                              int32_t replication_factor) const override;
  void OnRefused(const Error& error) override;

  // ReplicaObserver, for group 0
  void OnRoleChange(GroupId group, const raft::RoleChange& change, bool ready) override;
  void OnRefill(GroupId group, RefillEvent event) override;
  void OnFatal(GroupId group, const Error& error) override;

 private:
  const Context context_;
  const NodeIdentity identity_;
  Executor& executor_;

  Liveness liveness_;
  Controller controller_;
  std::unique_ptr<Reconciler> reconciler_;
  ControllerMachine* machine_;  // owned by replica_
  raft::Term start_term_ = 0;   // of the entry that the image began with
  std::unique_ptr<Replica> replica_;
};

}  // namespace jangada::server
