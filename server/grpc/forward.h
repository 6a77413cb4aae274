// Forward: passes one unary call on to another node, marked so that it goes no further, and called
// off when the client goes. The answer comes on a thread of gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "base/callback.h"
#include "base/result.h"
#include "server/grpc/call_scope.h"
#include "server/grpc/peers.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {

namespace internal {

template <class Request, class Response>
struct ForwardedCall {
  std::shared_ptr<Peer> peer;  // its stubs must outlive the call
  grpc::ClientContext context;
  Request request;
  Response response;
  Callback<Result<Response>> done;
  std::shared_ptr<Cancellation> cancellation;
  uint64_t cancel_id = 0;

  /// A call that never met a transport has no peer but its channel's target, which names no
  /// protocol.
  bool ReachedWire() const {
    const std::string peer_uri = context.peer();
    return peer_uri.starts_with("ipv4:") || peer_uri.starts_with("ipv6:") ||
           peer_uri.starts_with("unix:");
  }
};

}  // namespace internal

/// `stub` is peer->log or peer->admin, `method` one of its async_interface's unary methods.
template <class Async, class Request, class Response>
void Forward(std::shared_ptr<Peer> peer, Async* stub,
             void (Async::*method)(grpc::ClientContext*, const Request*, Response*,
                                   std::function<void(grpc::Status)>),
             Request request, const CallScope& scope, TimePoint deadline,
             Callback<Result<Response>> done) {
  using Call = internal::ForwardedCall<Request, Response>;
  auto call = std::make_shared<Call>();
  call->peer = std::move(peer);
  call->request = std::move(request);
  call->done = std::move(done);
  call->context.set_deadline(ToGrpc(deadline));
  call->context.AddMetadata(kForwardedKey, "1");
  call->cancellation = scope.cancellation;
  call->cancel_id = scope.cancellation->OnCancel([call] { call->context.TryCancel(); });
  (stub->*method)(&call->context, &call->request, &call->response, [call](grpc::Status status) {
    call->cancellation->Forget(call->cancel_id);
    auto finished = std::move(call->done);
    if (status.ok()) return finished(std::move(call->response));
    finished(ErrorFrom(status, call->ReachedWire()));
  });
}

}  // namespace jangada::server::grpc_door
