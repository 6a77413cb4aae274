#include "server/grpc/call_scope.h"

#include <algorithm>

namespace jangada::server::grpc_door {
namespace {

bool IsSet(const grpc::CallbackServerContext& context, const char* key) {
  const auto [first, last] = context.client_metadata().equal_range(key);
  return std::any_of(first, last, [](const auto& entry) { return entry.second == "1"; });
}

}  // namespace

CallScope ScopeOf(const grpc::CallbackServerContext& context, int64_t limit_us,
                  std::shared_ptr<Cancellation> cancellation) {
  constexpr int64_t kMaxMarginUs = 200'000;
  // A call without a deadline has one at the end of time, where differences would overflow.
  const TimePoint ours = AfterNow(limit_us);
  const auto left = context.deadline() - std::chrono::system_clock::now();
  const TimePoint theirs = Now() + std::chrono::duration_cast<TimePoint::duration>(left);
  CallScope scope;
  scope.forwarded = IsSet(context, kForwardedKey);
  scope.no_forward = IsSet(context, kNoForwardKey);
  scope.cancellation = std::move(cancellation);
  scope.deadline = ours;
  if (theirs < ours) {
    const int64_t margin_us = std::clamp<int64_t>(MicrosUntil(theirs) / 10, 0, kMaxMarginUs);
    scope.deadline = theirs - std::chrono::microseconds(margin_us);
  }
  return scope;
}

}  // namespace jangada::server::grpc_door
