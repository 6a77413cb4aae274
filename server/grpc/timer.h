// Time for the gRPC door, which has no shard: tasks run later, or soon, on gRPC's own threads.
#pragma once

#include <grpc/support/time.h>

#include <chrono>
#include <cstdint>

#include "base/callback.h"

namespace jangada::server::grpc_door {

/// Of the monotonic clock: a wall clock that jumps ends no call and prolongs none.
using TimePoint = std::chrono::steady_clock::time_point;

inline TimePoint Now() { return std::chrono::steady_clock::now(); }
inline int64_t MicrosUntil(TimePoint then) {
  return std::chrono::duration_cast<std::chrono::microseconds>(then - Now()).count();
}
inline TimePoint AfterNow(int64_t micros) { return Now() + std::chrono::microseconds(micros); }
inline int64_t WallNowMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

/// What gRPC takes for a deadline; nothing in it depends on the wall clock either.
inline gpr_timespec ToGrpc(TimePoint deadline) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_micros(MicrosUntil(deadline), GPR_TIMESPAN));
}

/// Runs `task` on a thread of gRPC, no earlier than `delay_us` from now. Cannot be called off: for
/// short waits. 0: soon, which takes heavy work off the thread that asks.
void RunAfter(int64_t delay_us, Callback<> task);

}  // namespace jangada::server::grpc_door
