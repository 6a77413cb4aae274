// What `produce` and `bench produce` share: names of compressions, headers, an even pace.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "jangada/record.h"

namespace jangada::client {

/// What the last try may take beyond the delivery timeout.
inline constexpr int64_t kFlushGraceMs = 5000;

std::vector<std::string> CompressionNames();
/// kInvalidArgument.
Result<Compression> CompressionByName(const std::string& name);

std::vector<RecordHeader> HeadersOf(const std::map<std::string, std::string>& headers);

/// The Nth thing is due N / rate seconds after the first. One thread.
class Pace {
 public:
  /// 0: everything is due at once.
  explicit Pace(double per_second) : per_second_(per_second) {}

  /// Counts one more. How long until it is due; 0 or less: it is.
  int64_t UntilNextUs();

 private:
  const double per_second_;
  int64_t started_us_ = 0;  // with the first
  int64_t count_ = 0;
};

}  // namespace jangada::client
