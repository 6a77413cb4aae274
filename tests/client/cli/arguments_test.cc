#include "client/cli/arguments.h"

#include <gtest/gtest.h>

namespace jangada::client {
namespace {

using Words = std::vector<std::string>;

class ArgumentsTest : public testing::Test {
 protected:
  Status Parse(const Words& words) { return ParseArguments("do it", arguments_, options_, words); }

  std::string Refusal(const Words& words) {
    const Status status = Parse(words);
    if (status.ok()) return "";
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    return status.error().message;
  }

  std::string topic_;
  Words more_;
  std::string output_ = "table";
  int32_t count_ = 1;
  double rate_ = 0;
  ByteCount bytes_;
  Duration timeout_;
  bool yes_ = false;
  Words configs_;
  Words nodes_{"default"};
  std::vector<int32_t> partitions_;
  const std::vector<Option> arguments_{
      {.names = "TOPIC", .target = &topic_, .help = "", .required = true},
      {.names = "MORE", .target = &more_, .help = ""}};
  const std::vector<Option> options_{
      {.names = "-o,--output", .value = "FORM", .target = &output_, .one_of = {"table", "json"}},
      {.names = "--count", .value = "N", .target = &count_, .at_least = 1},
      {.names = "--rate", .value = "N", .target = &rate_},
      {.names = "--bytes", .value = "BYTES", .target = &bytes_, .at_least = 1},
      {.names = "--timeout", .value = "TIME", .target = &timeout_, .at_least = 1},
      {.names = "-y,--yes", .target = &yes_},
      {.names = "--config", .value = "K=V", .target = &configs_},
      {.names = "-b,--bootstrap", .value = "ADDRESS", .target = &nodes_, .comma_separated = true},
      {.names = "--partition",
       .value = "N",
       .target = &partitions_,
       .at_least = 0,
       .comma_separated = true}};
};

TEST_F(ArgumentsTest, WhatIsNotGivenKeepsItsDefault) {
  ASSERT_TRUE(Parse({"t"}).ok());
  EXPECT_EQ(topic_, "t");
  EXPECT_EQ(output_, "table");
  EXPECT_EQ(count_, 1);
  EXPECT_EQ(nodes_, Words{"default"});
  EXPECT_FALSE(yes_);
}

TEST_F(ArgumentsTest, OptionsMayStandAnywhereAndInEveryUsualForm) {
  ASSERT_TRUE(Parse({"--count", "5", "t", "-ojson", "--timeout=2m", "-y", "--rate", "2.5"}).ok());
  EXPECT_EQ(topic_, "t");
  EXPECT_EQ(count_, 5);
  EXPECT_EQ(output_, "json");
  EXPECT_EQ(timeout_.ms, 120'000);
  EXPECT_EQ(rate_, 2.5);
  EXPECT_TRUE(yes_);
}

TEST_F(ArgumentsTest, ListsGrowByRepetitionAndCommasWhereTheyMayBe) {
  ASSERT_TRUE(Parse({"t", "--config", "a=1,2", "--config", "b=[3]", "--partition", "1,2",
                     "--partition", "3", "-b", "x:1,y:2"})
                  .ok());
  EXPECT_EQ(configs_, (Words{"a=1,2", "b=[3]"})) << "a value's comma is its own";
  EXPECT_EQ(partitions_, (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(nodes_, (Words{"x:1", "y:2"})) << "the default is replaced";
}

TEST_F(ArgumentsTest, AnOptionOfAListTakesOneWordOnly) {
  ASSERT_TRUE(Parse({"--config", "a=1", "t"}).ok());
  EXPECT_EQ(topic_, "t");
}

TEST_F(ArgumentsTest, TheLastOfTwoCounts) {
  ASSERT_TRUE(Parse({"t", "--count", "5", "--count", "7"}).ok());
  EXPECT_EQ(count_, 7);
}

TEST_F(ArgumentsTest, BracketsBracesAndEmptyWordsAreKept) {
  ASSERT_TRUE(Parse({"[t]", "--config", "[1,2]", "--config", "{}", "--config", ""}).ok());
  EXPECT_EQ(topic_, "[t]");
  EXPECT_EQ(configs_, (Words{"[1,2]", "{}", ""}));
}

TEST_F(ArgumentsTest, TheLastArgumentTakesTheRest) {
  ASSERT_TRUE(Parse({"a", "b", "c"}).ok());
  EXPECT_EQ(topic_, "a");
  EXPECT_EQ(more_, (Words{"b", "c"}));
}

TEST_F(ArgumentsTest, AfterTwoDashesEveryWordIsAnArgument) {
  ASSERT_TRUE(Parse({"--", "--count", "-y"}).ok());
  EXPECT_EQ(topic_, "--count");
  EXPECT_EQ(more_, Words{"-y"});
}

TEST_F(ArgumentsTest, AValueMayBeginWithADash) {
  EXPECT_EQ(Refusal({"t", "--count", "-5"}), "--count must be a whole number from 1 on, not '-5'");
  ASSERT_TRUE(Parse({"t", "--config", "-x=1"}).ok());
  EXPECT_EQ(configs_, Words{"-x=1"});
}

TEST_F(ArgumentsTest, WrongValuesSayWhatIsWanted) {
  EXPECT_EQ(Refusal({"t", "--count", "0"}), "--count must be a whole number from 1 on, not '0'");
  EXPECT_EQ(Refusal({"t", "--count", "3000000000"}),
            "--count must be a whole number from 1 on, not '3000000000'");
  EXPECT_EQ(Refusal({"t", "--rate", "fast"}), "--rate must be a number above 0, not 'fast'");
  EXPECT_EQ(Refusal({"t", "--bytes", "much"}),
            "--bytes must be a number of bytes such as 4096, 64KiB or 1MB, not 'much'");
  EXPECT_EQ(Refusal({"t", "--timeout", "soon"}),
            "--timeout must be a length of time such as 10s, 500ms or 2m, not 'soon'");
  EXPECT_EQ(Refusal({"t", "--timeout", "0"}),
            "--timeout must be a length of time such as 10s, 500ms or 2m, not '0'");
  EXPECT_EQ(Refusal({"t", "--timeout", "100000h"}),
            "--timeout must be at most ten years, not '100000h'");
  EXPECT_EQ(Refusal({"t", "-o", "jsn"}),
            "--output must be one of table, json, not 'jsn'; did you mean 'json'?");
}

TEST_F(ArgumentsTest, UnknownOptionsSuggestTheRightOne) {
  EXPECT_EQ(Refusal({"t", "--cuont", "5"}),
            "'jangada do it' has no option '--cuont'; did you mean '--count'?");
  EXPECT_EQ(Refusal({"t", "--partitions=5"}),
            "'jangada do it' has no option '--partitions'; did you mean '--partition'?");
  EXPECT_EQ(Refusal({"t", "--frobnicate"}), "'jangada do it' has no option '--frobnicate'");
}

TEST_F(ArgumentsTest, MissingThingsAreNamed) {
  EXPECT_EQ(Refusal({}), "TOPIC is missing");
  EXPECT_EQ(Refusal({"t", "--count"}), "--count needs a value: --count N");
}

TEST_F(ArgumentsTest, WordsTooManyAreNamed) {
  const std::vector<Option> one{arguments_[0]};
  const Status status = ParseArguments("do it", one, options_, {"a", "b"});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "'b' is one word too many for 'jangada do it'");
}

}  // namespace
}  // namespace jangada::client
