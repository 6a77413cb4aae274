// NodeRooms: the rooms of one node, composed: what comes in from peers, its partitions, its broker,
// what it tells the others, founding, group 0. It makes no thread and opens no file and no port;
// executors, store and network are its surroundings: Node makes them of the real things, the
// simulator of virtual ones.
//
// Threads: the first shard's executor is the controller's. The constructor, Furnish and the
// destructor run while none of the executors does, or none does any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "server/config.h"
#include "server/controller_room.h"
#include "server/identity_keeper.h"
#include "server/image_holder.h"
#include "server/leader_table.h"
#include "server/local_broker.h"
#include "server/peer_router.h"
#include "server/replica_router.h"
#include "server/status_teller.h"

namespace jangada::server {

class NodeRooms final : public HostObserver, public ControllerRoomObserver {
 public:
  struct Surroundings {  // all outlive the rooms
    storage::LogStore& store;
    PeerNetwork& network;
    std::vector<Executor*> shards;  // group g lives on shards[g % size]
    PartitionOptions base;          // see ReplicaRouter::Context
    /// About once a second, on the controller's executor; may be empty.
    std::function<void()> on_status_round;
    /// Once, on the controller's executor, when this node first sees itself in the cluster's image;
    /// may be empty.
    std::function<void()> on_in_cluster;
  };

  /// `config` and `identity` outlive the rooms. `seed`: for ids. `on_fatal`: the node must end now,
  /// with this sentence; called at most once, from any executor, and it must not call back. After
  /// kIoError nothing is known of the disk.
  NodeRooms(const Config& config, IdentityKeeper& identity, uint64_t seed,
            std::function<void(const Error&)> on_fatal);
  ~NodeRooms() override;

  /// For the network, which is made before the rooms are furnished and speaks after.
  PeerSink& sink() { return router_; }
  /// As whom this node speaks to its peers.
  PeerIdentity IdentityForPeers() const;

  /// `loaded`: what the store found at start.
  void Furnish(const Surroundings& surroundings, std::vector<storage::GroupState> loaded);
  LocalBroker& broker() { return *broker_; }
  ReplicaRouter& replicas() { return *replicas_; }
  const StatusTeller& teller() const { return *teller_; }
  /// nullptr: this node has not found its cluster yet, or is closed. On the controller's executor.
  ControllerRoom* room() { return closed_ ? nullptr : room_.get(); }
  Executor& controller_shard() { return replicas_->controller_host().shard(); }

  // ---- on the controller's executor ----
  /// Dials the founders and begins to look for the cluster; what it finds it goes on with.
  void Open();
  /// Hands over what is led here; `done` when nothing is, or patience is at its end.
  void Drain(Callback<> done);
  /// Group 0 ends here; `done` after its last checkpoint. No peer and no client is served any more.
  void Close(Callback<> done);

  // HostObserver (any shard)
  void OnLeadership(GroupId group, const raft::RoleChange& change, bool ready) override;
  void OnRefill(GroupId group, RefillEvent event) override {
    controller_shard().Post([this, group, event] { teller_->OnRefill(group, event); });
  }
  void OnLagging(GroupId group, raft::Term term, const std::vector<NodeId>& nodes) override;
  void OnStoreFailed(const Error& error) override { Fatal(error); }

  // ControllerRoomObserver (the controller's executor)
  void OnNewImage(const ClusterImage& image) override;
  void OnControllerLeadership(const raft::RoleChange& change, bool ready) override;
  void OnControllerRefill(RefillEvent event) override { OnRefill(kControllerGroup, event); }
  void OnMustStop(const Error& error) override { Fatal(error); }

 private:
  void FindCluster();
  void StartController(const NodeIdentity& identity);
  void OnStatusRound();
  /// After the disk lost whole groups: once all that the cluster knows of here are refilled, a new
  /// group is only new again.
  void CheckIfWholeAgain();
  void Fatal(const Error& error);
  NodeInfo Self() const;
  std::map<NodeId, Endpoint> FounderPeers() const;

  // Constant after Furnish.
  const Config& config_;
  IdentityKeeper& identity_;
  const uint64_t seed_;
  const std::function<void(const Error&)> on_fatal_;
  storage::LogStore* store_ = nullptr;
  PeerNetwork* network_ = nullptr;
  std::function<void()> on_status_round_;
  std::function<void()> on_in_cluster_;
  std::atomic<bool> fatal_said_{false};

  // In the order of construction; each outlives what stands below it.
  ImageHolder image_;
  LeaderTable leaders_;
  PeerRouter router_;
  std::unique_ptr<ReplicaRouter> replicas_;
  std::unique_ptr<LocalBroker> broker_;
  std::unique_ptr<StatusTeller> teller_;
  std::unique_ptr<FoundingDriver> founding_;  // owned by the controller's executor
  std::unique_ptr<ControllerRoom> room_;      // owned by the controller's executor
  bool closed_ = false;                       // likewise
  bool in_cluster_ = false;                   // likewise
};

}  // namespace jangada::server
