// PeerRouter: what comes in from the other nodes, carried to the shard that it concerns. Any
// thread.
#pragma once

#include "server/controller_room.h"
#include "server/identity_keeper.h"
#include "server/image_holder.h"
#include "server/leader_table.h"
#include "server/local_broker.h"
#include "server/replica_router.h"
#include "server/status_teller.h"
#include "server/transport/transport.h"

namespace jangada::server {

class PeerRouter final : public PeerSink {
 public:
  PeerRouter(const Config& config, const IdentityKeeper& identity, const ImageHolder& image,
             LeaderTable& leaders);

  /// REQUIRES: before the transport starts. All outlive the transport.
  void Attach(ReplicaRouter& replicas, StatusTeller& teller, LocalBroker& broker);
  /// Group 0 runs here (or, nullptr, no longer). On group 0's shard.
  void SetRoom(ControllerRoom* room);

  Status CheckPeer(const PeerIdentity& peer) override;
  void OnPeerMessage(GroupId group, raft::Message message) override;
  /// One post for each shard concerned: the heartbeats of an idle node are a thousand messages in
  /// one frame.
  void OnPeerMessages(std::vector<GroupMessage> messages) override;
  void OnPeerStatus(const NodeStatus& status) override;
  void OnPeerPulse(NodeId from, Pulse pulse) override;
  void OnPeerCall(NodeId from, PeerCall call, Callback<Result<Bytes>> reply) override;
  void OnPeerUnreachable(NodeId peer, bool refused) override;
  void OnPeerConnected(NodeId peer) override;

 private:
  /// Runs `task` with the room on its shard; drops it while there is none.
  template <class Task>
  void WithRoom(Task task);
  Result<Bytes> AnswerFoundingProbe(const PeerCall& call) const;
  /// nullptr unless group 0 follows a leader and its log said something.
  ClusterImagePtr KnownImage() const;

  const Config& config_;
  const IdentityKeeper& identity_;
  const ImageHolder& image_;
  LeaderTable& leaders_;
  ReplicaRouter* replicas_ = nullptr;
  StatusTeller* teller_ = nullptr;
  LocalBroker* broker_ = nullptr;
  ControllerRoom* room_ = nullptr;  // owned by group 0's shard
};

}  // namespace jangada::server
