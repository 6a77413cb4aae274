// Histories of topics that no order explains must be found out, and good ones that come close must
// not be.
#include "tests/history/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jangada::history {
namespace {

using Operation = MetadataOperation;
using Answer = Operation::Answer;
using Function = Operation::Function;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Operation Op(Function function, int64_t began, int64_t ended, Answer answer = Answer::kDone) {
  Operation operation;
  operation.topic = "t";
  operation.function = function;
  operation.answer = answer;
  operation.began = began;
  operation.ended = ended;
  return operation;
}
Operation Create(int32_t partitions, int64_t began, int64_t ended, Answer answer = Answer::kDone) {
  Operation operation = Op(Function::kCreate, began, ended, answer);
  operation.partitions = partitions;
  return operation;
}
Operation Delete(int64_t began, int64_t ended, Answer answer = Answer::kDone) {
  return Op(Function::kDelete, began, ended, answer);
}
Operation Grow(int32_t partitions, int64_t began, int64_t ended, Answer answer = Answer::kDone) {
  Operation operation = Op(Function::kGrow, began, ended, answer);
  operation.partitions = partitions;
  return operation;
}
Operation Alter(std::optional<std::string> value, int64_t began, int64_t ended,
                Answer answer = Answer::kDone) {
  Operation operation = Op(Function::kAlter, began, ended, answer);
  operation.changes = {{"retention.ms", std::move(value)}};
  return operation;
}
/// partitions 0: there is no such topic.
Operation Read(int32_t partitions, int64_t began, int64_t ended, const std::string& value = "") {
  Operation operation = Op(Function::kRead, began, ended);
  if (partitions == 0) return operation;
  operation.seen = TopicSeen{partitions, {}};
  if (!value.empty()) operation.seen->configs["retention.ms"] = value;
  return operation;
}

constexpr int64_t kNever = Operation::kNever;

// ---- good ----

TEST(MetadataTest, OneAfterTheOtherIsGood) {
  EXPECT_THAT(CheckMetadata({Create(1, 1, 2), Read(1, 3, 4), Alter("5", 5, 6), Read(1, 7, 8, "5"),
                             Grow(3, 9, 10), Read(3, 11, 12, "5"), Alter(std::nullopt, 13, 14),
                             Read(3, 15, 16), Delete(17, 18), Read(0, 19, 20)}),
              IsEmpty());
}

TEST(MetadataTest, OfTwoThatCreateAtOnceEitherMayWin) {
  EXPECT_THAT(CheckMetadata({Create(1, 1, 10), Create(2, 2, 9, Answer::kThere), Read(1, 11, 12)}),
              IsEmpty());
  EXPECT_THAT(CheckMetadata({Create(1, 1, 10, Answer::kThere), Create(2, 2, 9), Read(2, 11, 12)}),
              IsEmpty());
}

TEST(MetadataTest, OfUnknownFateMayHaveBeenDoneOrNotOrMuchLater) {
  const Operation unknown = Create(1, 1, kNever, Answer::kUnknown);
  EXPECT_THAT(CheckMetadata({unknown, Read(0, 2, 3)}), IsEmpty());
  EXPECT_THAT(CheckMetadata({unknown, Read(1, 2, 3)}), IsEmpty());
  EXPECT_THAT(CheckMetadata({unknown, Read(0, 2, 3), Read(1, 4, 5)}), IsEmpty());
}

TEST(MetadataTest, AReadOfAnOldCopyIsGoodWithinWhatTheCopyIsKnownToShow) {
  EXPECT_THAT(CheckMetadata({Create(1, 1, 2), Grow(2, 3, 4), Read(1, 2, 9)}), IsEmpty());
}

TEST(MetadataTest, AlterationsThatOverlapMayBeInEitherOrder) {
  EXPECT_THAT(
      CheckMetadata({Create(1, 1, 2), Alter("a", 3, 9), Alter("b", 4, 8), Read(1, 10, 11, "a")}),
      IsEmpty());
  EXPECT_THAT(
      CheckMetadata({Create(1, 1, 2), Alter("a", 3, 9), Alter("b", 4, 8), Read(1, 10, 11, "b")}),
      IsEmpty());
}

TEST(MetadataTest, ManyOfUnknownFateAreJudgedInTime) {
  std::vector<Operation> history{Create(1, 1, 2)};
  for (int64_t i = 0; i < 12; ++i) {
    history.push_back(Alter(std::to_string(i), 10 + i, kNever, Answer::kUnknown));
  }
  history.push_back(Read(1, 30, 31, "3"));
  history.push_back(Read(1, 32, 33, "9"));
  EXPECT_THAT(CheckMetadata(history), IsEmpty());
}

// ---- bad ----

void ExpectBad(const std::vector<Operation>& history, const std::string& what) {
  const std::vector<Anomaly> anomalies = CheckMetadata(history);
  ASSERT_THAT(anomalies, SizeIs(1));
  EXPECT_EQ(anomalies[0].name, "nonlinearizable");
  EXPECT_THAT(anomalies[0].what, HasSubstr(what));
}

TEST(MetadataTest, ACreatedTopicThatIsNotSeenIsBad) {
  ExpectBad({Create(1, 1, 2), Read(0, 3, 4)}, "read (done: no topic) of 3 to 4");
}

TEST(MetadataTest, ATopicThatNobodyCreatedIsBad) { ExpectBad({Read(1, 1, 2)}, "read"); }

TEST(MetadataTest, ADeletedTopicThatComesBackIsBad) {
  ExpectBad({Create(1, 1, 2), Delete(3, 4), Read(0, 5, 6), Read(1, 7, 8)}, "of 7 to 8");
}

TEST(MetadataTest, TwoThatBothCreateOneTopicAreBad) {
  ExpectBad({Create(1, 1, 10), Create(1, 2, 9)}, "create to 1 (done)");
}

TEST(MetadataTest, ARefusalForATopicThatIsLongGoneIsBad) {
  ExpectBad({Create(1, 1, 2), Delete(3, 4), Create(2, 5, 6, Answer::kThere)}, "of 5 to 6");
}

TEST(MetadataTest, ARefusalForWantOfATopicThatIsThereIsBad) {
  ExpectBad({Create(1, 1, 2), Delete(3, 4, Answer::kNotThere)}, "delete (refused, there is none)");
}

TEST(MetadataTest, ALostAlterationIsBad) {
  ExpectBad({Create(1, 1, 2), Alter("a", 3, 4), Read(1, 5, 6)}, "read");
}

TEST(MetadataTest, AnAlterationThatIsTakenBackByNobodyIsBad) {
  ExpectBad({Create(1, 1, 2), Alter("a", 3, 4), Alter("b", 5, 6), Read(1, 7, 8, "b"),
             Read(1, 9, 10, "a")},
            "of 9 to 10");
}

TEST(MetadataTest, PartitionsThatBecomeFewerAreBad) {
  ExpectBad({Create(1, 1, 2), Grow(3, 3, 4), Read(3, 5, 6), Read(1, 7, 8)}, "of 7 to 8");
  ExpectBad({Create(3, 1, 2), Grow(2, 3, 4)}, "grow to 2 (done)");
}

TEST(MetadataTest, OfUnknownFateCannotBeDoneTwice) {
  ExpectBad({Create(1, 1, kNever, Answer::kUnknown), Read(1, 2, 3), Delete(4, 5), Read(0, 6, 7),
             Read(1, 8, 9)},
            "of 8 to 9");
}

TEST(MetadataTest, OfUnknownFateCannotBeDoneBeforeItWasAskedFor) {
  ExpectBad({Read(1, 1, 2), Create(1, 3, kNever, Answer::kUnknown)}, "of 1 to 2");
}

TEST(MetadataTest, ACopyThatGoesBackIsBad) {
  // Both reads are of one copy, the second after the first, and may be old.
  std::vector<Operation> history{Create(1, 1, 2), Grow(2, 3, 4), Read(2, 2, 9), Read(1, 2, 11)};
  EXPECT_THAT(CheckMetadata(history), IsEmpty()) << "of two copies this may be";
  history[3].after = {2};
  ExpectBad(history, "of 2 to 11");
}

TEST(MetadataTest, ACopyShowsWhatItWasAnsweredForAndPerhapsNothingLater) {
  // The first alter was answered last, by a node that was cut off then and had not seen the second.
  std::vector<Operation> history{Create(1, 1, 2), Alter("5", 3, 8), Alter("6", 4, 5),
                                 Read(1, 3, 10, "5"), Read(1, 11, 12, "6")};
  history[3].after = {1};
  EXPECT_THAT(CheckMetadata(history), IsEmpty());
  history[3] = Read(1, 3, 10);
  history[3].after = {1};
  ExpectBad(history, "of 3 to 10");
}

TEST(MetadataTest, ATopicIsJudgedByItself) {
  Operation other = Read(1, 3, 4);
  other.topic = "other";
  ExpectBad({Create(1, 1, 2), other}, "topic other");
}

}  // namespace
}  // namespace jangada::history
