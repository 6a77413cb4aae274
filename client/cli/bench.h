// What the two benches share: what they report, how, and the stamp by which a consumer knows when a
// record was meant to be sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/latency_histogram.h"

namespace jangada::client {

struct BenchReport {
  std::string bench;  // "produce" or "consume"
  std::string topic;
  /// What was asked for, in order, for people; what of it is a number or a word goes to JSON.
  std::vector<std::pair<std::string, std::string>> settings;
  double seconds = 0;  // that were measured
  int64_t records = 0;
  int64_t failed = 0;
  int64_t bytes = 0;     // of keys and values
  int64_t requests = 0;  // acknowledged batches, or fetched pieces
  std::string latency_of;
  LatencyHistogram latency;
  double client_cpu_seconds = 0;
};

std::string TextOf(const BenchReport& report);

/// CPU seconds, user and system, of this process so far.
double CpuSeconds();

/// At the front of a bench's value.
inline constexpr size_t kStampBytes = 16;
/// REQUIRES: value->size() >= kStampBytes.
void WriteStamp(std::string* value, int64_t wall_us);
/// nullopt: not a bench's record.
std::optional<int64_t> ReadStamp(std::string_view value);

}  // namespace jangada::client
