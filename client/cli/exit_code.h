// What the command line's exit code says. Documented in its --help; scripts rely on it.
#pragma once

#include "base/result.h"

namespace jangada::client {

inline constexpr int kExitDone = 0;
inline constexpr int kExitOther = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitUnavailable = 4;
inline constexpr int kExitRefused = 5;

int ExitCodeOf(ErrorCode code);

}  // namespace jangada::client
