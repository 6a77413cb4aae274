// RaftService: the listening half of the peer transport. Takes the streams that peers dial, asks
// the sink whether it wants to know them, and hands on what they say; answers their questions. All
// on gRPC's threads; one stream's frames are handled one after the other.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "jangada/v1/peer.grpc.pb.h"
#include "server/transport/peer_context.h"

namespace jangada::server {

class RaftService final : public v1::Peer::CallbackService {
 public:
  /// Any thread, several at once.
  struct Events {
    /// A stream of this peer was let in, so it is there.
    std::function<void(NodeId)> on_admitted;
    /// Whoever is at the far end, as gRPC calls it, said who it is and may talk to us.
    std::function<void(const std::string&)> on_known;
  };
  RaftService(PeerContext& context, Events events)
      : context_(context), events_(std::move(events)) {}

  grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerHelloReply>* Connect(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Ask(grpc::CallbackServerContext* context,
                                const v1::PeerQuestion* question, v1::PeerAnswer* answer) override;

  /// What the sink thinks of peers may have changed: every stream is judged anew before its next
  /// frame.
  void JudgeAgain() { ++judgement_; }

 private:
  class Stream;
  class Question;

  PeerContext& context_;
  const Events events_;
  std::atomic<uint64_t> judgement_ = 0;
};

}  // namespace jangada::server
