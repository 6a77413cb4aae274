// Waits as callers give them, in milliseconds, made safe to calculate with. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace jangada::client {

/// Ten years. Nothing longer is waited for: in nanoseconds, and added to a clock, it still fits.
inline constexpr int64_t kLongestWaitMs = int64_t{10} * 365 * 24 * 3600 * 1000;

/// `ms`, or what comes nearest to it: a caller may say INT64_MAX for "as long as it takes".
inline int64_t BoundedMs(int64_t ms) { return std::clamp<int64_t>(ms, 0, kLongestWaitMs); }

}  // namespace jangada::client
