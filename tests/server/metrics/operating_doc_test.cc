// The judge of the manual can say no: a row too many, too few, with another type, label or unit.
#include "tests/server/metrics/operating_doc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jangada::server::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kPrinted[] =
    "# HELP a_bytes A.\n# TYPE a_bytes gauge\na_bytes{peer=\"1\"} 1\n"
    "# HELP b_total B.\n# TYPE b_total counter\nb_total 1\n";

std::map<std::string, ExplainedMetric> Explained() {
  return {{"a_bytes", {.type = "gauge", .unit = "bytes", .meaning = "A.", .labels = {"peer"}}},
          {"b_total", {.type = "counter", .unit = "bees", .meaning = "B.", .labels = {}}}};
}

std::vector<std::string> Judge(const std::map<std::string, ExplainedMetric>& explained) {
  return Disagreements(explained, ParseStrictly(kPrinted));
}

TEST(OperatingDocTest, WhatAgreesIsNotComplainedOf) { EXPECT_THAT(Judge(Explained()), IsEmpty()); }

TEST(OperatingDocTest, EachDisagreementIsFound) {
  auto more = Explained();
  more["c"] = more["b_total"];
  EXPECT_THAT(Judge(more), ElementsAre("c is explained, but not printed"));
  auto less = Explained();
  less.erase("b_total");
  EXPECT_THAT(Judge(less), ElementsAre("b_total is printed, but not explained"));
  auto type = Explained();
  type["b_total"].type = "gauge";
  EXPECT_THAT(Judge(type), ElementsAre("b_total is a counter"));
  auto labels = Explained();
  labels["a_bytes"].labels = {"peer", "shard"};
  EXPECT_THAT(Judge(labels), ElementsAre("a_bytes{peer=\"1\"} has other labels than explained"));
  auto unit = Explained();
  unit["a_bytes"].unit = "MB";
  EXPECT_THAT(Judge(unit), ElementsAre("a_bytes is in bytes"));
}

}  // namespace
}  // namespace jangada::server::testing
