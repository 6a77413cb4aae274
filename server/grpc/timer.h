// Time for the gRPC door, which has no shard: tasks run later, or soon, on gRPC's own threads.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/callback.h"

namespace jangada::server::grpc_door {

/// gRPC's deadlines are points of the wall clock.
using TimePoint = std::chrono::system_clock::time_point;

inline TimePoint Now() { return std::chrono::system_clock::now(); }
inline int64_t MicrosUntil(TimePoint then) {
  return std::chrono::duration_cast<std::chrono::microseconds>(then - Now()).count();
}
inline TimePoint AfterNow(int64_t micros) { return Now() + std::chrono::microseconds(micros); }
inline int64_t WallNowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Now().time_since_epoch()).count();
}

/// Runs `task` on a thread of gRPC, no earlier than `delay_us` from now. Cannot be called off: for
/// short waits. 0: soon, which takes heavy work off the thread that asks.
void RunAfter(int64_t delay_us, Callback<> task);

}  // namespace jangada::server::grpc_door
