// LatencyHistogram: how long things took, in bounded memory whatever their number: 128 buckets for
// each doubling, so that a percentile is at most 1 % too high. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

namespace jangada::client {

class LatencyHistogram {
 public:
  LatencyHistogram();

  /// Less than 0 counts as 0; more than 12 days as 12 days.
  void Add(int64_t microseconds);
  void Merge(const LatencyHistogram& other);

  int64_t count() const { return count_; }
  int64_t max() const { return max_; }
  /// The least latency, up to the bucket's width, that `fraction` of all did not exceed; nearest
  /// rank. 0 if there are none.
  int64_t Percentile(double fraction) const;

 private:
  std::vector<int64_t> buckets_;
  int64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace jangada::client
