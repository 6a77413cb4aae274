// Logs whose producers' numbers are as they must be, and logs in which each of them is wrong.
#include "tests/history/numbering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/history/edn.h"

namespace jangada::history {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Key 1, a batch of `count` records at an offset, of producer 7.
std::string Batch(int offset, int count, int epoch, int64_t sequence, int producer = 7) {
  std::ostringstream line;
  line << "{:process 0 :type :ok :f :batch :value [1 " << offset << " " << count << " " << producer
       << " " << epoch << " " << sequence << "]}\n";
  return line.str();
}

std::vector<Operation> Parse(const std::string& text) {
  std::istringstream in(text);
  auto history = ReadEdn(in);
  EXPECT_TRUE(history.ok()) << (history.ok() ? "" : history.error().message);
  return history.ok() ? *history : std::vector<Operation>{};
}

std::vector<std::string> Names(const std::string& text) {
  std::vector<std::string> names;
  const Numbering numbering(Parse(text));
  for (const Anomaly& anomaly : numbering.found()) names.push_back(anomaly.name);
  return names;
}

TEST(NumberingTest, NumbersThatFollowEachOtherAreGood) {
  EXPECT_THAT(Names(Batch(0, 3, 0, 0) + Batch(3, 1, 0, 0, 8) + Batch(4, 2, 0, 3)), IsEmpty());
  EXPECT_THAT(Names(Batch(0, 3, 0, 0) + Batch(3, 1, 1, 0) + Batch(4, 2, 1, 1)), IsEmpty());
  EXPECT_THAT(Names(Batch(0, 3, -1, -1, -1) + Batch(3, 1, -1, -1, -1)), IsEmpty());
}

TEST(NumberingTest, ANumberAtTwoOffsets) {
  EXPECT_THAT(Names(Batch(0, 3, 0, 0) + Batch(3, 3, 0, 0)), ElementsAre("repeated-sequence"));
  EXPECT_THAT(Names(Batch(0, 3, 0, 0) + Batch(3, 2, 0, 2)), ElementsAre("repeated-sequence"));
}

TEST(NumberingTest, NumbersThatWereLeftOut) {
  EXPECT_THAT(Names(Batch(0, 3, 0, 0) + Batch(3, 1, 0, 4)), ElementsAre("sequence-gap"));
  EXPECT_THAT(Names(Batch(0, 3, 0, 2)), ElementsAre("sequence-gap"));
}

/// Value 10 at offsets 0 and 2 of key 1.
std::string Twice(const std::string& batches) {
  return "{:process 0 :type :invoke :f :send :value [[:send 1 10]]}\n"
         "{:process 2 :type :invoke :f :send :value [[:send 1 11]]}\n"
         "{:process 1 :type :ok :f :poll :value [[:poll {1 [[0 10] [1 11] [2 10]]}]]}\n" +
         batches;
}

std::vector<std::string> Judged(const std::string& text, size_t* sent_twice) {
  std::vector<std::string> names;
  const std::vector<Operation> history = Parse(text);
  const Numbering numbering(history);
  for (const Anomaly& anomaly : Check(history, {.numbering = &numbering, .sent_twice = sent_twice}))
    names.push_back(anomaly.name);
  return names;
}

TEST(NumberingTest, AValueAtTwoOffsetsIsTheClientsDoingOnlyInTwoEpochs) {
  size_t sent_twice = 0;
  EXPECT_THAT(Judged(Twice(""), &sent_twice), ElementsAre("duplicate"));
  EXPECT_THAT(Judged(Twice(Batch(0, 2, 0, 0) + Batch(2, 1, 0, 2)), &sent_twice),
              ElementsAre("duplicate"));
  EXPECT_THAT(Judged(Twice(Batch(0, 2, 0, 0) + Batch(2, 1, 0, 0, 8)), &sent_twice),
              ElementsAre("duplicate"));
  EXPECT_EQ(sent_twice, 0);
  EXPECT_THAT(Judged(Twice(Batch(0, 2, 0, 0) + Batch(2, 1, 1, 0)), &sent_twice), IsEmpty());
  EXPECT_EQ(sent_twice, 1);
}

}  // namespace
}  // namespace jangada::history
