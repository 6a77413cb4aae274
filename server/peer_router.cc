#include "server/peer_router.h"

#include <utility>

#include "server/partition_calls.h"

namespace jangada::server {

PeerRouter::PeerRouter(const Config& config, const IdentityKeeper& identity,
                       const ImageHolder& image, LeaderTable& leaders)
    : config_(config), identity_(identity), image_(image), leaders_(leaders) {}

void PeerRouter::Attach(ReplicaRouter& replicas, StatusTeller& teller, LocalBroker& broker) {
  replicas_ = &replicas;
  teller_ = &teller;
  broker_ = &broker;
}

void PeerRouter::SetRoom(ControllerRoom* room) { room_ = room; }

template <class Task>
void PeerRouter::WithRoom(Task task) {
  replicas_->controller_host().shard().Post([this, task = std::move(task)]() mutable {
    if (room_ != nullptr) task(*room_);
  });
}

ClusterImagePtr PeerRouter::KnownImage() const {
  ClusterImagePtr image = image_.Get();
  // The image may be of a past in which a peer had another disk.
  return image->version > 0 && image_.IsCurrent() ? image : nullptr;
}

Status PeerRouter::CheckPeer(const PeerIdentity& peer) {
  const ClusterImagePtr image = KnownImage();
  return AdmitPeer(identity_.Get(), image.get(), peer);
}

void PeerRouter::OnPeerMessage(GroupId group, raft::Message message) {
  if (group == kControllerGroup) {
    WithRoom([message = std::move(message)](ControllerRoom& room) mutable {
      room.Step(std::move(message));
    });
  } else {
    replicas_->Step(group, std::move(message));
  }
}

void PeerRouter::OnPeerMessages(std::vector<GroupMessage> messages) {
  std::vector<GroupMessage> for_partitions;
  for_partitions.reserve(messages.size());
  for (auto& [group, message] : messages) {
    if (group == kControllerGroup) {
      OnPeerMessage(group, std::move(message));
    } else {
      for_partitions.emplace_back(group, std::move(message));
    }
  }
  replicas_->StepAll(std::move(for_partitions));
}

void PeerRouter::OnPeerStatus(const NodeStatus& status) {
  leaders_.Learn(status);
  WithRoom([status](ControllerRoom& room) { room.OnPeerStatus(status); });
}

void PeerRouter::OnPeerPulse(NodeId from, Pulse pulse) {
  replicas_->OnPulse(from, std::move(pulse));
}

void PeerRouter::OnPeerCall(NodeId from, PeerCall call, Callback<Result<Bytes>> reply) {
  if (call.method == kFoundingProbe) {
    reply(AnswerFoundingProbe(call));
    return;
  }
  if (peer_calls::IsOne(call)) return broker_->AnswerPeer(call, std::move(reply));
  replicas_->controller_host().shard().Post(
      [this, from, call = std::move(call), reply = std::move(reply)]() mutable {
        if (room_ == nullptr) {
          reply(Error{ErrorCode::kUnavailable, "the node has not found its cluster yet"});
          return;
        }
        room_->OnPeerCall(from, call, std::move(reply));
      });
}

Result<Bytes> PeerRouter::AnswerFoundingProbe(const PeerCall& call) const {
  TRY_ASSIGN(const ProbeQuestion question, DecodeProbeQuestion(call.payload.view()));
  const ClusterImagePtr image = KnownImage();
  return EncodeProbeAnswer(
      AnswerProbe(identity_.Get(), config_.cluster.founders, image.get(), question));
}

void PeerRouter::OnPeerUnreachable(NodeId peer, bool refused) {
  if (refused) leaders_.ForgetNode(peer);
  replicas_->OnPeerUnreachable(peer, refused);
  WithRoom([peer, refused](ControllerRoom& room) { room.OnPeerUnreachable(peer, refused); });
}

void PeerRouter::OnPeerConnected(NodeId peer) {
  replicas_->controller_host().shard().Post([this, peer] { teller_->TellAll(peer); });
}

}  // namespace jangada::server
