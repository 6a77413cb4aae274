#include "client/cli/values.h"

#include <gtest/gtest.h>

namespace jangada::client {
namespace {

TEST(Values, WholeNumbersAreNothingElse) {
  EXPECT_EQ(ParseInteger("-12"), -12);
  for (const char* bad : {"", "1x", " 1", "1.0", "+1", "99999999999999999999"}) {
    EXPECT_EQ(ParseInteger(bad), std::nullopt) << bad;
  }
}

TEST(Values, BytesTakeBinaryAndDecimalUnits) {
  EXPECT_EQ(ParseBytes("4096"), 4096);
  EXPECT_EQ(ParseBytes("64KiB"), 65536);
  EXPECT_EQ(ParseBytes("64K"), 65536);
  EXPECT_EQ(ParseBytes("1MB"), 1'000'000);
  EXPECT_EQ(ParseBytes("1.5M"), 1'572'864);
  EXPECT_EQ(ParseBytes("2GiB"), int64_t{2} << 30);
  for (const char* bad : {"", "-1", "KiB", "1 KiB", "1x", "1.2.3", "99999999999G"}) {
    EXPECT_EQ(ParseBytes(bad), std::nullopt) << bad;
  }
}

TEST(Values, LengthsOfTimeAreSecondsUnlessTheySayOtherwise) {
  EXPECT_EQ(ParseDuration("10"), 10'000);
  EXPECT_EQ(ParseDuration("1.5s"), 1'500);
  EXPECT_EQ(ParseDuration("500ms"), 500);
  EXPECT_EQ(ParseDuration("2m"), 120'000);
  EXPECT_EQ(ParseDuration("1h"), 3'600'000);
  for (const char* bad : {"", "-1", "s", "1d", "1 s", "1m30"}) {
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  }
}

TEST(Values, WhatIsWrittenIsWhatPeopleRead) {
  EXPECT_EQ(BytesText(512), "512 B");
  EXPECT_EQ(BytesText(65536), "64 KiB");
  EXPECT_EQ(BytesText(1'600'000), "1.5 MiB");
  EXPECT_EQ(DurationText(1'500), "1500ms");
  EXPECT_EQ(DurationText(10'000), "10s");
  EXPECT_EQ(DurationText(5'400'000), "1h30m");
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(-1'234'567), "-1,234,567");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(TimeText(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(TimeText(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(Counted(1, "node"), "1 node");
  EXPECT_EQ(Counted(2, "node"), "2 nodes");
}

TEST(Values, DurationsAreReadAsTheyAreWritten) {
  for (const int64_t ms : {1, 500, 10'000, 60'000, 3'600'000}) {
    EXPECT_EQ(ParseDuration(DurationText(ms)), ms);
  }
}

TEST(Values, PairsSayWhichOneIsWrong) {
  const auto good = ParsePairs({"a=1", "b=x=y", "c="}, "--config");
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, (std::map<std::string, std::string>{{"a", "1"}, {"b", "x=y"}, {"c", ""}}));
  for (const std::string bad : {"a", "=1", ""}) {
    const auto refused = ParsePairs({"a=1", bad}, "--config");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message, "'" + bad + "' is no setting; give --config key=value");
  }
  EXPECT_FALSE(ParsePairs({"a=1", "a=2"}, "--config").ok()) << "which of them counts?";
}

}  // namespace
}  // namespace jangada::client
