// AtCoordinator: answers a unary call where the group is coordinated: by `here` on this node, or by
// passing it on, one hop; again while that is safe and there is time (retry.h).
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "server/grpc/forward.h"
#include "server/grpc/group_errors.h"
#include "server/grpc/group_stream.h"
#include "server/grpc/retry.h"
#include "server/grpc/unary_call.h"

namespace jangada::server::grpc_door {

using GroupAsync = v1::ConsumerGroup::StubInterface::async_interface;

template <class Request, class Response>
struct GroupCall {
  using Method = void (GroupAsync::*)(grpc::ClientContext*, const Request*, Response*,
                                      std::function<void(grpc::Status)>);
  UnaryCall* call;
  const Request* request;  // of the call, as the next
  Response* response;
  Method method;
  bool repeatable = true;
};

/// `here(done)` fills the response from this node, and may be called again.
template <class Request, class Response>
void AtCoordinator(const GroupCall<Request, Response>& asked,
                   std::function<void(Callback<Result<bool>>)> here) {
  Door& door = asked.call->door();
  const CallScope scope = asked.call->scope();
  const auto once = [asked, scope, &door, here = std::move(here)](Callback<Result<bool>> tried) {
    const std::string group = asked.request->group();
    auto found = [asked, scope, &door, here, group,
                  tried = std::move(tried)](const FoundCoordinator& coordinator) mutable {
      if (coordinator.error != GroupError::kNone) return tried(ErrorOf(coordinator.error, group));
      const bool is_here = coordinator.node == door.broker.self() || scope.local_only();
      auto peer = is_here ? nullptr : door.router.PeerOf(coordinator.node);
      if (peer == nullptr) return here(std::move(tried));
      auto* stub = peer->groups.async();
      Forward<GroupAsync, Request, Response>(
          std::move(peer), stub, asked.method, *asked.request, scope,
          asked.repeatable ? std::min(scope.deadline, AfterNow(kForwardTryUs)) : scope.deadline,
          [asked, tried = std::move(tried)](Result<Response> response) mutable {
            if (!response.ok()) return tried(response.error());
            *asked.response = std::move(*response);
            tried(true);
          });
    };
    door.broker.groups().FindCoordinator(group, std::move(found));
  };
  WithRetry<bool>(scope, asked.repeatable, once, [asked, &door](const Result<bool>& done) {
    if (done.ok()) return asked.call->Answer();
    asked.call->Fail(done.error(), ShardOf(asked.request->group(), door.broker));
  });
}

}  // namespace jangada::server::grpc_door
