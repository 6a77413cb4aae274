#include "client/cli/suggest.h"

#include <gtest/gtest.h>

namespace jangada::client {
namespace {

using Words = std::vector<std::string>;

TEST(EditDistance, CountsLettersChangedAddedLeftOutAndSwapped) {
  EXPECT_EQ(EditDistance("topic", "topic"), 0U);
  EXPECT_EQ(EditDistance("topic", "topik"), 1U);
  EXPECT_EQ(EditDistance("topic", "toic"), 1U);
  EXPECT_EQ(EditDistance("topic", "tropic"), 1U);
  EXPECT_EQ(EditDistance("topci", "topic"), 1U) << "a swap is one mistake";
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("abc", ""), 3U);
}

TEST(EditDistance, CapitalsAreNoMistake) { EXPECT_EQ(EditDistance("TOPIC", "topic"), 0U); }

TEST(ClosestTo, FindsTheTypo) {
  const Words commands{"topic", "produce", "consume", "cluster", "partition", "node"};
  EXPECT_EQ(ClosestTo("topci", commands), "topic");
  EXPECT_EQ(ClosestTo("comsume", commands), "consume");
  EXPECT_EQ(ClosestTo("partitoin", commands), "partition");
  EXPECT_EQ(ClosestTo("nod", commands), "node");
}

TEST(ClosestTo, WhatBeginsAWordMeansIt) {
  EXPECT_EQ(ClosestTo("part", {"topic", "partition"}), "partition");
  EXPECT_EQ(ClosestTo("--part", {"--rate", "--partition"}), "--partition");
}

TEST(ClosestTo, NothingIsBetterThanNonsense) {
  EXPECT_EQ(ClosestTo("frobnicate", {"topic", "produce"}), "");
  EXPECT_EQ(ClosestTo("x", {"a", "b"}), "") << "a word of one letter is not one typo away from all";
  EXPECT_EQ(ClosestTo("", {"a"}), "");
  EXPECT_EQ(ClosestTo("topic", {}), "");
}

TEST(ClosestTo, TheNearestWins) {
  EXPECT_EQ(ClosestTo("orders2", {"orders", "orders1", "order"}), "orders");
}

TEST(DidYouMean, FallsBackToOtherAdvice) {
  EXPECT_EQ(DidYouMean("topci", {"topic"}, "; look there"), "; did you mean 'topic'?");
  EXPECT_EQ(DidYouMean("zzz", {"topic"}, "; look there"), "; look there");
}

}  // namespace
}  // namespace jangada::client
