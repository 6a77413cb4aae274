// The histogram's buckets: where a duration counts, and that nothing is lost between threads.
#include "base/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace jangada {
namespace {

size_t BucketOf(int64_t duration_us) {
  LatencyHistogram histogram;
  histogram.Record(duration_us);
  const LatencyCounts counts = histogram.Snapshot();
  EXPECT_EQ(counts.count(), 1u);
  return static_cast<size_t>(std::find(counts.buckets.begin(), counts.buckets.end(), 1u) -
                             counts.buckets.begin());
}

TEST(LatencyHistogramTest, BoundsAscendAndAreInclusive) {
  for (size_t i = 0; i < kLatencyBoundsUs.size(); ++i) {
    EXPECT_TRUE(i == 0 || kLatencyBoundsUs[i - 1] < kLatencyBoundsUs[i]);
    EXPECT_EQ(BucketOf(kLatencyBoundsUs[i]), i);
    EXPECT_EQ(BucketOf(kLatencyBoundsUs[i] + 1), i + 1);
  }
}

TEST(LatencyHistogramTest, NothingIsTooShortOrTooLong) {
  EXPECT_EQ(BucketOf(0), 0u);
  EXPECT_EQ(BucketOf(-5), 0u);
  EXPECT_EQ(BucketOf(INT64_MAX), kLatencyBoundsUs.size());
}

TEST(LatencyHistogramTest, SumsAreInMicroseconds) {
  LatencyHistogram histogram;
  histogram.Record(150);
  histogram.Record(-150);
  histogram.Record(3'000'000);
  EXPECT_EQ(histogram.Snapshot().sum_us, 3'000'150u);
}

TEST(LatencyHistogramTest, NoRecordOfManyThreadsIsLost) {
  LatencyHistogram histogram;
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&histogram] {
      for (int i = 0; i < kEach; ++i) histogram.Record(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.Snapshot().count(), uint64_t{kThreads} * kEach);
  EXPECT_EQ(histogram.Snapshot().sum_us, uint64_t{kThreads} * kEach * (kEach - 1) / 2);
}

}  // namespace
}  // namespace jangada
