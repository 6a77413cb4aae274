// What the command line's exit code says. Documented in its --help and in docs/cli.md; scripts rely
// on it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace jangada::client {

inline constexpr int kExitDone = 0;
inline constexpr int kExitOther = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitUnavailable = 4;
inline constexpr int kExitRefused = 5;
/// And the signal's number: 130 after SIGINT, 143 after SIGTERM, as shells have it.
inline constexpr int kExitSignal = 128;

int ExitCodeOf(ErrorCode code);

struct ExitCodeRow {
  std::string code;
  std::string name;     // in two or three words
  std::string meaning;  // in full
};
/// For the help.
std::vector<ExitCodeRow> ExitCodes();

}  // namespace jangada::client
