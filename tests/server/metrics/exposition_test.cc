// The text of a scrape: names, escapes, numbers, histograms; judged by a parser that was written
// apart, which itself must find what is wrong.
#include "server/metrics/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/server/metrics/strict_parser.h"

namespace jangada::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ParsedScrape;
using testing::ParseStrictly;

std::string Text(const Family& family) { return Expose({family}); }

TEST(ExpositionTest, AFamilyIsHelpTypeAndItsSeries) {
  Family family("jangada_things_total", MetricType::kCounter, "Things that were seen.");
  family.Add({{"kind", "good"}, {"place", "here"}}, 3).Add({{"kind", "bad"}, {"place", "here"}}, 0);
  EXPECT_EQ(Text(family),
            "# HELP jangada_things_total Things that were seen.\n"
            "# TYPE jangada_things_total counter\n"
            "jangada_things_total{kind=\"good\",place=\"here\"} 3\n"
            "jangada_things_total{kind=\"bad\",place=\"here\"} 0\n");
}

TEST(ExpositionTest, AFamilyWithoutSeriesStillSaysWhatItIs) {
  EXPECT_EQ(Text(Family("jangada_peers", MetricType::kGauge, "Peers.")),
            "# HELP jangada_peers Peers.\n# TYPE jangada_peers gauge\n");
}

TEST(ExpositionTest, HelpAndLabelValuesAreEscaped) {
  Family family("jangada_a", MetricType::kGauge, "A \\ and\na \"quote\".");
  family.Add({{"x", "a\\b\"c\nd"}}, 1);
  EXPECT_EQ(Text(family),
            "# HELP jangada_a A \\\\ and\\na \"quote\".\n"
            "# TYPE jangada_a gauge\n"
            "jangada_a{x=\"a\\\\b\\\"c\\nd\"} 1\n");
  const ParsedScrape parsed = ParseStrictly(Text(family));
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.Value("jangada_a{x=\"a\\b\"c\nd\"}"), 1);
}

TEST(ExpositionTest, NumbersAreWholeWhereTheyCanBeAndExactElsewhere) {
  const auto number = [](double value) {
    const std::string text = Text(Family("a", MetricType::kGauge, "A.").Add(value));
    return text.substr(text.rfind(' ') + 1, text.size() - text.rfind(' ') - 2);
  };
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(1e15), "1000000000000000");
  EXPECT_EQ(number(-7), "-7");
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(0.0001), "0.0001");
  EXPECT_EQ(std::stod(number(1.5e-9)), 1.5e-9);
  EXPECT_EQ(number(1764093181.25), "1764093181.25");
  EXPECT_EQ(std::stod(number(1.8446744073709552e19)), 1.8446744073709552e19);
  EXPECT_EQ(number(std::nan("")), "NaN");
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(number(-std::numeric_limits<double>::infinity()), "-Inf");
}

TEST(ExpositionTest, AHistogramIsCumulativeInSeconds) {
  LatencyHistogram histogram;
  for (const int64_t us : {50, 100, 101, 30'000, 60'000'000}) histogram.Record(us);
  Family family("jangada_wait_seconds", MetricType::kHistogram, "Waits.");
  family.Add({{"method", "m"}}, histogram.Snapshot());
  const std::string text = Text(family);
  EXPECT_THAT(text, HasSubstr("jangada_wait_seconds_bucket{method=\"m\",le=\"0.0001\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("jangada_wait_seconds_bucket{method=\"m\",le=\"0.00025\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("jangada_wait_seconds_bucket{method=\"m\",le=\"0.025\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("jangada_wait_seconds_bucket{method=\"m\",le=\"0.05\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("jangada_wait_seconds_bucket{method=\"m\",le=\"10\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("jangada_wait_seconds_bucket{method=\"m\",le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("jangada_wait_seconds_sum{method=\"m\"} 60.030251\n"));
  EXPECT_THAT(text, HasSubstr("jangada_wait_seconds_count{method=\"m\"} 5\n"));
  EXPECT_THAT(ParseStrictly(text).problems, IsEmpty());
}

TEST(StrictParserTest, FindsWhatIsWrong) {
  const std::string good = "# HELP a A.\n# TYPE a gauge\n";
  for (const char* bad :
       {"a 1\n", "# HELP a A.\na 1\n", "# TYPE a gauge\na 1\n", "# HELP a A.\n# TYPE a thing\n",
        "# HELP a A.\n# TYPE a counter\na 1\n", "# HELP a \n# TYPE a gauge\n",
        "# HELP a_total A.\n# TYPE a_total gauge\n", "# HELP 1a A.\n# TYPE 1a gauge\n",
        "# HELP a A.\n# TYPE a gauge\n# HELP a A.\n", "# EOF\n"}) {
    EXPECT_FALSE(ParseStrictly(bad).problems.empty()) << bad;
  }
  for (const char* bad :
       {"a", "a 1", "a one\n", "a{x} 1\n", "a{x=1} 1\n", "a{x=\"1} 1\n", "a{x=\"1\"} 1 \n",
        "a{x=\"1\",} 1\n", "a{1x=\"1\"} 1\n", "a{x=\"\\q\"} 1\n", "a{x=\"1\",x=\"2\"} 1\n",
        "a 1\na 2\n", "b 1\n", " a 1\n", "a  1\n", "a{le=\"1\"} 1\n", "\n"}) {
    EXPECT_FALSE(ParseStrictly(good + bad).problems.empty()) << bad;
  }
  EXPECT_THAT(ParseStrictly(good + "a{x=\"\"} 1e-07\n").problems, IsEmpty());
}

TEST(StrictParserTest, FindsHistogramsThatAreNone) {
  const std::string head = "# HELP h H.\n# TYPE h histogram\n";
  const std::string rest = "h_sum 1\nh_count 2\n";
  EXPECT_THAT(
      ParseStrictly(head + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\n" + rest).problems,
      IsEmpty());
  for (const std::string& bad :
       {"h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n" + rest, "h_bucket{le=\"1\"} 2\n" + rest,
        "h_bucket{le=\"+Inf\"} 3\n" + rest, "h_bucket{le=\"x\"} 2\n" + rest,
        std::string("h_bucket{le=\"+Inf\"} 2\nh_count 2\n")}) {
    EXPECT_FALSE(ParseStrictly(head + bad).problems.empty()) << bad;
  }
}

}  // namespace
}  // namespace jangada::server
