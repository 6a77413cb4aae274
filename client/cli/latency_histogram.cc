#include "client/cli/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace jangada::client {
namespace {

constexpr int kBucketBits = 7;  // 128 a doubling
constexpr int kMaxBits = 40;
constexpr int64_t kMax = (int64_t{1} << kMaxBits) - 1;

/// Values below 2^8 have a bucket of their own; above, the leading 8 bits decide.
size_t BucketOf(int64_t value) {
  const int shift = std::max(
      0, static_cast<int>(std::bit_width(static_cast<uint64_t>(value))) - (kBucketBits + 1));
  return (static_cast<size_t>(shift) << kBucketBits) + static_cast<size_t>(value >> shift);
}

/// The greatest value in the bucket.
int64_t TopOf(size_t bucket) {
  const size_t shift = bucket < (size_t{2} << kBucketBits) ? 0 : (bucket >> kBucketBits) - 1;
  const auto lead = static_cast<int64_t>(bucket - (shift << kBucketBits));
  return ((lead + 1) << shift) - 1;
}

}  // namespace

LatencyHistogram::LatencyHistogram() : buckets_(BucketOf(kMax) + 1) {}

void LatencyHistogram::Add(int64_t microseconds) {
  const int64_t value = std::clamp<int64_t>(microseconds, 0, kMax);
  ++buckets_[BucketOf(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

int64_t LatencyHistogram::Percentile(double fraction) const {
  const auto rank =
      std::max<int64_t>(1, static_cast<int64_t>(std::ceil(fraction * static_cast<double>(count_))));
  int64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(TopOf(i), max_);
  }
  return 0;
}

}  // namespace jangada::client
