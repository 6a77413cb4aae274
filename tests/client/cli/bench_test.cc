#include "client/cli/bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "client/cli/bench_options.h"
#include "client/cli/producing.h"

namespace jangada::client {
namespace {

TEST(LatencyHistogram, SmallNumbersAreExact) {
  LatencyHistogram histogram;
  for (int64_t us = 1; us <= 100; ++us) histogram.Add(us);
  EXPECT_EQ(histogram.count(), 100);
  EXPECT_EQ(histogram.Percentile(0.5), 50);
  EXPECT_EQ(histogram.Percentile(0.99), 99);
  EXPECT_EQ(histogram.Percentile(0.999), 100);
  EXPECT_EQ(histogram.Percentile(1), 100);
  EXPECT_EQ(histogram.max(), 100);
}

TEST(LatencyHistogram, PercentilesAreNeverTooLowAndAtMostOnePercentTooHigh) {
  std::mt19937_64 random(3);
  LatencyHistogram histogram;
  std::vector<int64_t> all;
  for (int i = 0; i < 20'000; ++i) {
    const auto us = static_cast<int64_t>(std::exp(static_cast<double>(random() % 2400) / 100));
    all.push_back(us);
    histogram.Add(us);
  }
  std::sort(all.begin(), all.end());
  for (const double fraction : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(fraction * static_cast<double>(all.size())));
    const auto exact = static_cast<double>(all[rank - 1]);
    const auto told = static_cast<double>(histogram.Percentile(fraction));
    EXPECT_GE(told, exact) << fraction;
    EXPECT_LE(told, exact * 1.01 + 1) << fraction;
  }
}

TEST(LatencyHistogram, MergingIsAddingAll) {
  LatencyHistogram one, other, both;
  for (int64_t us = 0; us < 1000; us += 7) {
    (us % 2 == 0 ? one : other).Add(us * us);
    both.Add(us * us);
  }
  one.Merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.max(), both.max());
  for (const double fraction : {0.1, 0.5, 0.99}) {
    EXPECT_EQ(one.Percentile(fraction), both.Percentile(fraction));
  }
}

TEST(LatencyHistogram, ExtremesHaveTheirPlaceAndNothingIsNothing) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Percentile(0.99), 0);
  histogram.Add(-5);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.Percentile(0.5), 0);
  EXPECT_GT(histogram.max(), int64_t{10} * 24 * 3600 * 1'000'000);
}

TEST(Stamp, TellsABenchsRecordFromOthers) {
  std::string value(64, 'x');
  EXPECT_EQ(ReadStamp(value), std::nullopt);
  WriteStamp(&value, 1'700'000'000'123'456);
  EXPECT_EQ(value.size(), 64U);
  EXPECT_EQ(ReadStamp(value), 1'700'000'000'123'456);
  EXPECT_EQ(ReadStamp("jgbench1"), std::nullopt) << "cut short";
}

TEST(BenchLength, ANumberOfRecordsHasNoWarmUpAndNoEnd) {
  const BenchLength records{.duration = {}, .records = 5, .warmup = {1000}};
  EXPECT_EQ(records.MeasuredFromUs(7), 7);
  EXPECT_EQ(records.EndsUs(7), INT64_MAX);
  const BenchLength usual;
  EXPECT_EQ(usual.MeasuredFromUs(7), 1'000'007);
  EXPECT_EQ(usual.EndsUs(1'000'007), 11'000'007);
  EXPECT_FALSE((BenchLength{.duration = {5}, .records = 5}).Check().ok());
}

TEST(Pace, IsEvenFromTheFirstOn) {
  Pace pace(1000);
  EXPECT_LE(pace.UntilNextUs(), 0);
  int64_t last = 0;
  for (int i = 0; i < 99; ++i) last = pace.UntilNextUs();
  EXPECT_LE(last, 99'000);
  EXPECT_GT(last, 99'000 - 50'000) << "the hundredth is due after 99 ms, however fast we ask";
  EXPECT_EQ(Pace(0).UntilNextUs(), 0);
}

TEST(BenchReport, IsReadByPeople) {
  BenchReport report{.bench = "produce", .topic = "t"};
  report.settings = {{"producers", "2"}};
  report.seconds = 2;
  report.records = 2'000'000;
  report.failed = 1;
  report.bytes = 2'048'000'000;
  report.requests = 32'000;
  report.latency_of = "somewhere";
  report.latency.Add(1'500);
  EXPECT_EQ(TextOf(report),
            "topic         t\n"
            "producers     2\n"
            "records       2,000,000 in 2.00 s, 1 FAILED\n"
            "throughput    1024.0 MB/s   1,000,000 records/s   16,000 requests/s\n"
            "latency       p50 1.50 ms   p99 1.50 ms   p99.9 1.50 ms   max 1.50 ms   (somewhere)\n"
            "client CPU    0.00 s\n");
}

}  // namespace
}  // namespace jangada::client
