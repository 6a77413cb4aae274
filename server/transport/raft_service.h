// RaftService: the listening half of the peer transport. Takes the streams that peers dial, asks
// the sink whether it wants to know them, and hands on what they say; answers their questions. All
// on gRPC's threads; one stream's frames are handled one after the other.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/callback.h"
#include "jangada/v1/peer.grpc.pb.h"
#include "server/transport/peer_context.h"

namespace jangada::server {

class RaftService final : public v1::Peer::CallbackService {
 public:
  /// `on_admitted`: a stream of this peer was let in, so it is there. Any thread, several at once.
  RaftService(PeerContext& context, Callback<NodeId> on_admitted)
      : context_(context), on_admitted_(std::move(on_admitted)) {}

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
  Callback<NodeId> on_admitted_;
  std::atomic<uint64_t> judgement_ = 0;
};

}  // namespace jangada::server
