// CallScope: what a call from outside brings along besides its message: how long it may take,
// whether it may be passed on to another node, and who tells when its client has gone.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "server/grpc/cancellation.h"
#include "server/grpc/timer.h"

namespace jangada::server::grpc_door {

inline constexpr char kForwardedKey[] = "jangada-forwarded";
inline constexpr char kNoForwardKey[] = "jangada-no-forward";

struct CallScope {
  bool forwarded = false;   // comes from another node, which waits and tries again itself
  bool no_forward = false;  // the client routes itself
  TimePoint deadline;
  std::shared_ptr<Cancellation> cancellation;

  /// Answer from this node alone, and at once if it does not lead.
  bool local_only() const { return forwarded || no_forward; }
  int64_t MicrosLeft() const { return MicrosUntil(deadline); }
  CallScope WithDeadline(TimePoint other) const {
    CallScope scope = *this;
    scope.deadline = std::min(deadline, other);
    return scope;
  }
};

/// The scope of a call that may take `limit_us`, or until just before the client's own deadline, so
/// that the client still learns why it failed.
CallScope ScopeOf(const grpc::CallbackServerContext& context, int64_t limit_us,
                  std::shared_ptr<Cancellation> cancellation);

}  // namespace jangada::server::grpc_door
