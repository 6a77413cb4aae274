// LatencyHistogram: how long something took, counted in fixed buckets. Recording takes no lock and
// allocates nothing; a snapshot that is taken meanwhile may miss the newest durations, never invent
// any. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace jangada {

/// Upper bounds of the buckets, inclusive, in microseconds; one bucket more holds what is longer.
inline constexpr std::array<int64_t, 16> kLatencyBoundsUs = {
    100,    250,     500,     1'000,   2'500,     5'000,     10'000,    25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};

/// A histogram at one moment.
struct LatencyCounts {
  std::array<uint64_t, kLatencyBoundsUs.size() + 1> buckets{};  // not cumulative
  uint64_t sum_us = 0;

  uint64_t count() const {
    uint64_t count = 0;
    for (const uint64_t bucket : buckets) count += bucket;
    return count;
  }
  friend bool operator==(const LatencyCounts&, const LatencyCounts&) = default;
};

class LatencyHistogram {
 public:
  /// A negative duration (a clock that was set back) counts as none.
  void Record(int64_t duration_us) {
    const int64_t counted = std::max<int64_t>(duration_us, 0);
    const auto bound = std::lower_bound(kLatencyBoundsUs.begin(), kLatencyBoundsUs.end(), counted);
    buckets_[static_cast<size_t>(bound - kLatencyBoundsUs.begin())].fetch_add(
        1, std::memory_order_relaxed);
    sum_us_.fetch_add(static_cast<uint64_t>(counted), std::memory_order_relaxed);
  }

  LatencyCounts Snapshot() const {
    LatencyCounts counts;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      counts.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    }
    counts.sum_us = sum_us_.load(std::memory_order_relaxed);
    return counts;
  }

 private:
  std::array<std::atomic<uint64_t>, kLatencyBoundsUs.size() + 1> buckets_{};
  std::atomic<uint64_t> sum_us_ = 0;
};

}  // namespace jangada
