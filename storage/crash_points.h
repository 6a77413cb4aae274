// Named places where a crash must lose nothing that was acknowledged. A test sets the hook and ends
// the process there; outside of tests it is null and costs one load. Set before the store opens;
// any thread calls it.
#pragma once

#include <string_view>

namespace jangada::storage {

using CrashHook = void (*)(std::string_view point);
inline CrashHook crash_hook = nullptr;

inline void ReachCrashPoint(std::string_view point) {
  if (crash_hook != nullptr) crash_hook(point);
}

inline constexpr std::string_view kCrashBeforeSync = "before_sync";  // built, not yet written
inline constexpr std::string_view kCrashAfterSync = "after_sync";    // durable, mark not yet noted
inline constexpr std::string_view kCrashAfterMark = "after_mark";    // noted, nobody told
inline constexpr std::string_view kCrashBeforeCut =
    "before_cut";  // damage confirmed, not yet marked
inline constexpr std::string_view kCrashAfterOpen =
    "after_open";  // recovered, damage not yet marked
inline constexpr std::string_view kCrashPoints[] = {
    kCrashBeforeSync, kCrashAfterSync, kCrashAfterMark, kCrashBeforeCut, kCrashAfterOpen};

}  // namespace jangada::storage
