#include "server/transport/peer_calls.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace jangada::server {
namespace {

Error ShuttingDown() { return {ErrorCode::kShuttingDown, "this node is shutting down"}; }

/// gRPC says with these words, and no code of its own, that the call never left this machine.
bool WasNeverSent(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         status.error_message().starts_with("failed to connect");
}

}  // namespace

struct PeerCalls::Pending {
  Callback<Result<Bytes>> done;
  NodeId to;
  // Of a question to another node.
  std::shared_ptr<v1::Peer::Stub> stub;
  grpc::ClientContext client_context;
  v1::PeerQuestion question;
  v1::PeerAnswer answer;
};

void PeerCalls::Ask(std::shared_ptr<v1::Peer::Stub> stub, NodeId to, PeerCall call,
                    int64_t timeout_us, Callback<Result<Bytes>> done) {
  const auto pending = std::make_shared<Pending>();
  pending->done = std::move(done);
  pending->to = to;
  pending->stub = std::move(stub);
  // Of the monotonic clock: a wall clock that jumps must not end it, nor keep it open.
  pending->client_context.set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_micros(timeout_us, GPR_TIMESPAN)));
  wire::EncodeIdentity(context_.identity(), pending->question.mutable_from());
  pending->question.set_to(to.value());
  pending->question.set_method(std::move(call.method));
  pending->question.set_payload(call.payload.data(), call.payload.size());
  if (!Register(pending)) return;
  pending->stub->async()->Ask(&pending->client_context, &pending->question, &pending->answer,
                              [this, asked = pending.get()](const grpc::Status& status) {
                                Complete(asked, Interpret(status, *asked));
                              });
}

void PeerCalls::AskSelf(PeerCall call, int64_t timeout_us, Callback<Result<Bytes>> done) {
  const auto pending = std::make_shared<Pending>();
  pending->done = std::move(done);
  pending->to = context_.self;
  if (!Register(pending)) return;
  context_.executor.Post([this, pending, timeout_us] {
    context_.executor.After(timeout_us, [this, pending] {
      Complete(pending.get(),
               Error{ErrorCode::kTimeout, "this node did not answer itself in time"});
    });
  });
  context_.sink.OnPeerCall(context_.self, std::move(call), [this, pending](Result<Bytes> result) {
    Complete(pending.get(), std::move(result));
  });
}

void PeerCalls::Shutdown() {
  std::vector<std::shared_ptr<Pending>> open;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [key, pending] : pending_) open.push_back(pending);
  }
  for (const auto& pending : open) {
    if (pending->stub != nullptr) {
      pending->client_context.TryCancel();  // its callback completes it
    } else {
      Complete(pending.get(), ShuttingDown());
    }
  }
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return active_ == 0; });
}

bool PeerCalls::Register(const std::shared_ptr<Pending>& pending) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      ++active_;
      pending_.emplace(pending.get(), pending);
      return true;
    }
  }
  pending->done(ShuttingDown());
  return false;
}

void PeerCalls::Complete(const Pending* asked, Result<Bytes> result) {
  std::shared_ptr<Pending> pending;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(asked);
    if (found == pending_.end()) return;
    pending = std::move(found->second);
    pending_.erase(found);
  }
  pending->done(std::move(result));
  pending->done = nullptr;
  // It may hold the last channel of the process, which must not die on a thread of gRPC's.
  context_.executor.Post([pending = std::move(pending)] {});
  const std::lock_guard lock(mutex_);
  if (--active_ == 0) idle_.notify_all();
}

Result<Bytes> PeerCalls::Interpret(const grpc::Status& status, Pending& pending) {
  const std::string node = "node " + std::to_string(pending.to.value());
  if (!status.ok()) {
    if (WasNeverSent(status)) {
      return Error{ErrorCode::kUnavailable, node + " cannot be reached: " + status.error_message()};
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return ShuttingDown();
    }
    return Error{ErrorCode::kTimeout,
                 node + " did not answer: " + status.error_message() + "; it may have acted on it"};
  }
  if (!pending.answer.error_code().empty()) return wire::DecodeError(pending.answer);
  const std::optional<PeerIdentity> peer = wire::DecodeIdentity(pending.answer.identity());
  if (!peer)
    return Error{ErrorCode::kUnsupportedVersion, "an answer that does not say whose it is"};
  TRY(context_.Judge(*peer));
  if (peer->node != pending.to) {
    return Error{ErrorCode::kPermissionDenied, "where " + node + " should be answers node " +
                                                   std::to_string(peer->node.value()) +
                                                   "; check the peers' addresses"};
  }
  return Bytes(std::move(*pending.answer.mutable_payload()));
}

}  // namespace jangada::server
