// A place in a partition, as `jangada consume --from` and its kin take it. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace jangada::client {

struct StartPosition {
  enum class Kind { kBeginning, kEnd, kOffset, kLast, kTime };
  Kind kind = Kind::kBeginning;
  int64_t offset = 0;   // kOffset; kLast: so many records before the end
  int64_t time_ms = 0;  // kTime: milliseconds since 1970 UTC
};

/// beginning | end (earliest and latest are the same) | OFFSET | -N, the last N records | @MILLIS |
/// an RFC 3339 time such as 2026-11-22T04:00:00Z.
/// kInvalidArgument.
Result<StartPosition> ParseStartPosition(std::string_view text);

}  // namespace jangada::client
