// PeerCalls: the questions that this node has asked and that have no answer yet. Each ends in
// exactly one `done`: with the answer, by its timeout, or at the shutdown. Any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "base/callback.h"
#include "jangada/v1/peer.grpc.pb.h"
#include "server/transport/peer_context.h"

namespace jangada::server {

class PeerCalls {
 public:
  explicit PeerCalls(PeerContext& context) : context_(context) {}

  void Ask(std::shared_ptr<v1::Peer::Stub> stub, NodeId to, PeerCall call, int64_t timeout_us,
           Callback<Result<Bytes>> done);
  /// This node's own sink answers.
  void AskSelf(PeerCall call, int64_t timeout_us, Callback<Result<Bytes>> done);

  /// Ends what is under way; when it returns every `done` has run. Later questions end at once.
  void Shutdown();

 private:
  struct Pending;

  /// False, and `done` has run: the node is stopping.
  bool Register(const std::shared_ptr<Pending>& pending);
  /// The first call for a question ends it, later ones do nothing.
  void Complete(const Pending* asked, Result<Bytes> result);
  Result<Bytes> Interpret(const grpc::Status& status, Pending& pending);

  PeerContext& context_;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::map<const Pending*, std::shared_ptr<Pending>> pending_;
  size_t active_ = 0;  // pending_, and those whose `done` is running
  bool stopping_ = false;
};

}  // namespace jangada::server
