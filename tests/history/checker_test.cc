// Each anomaly has a history that must be found guilty of it, and of nothing else, beside good
// histories that come close.
#include "tests/history/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/history/edn.h"

namespace jangada::history {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Operation> Parse(const std::string& text) {
  std::istringstream in(text);
  auto history = ReadEdn(in);
  EXPECT_TRUE(history.ok()) << (history.ok() ? "" : history.error().message);
  return history.ok() ? *history : std::vector<Operation>{};
}

std::vector<std::string> Names(const std::string& text, const Expectations& expectations = {}) {
  std::vector<std::string> names;
  for (const Anomaly& anomaly : Check(Parse(text), expectations)) names.push_back(anomaly.name);
  return names;
}

/// Value 10 + i is acknowledged at offset i of key 1, by process 0.
std::string Sent(int count) {
  std::ostringstream out;
  for (int i = 0; i < count; ++i) {
    out << "{:process 0 :type :invoke :f :send :value [[:send 1 " << 10 + i << "]]}\n"
        << "{:process 0 :type :ok :f :send :value [[:send 1 [" << i << " " << 10 + i << "]]]}\n";
  }
  return out.str();
}

std::string Poll(int process, const std::string& records) {
  const std::string head = "{:process " + std::to_string(process);
  return head + " :type :invoke :f :poll :value [[:poll]]}\n" + head +
         " :type :ok :f :poll :value [[:poll {" + records + "}]]}\n";
}

TEST(CheckerTest, WhatIsReadAsAcknowledgedIsGood) {
  EXPECT_THAT(Names(Sent(3) + Poll(1, "1 [[0 10] [1 11]]") + Poll(1, "1 [[2 12]]")), IsEmpty());
}

TEST(CheckerTest, AReadSendOfUnknownFateIsGood) {
  EXPECT_THAT(Names("{:process 0 :type :invoke :f :send :value [[:send 1 10]]}\n"
                    "{:process 0 :type :info :f :send :value [[:send 1 10]] :error \"TIMEOUT\"}\n" +
                    Poll(1, "1 [[0 10]]")),
              IsEmpty());
}

TEST(CheckerTest, AnUnreadSendOfUnknownFateIsGood) {
  EXPECT_THAT(Names(Sent(1) + "{:process 9 :type :invoke :f :send :value [[:send 1 99]]}\n" +
                    Poll(1, "1 [[0 10]]")),
              IsEmpty());
}

TEST(CheckerTest, ANewAssignmentMayBeginAnywhere) {
  EXPECT_THAT(Names(Sent(3) + Poll(1, "1 [[0 10] [1 11] [2 12]]") +
                    "{:process 1 :type :ok :f :assign :value [1]}\n" + Poll(1, "1 [[1 11]]")),
              IsEmpty());
}

TEST(CheckerTest, WhatRetentionDeletedIsNeitherLostNorSkipped) {
  const std::string history = Sent(4) + Poll(1, "1 [[0 10]]") + Poll(1, "1 [[3 13]]");
  EXPECT_THAT(Names(history, {.log_start = {{1, 3}}}), IsEmpty());
  EXPECT_THAT(Names(history), ElementsAre("poll-skip", "lost-write", "lost-write"));
}

TEST(CheckerTest, AcknowledgedBelowWhatWasReadAndNeverReadIsLost) {
  EXPECT_THAT(Names(Sent(2) + Poll(1, "1 [[1 11]]")), ElementsAre("lost-write"));
}

TEST(CheckerTest, AcknowledgedAboveWhatWasReadAndNeverReadIsUnseen) {
  EXPECT_THAT(Names(Sent(2) + Poll(1, "1 [[0 10]]")), ElementsAre("unseen"));
  EXPECT_THAT(Names(Sent(2) + Poll(1, "1 [[0 10]]"), {.read_to_the_end = false}), IsEmpty());
}

TEST(CheckerTest, OneValueAtTwoOffsetsIsADuplicate) {
  EXPECT_THAT(Names(Sent(2) + Poll(1, "1 [[0 10] [1 11] [2 10]]")), ElementsAre("duplicate"));
}

TEST(CheckerTest, TwoValuesAtOneOffsetAreInconsistent) {
  EXPECT_THAT(Names(Sent(2) + "{:process 5 :type :invoke :f :send :value [[:send 1 50]]}\n" +
                    Poll(1, "1 [[0 10] [1 11]]") + Poll(2, "1 [[1 50]]")),
              ElementsAre("inconsistent-offsets"));
}

TEST(CheckerTest, ReadingAFailedSendIsG1a) {
  EXPECT_THAT(Names("{:process 0 :type :invoke :f :send :value [[:send 1 10]]}\n"
                    "{:process 0 :type :fail :f :send :value [[:send 1 10]]}\n" +
                    Poll(1, "1 [[0 10]]")),
              ElementsAre("G1a"));
}

TEST(CheckerTest, ReadingWhatNobodySentIsG1b) {
  EXPECT_THAT(Names(Poll(1, "1 [[0 10]]")), ElementsAre("G1b"));
}

TEST(CheckerTest, ACircleOfReadsIsG1c) {
  EXPECT_THAT(
      Names("{:process 0 :type :invoke :f :txn :value [[:send 1 10] [:poll]]}\n"
            "{:process 1 :type :invoke :f :txn :value [[:send 2 20] [:poll]]}\n"
            "{:process 0 :type :ok :f :txn :value [[:send 1 [0 10]] [:poll {2 [[0 20]]}]]}\n"
            "{:process 1 :type :ok :f :txn :value [[:send 2 [0 20]] [:poll {1 [[0 10]]}]]}\n"),
      ElementsAre("G1c"));
}

TEST(CheckerTest, ReadingAnotherTransactionIsNoCircle) {
  EXPECT_THAT(
      Names("{:process 0 :type :invoke :f :txn :value [[:send 1 10] [:poll]]}\n"
            "{:process 0 :type :ok :f :txn :value [[:send 1 [0 10]] [:poll {}]]}\n"
            "{:process 1 :type :invoke :f :txn :value [[:send 2 20] [:poll]]}\n"
            "{:process 1 :type :ok :f :txn :value [[:send 2 [0 20]] [:poll {1 [[0 10]]}]]}\n" +
            Poll(3, "2 [[0 20]]")),
      IsEmpty());
}

TEST(CheckerTest, ReadingOnesOwnOrAFutureSendIsPrecommitted) {
  EXPECT_THAT(
      Names("{:process 0 :type :invoke :f :txn :value [[:send 1 10] [:poll]]}\n"
            "{:process 0 :type :ok :f :txn :value [[:send 1 [0 10]] [:poll {1 [[0 10]]}]]}\n"),
      ElementsAre("precommitted-read"));
  EXPECT_THAT(Names(Poll(1, "1 [[0 10]]") + Sent(1)), testing::Contains("precommitted-read"));
}

TEST(CheckerTest, LeavingAnOffsetOutIsASkip) {
  EXPECT_THAT(
      Names(Sent(3) + Poll(1, "1 [[0 10]]") + Poll(1, "1 [[2 12]]") + Poll(2, "1 [[1 11]]")),
      ElementsAre("poll-skip"));
  EXPECT_THAT(Names(Sent(3) + Poll(1, "1 [[0 10] [2 12]]") + Poll(2, "1 [[1 11]]")),
              ElementsAre("int-poll-skip"));
}

TEST(CheckerTest, GoingBackIsNonmonotonic) {
  EXPECT_THAT(Names(Sent(2) + Poll(1, "1 [[0 10] [1 11]]") + Poll(1, "1 [[1 11]]")),
              ElementsAre("nonmonotonic-poll"));
  EXPECT_THAT(Names(Sent(2) + Poll(1, "1 [[0 10] [1 11] [1 11]]")),
              ElementsAre("int-nonmonotonic-poll"));
}

TEST(CheckerTest, LaterSendsOfAProcessStandBehindItsEarlierOnes) {
  // Both were under way when the other's offset was not known yet, so only the order of the process
  // is broken.
  EXPECT_THAT(Names("{:process 0 :type :invoke :f :send :value [[:send 1 10] [:send 1 11]]}\n"
                    "{:process 0 :type :ok :f :send :value [[:send 1 [1 10]] [:send 1 [0 11]]]}\n" +
                    Poll(1, "1 [[0 11] [1 10]]")),
              ElementsAre("int-nonmonotonic-send"));
  EXPECT_THAT(Names("{:process 0 :type :invoke :f :send :value [[:send 1 10]]}\n"
                    "{:process 0 :type :ok :f :send :value [[:send 1 [1 10]]]}\n"
                    "{:process 0 :type :invoke :f :send :value [[:send 1 11]]}\n"
                    "{:process 0 :type :ok :f :send :value [[:send 1 [0 11]]]}\n" +
                    Poll(1, "1 [[0 11] [1 10]]")),
              ElementsAre("stale-offset", "nonmonotonic-send"));
}

TEST(CheckerTest, AnOffsetBelowOneThatWasKnownIsStale) {
  EXPECT_THAT(Names(Sent(2) +
                    "{:process 5 :type :invoke :f :send :value [[:send 1 50]]}\n"
                    "{:process 5 :type :ok :f :send :value [[:send 1 [1 50]]]}\n" +
                    Poll(1, "1 [[0 10] [1 11]]") + Poll(2, "1 [[1 50]]")),
              ElementsAre("stale-offset", "inconsistent-offsets"));
}

TEST(CheckerTest, SubscribersReadARecordOnceWhereThatIsAskedFor) {
  const std::string twice =
      Sent(1) + "{:process 1 :type :ok :f :subscribe :value [1]}\n" + Poll(1, "1 [[0 10]]") +
      "{:process 2 :type :ok :f :subscribe :value [1]}\n" + Poll(2, "1 [[0 10]]");
  EXPECT_THAT(Names(twice, {.subscribers_read_once = true}), ElementsAre("consume-counts"));
  EXPECT_THAT(Names(twice), IsEmpty());
}

std::string Ends(int process, int end) {
  const std::string head = "{:process " + std::to_string(process);
  return head + " :type :invoke :f :list-offsets :value {}}\n" + head +
         " :type :ok :f :list-offsets :value {1 " + std::to_string(end) + "}}\n";
}

TEST(CheckerTest, AListedEndNeverGoesBack) {
  const std::string reads = Poll(3, "1 [[0 10] [1 11]]");
  EXPECT_THAT(Names(Sent(2) + Ends(1, 2) + Ends(2, 2) + reads), IsEmpty());
  EXPECT_THAT(Names(Sent(2) + Ends(1, 3) + Ends(2, 2) + reads), ElementsAre("end-went-back"));
  EXPECT_THAT(Names(Sent(2) + Ends(1, 1) + reads), ElementsAre("end-went-back"))
      << "offset 1 was acknowledged before the question";
}

TEST(CheckerTest, AListedEndMayMissWhatWasAcknowledgedMeanwhile) {
  EXPECT_THAT(
      Names("{:process 1 :type :invoke :f :list-offsets :value {}}\n" + Sent(1) +
            "{:process 1 :type :ok :f :list-offsets :value {1 0}}\n" + Poll(3, "1 [[0 10]]")),
      IsEmpty());
}

/// An idempotent producer sends 10 and 11 to key 1; what became of the sends is not known.
std::string SentByOneProducer(int producer_of_second) {
  return "{:process 0 :type :invoke :f :send :value [[:send 1 10]] :producer 1}\n"
         "{:process 2 :type :invoke :f :send :value [[:send 1 11]] :producer " +
         std::to_string(producer_of_second) +
         "}\n"
         "{:process 0 :type :info :f :send :value [[:send 1 10]]}\n"
         "{:process 2 :type :info :f :send :value [[:send 1 11]]}\n";
}

TEST(CheckerTest, AnIdempotentProducerKeepsItsOrder) {
  EXPECT_THAT(Names(SentByOneProducer(1) + Poll(5, "1 [[0 10] [1 11]]")), IsEmpty());
  EXPECT_THAT(Names(SentByOneProducer(1) + Poll(5, "1 [[0 11]]")), IsEmpty());
  EXPECT_THAT(Names(SentByOneProducer(2) + Poll(5, "1 [[0 11] [1 10]]")), IsEmpty());
  EXPECT_THAT(Names(SentByOneProducer(1) + Poll(5, "1 [[0 11] [1 10]]")), ElementsAre("reordered"));
}

}  // namespace
}  // namespace jangada::history
