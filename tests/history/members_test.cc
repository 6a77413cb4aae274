// Each anomaly that members of a group can see has a history that must be found guilty of it, and
// of nothing else, beside good histories that come close.
#include "tests/history/members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/history/edn.h"

namespace jangada::history {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string Line(int process, const std::string& type, const std::string& f,
                 const std::string& value, const std::string& more = "") {
  return "{:process " + std::to_string(process) + " :type :" + type + " :f :" + f + " :value " +
         value + more + "}\n";
}

std::string Both(int process, const std::string& f, const std::string& asked,
                 const std::string& answer) {
  return Line(process, "invoke", f, asked) + Line(process, "ok", f, answer);
}

std::vector<std::string> Names(const std::string& text) {
  std::istringstream in(text);
  const auto history = ReadEdn(in);
  EXPECT_TRUE(history.ok()) << (history.ok() ? "" : history.error().message);
  std::vector<std::string> names;
  if (!history.ok()) return names;
  for (const Anomaly& anomaly : CheckMembers(*history)) names.push_back(anomaly.name);
  return names;
}

std::string Subscribes(int process, const std::string& keys = "[1]") {
  return Both(process, "subscribe", keys, keys);
}

std::string Assigned(int process, int generation, const std::string& keys = "[1]",
                     int instance = 0) {
  return Line(process, "ok", "assigned", keys,
              " :generation " + std::to_string(generation) +
                  (instance == 0 ? "" : " :instance " + std::to_string(instance)));
}

std::string Told(int process, int offset) {
  return Both(process, "committed", "{}", "{1 " + std::to_string(offset) + "}");
}

/// Reads `from` to below `to` of key 1.
std::string Reads(int process, int from, int to) {
  std::ostringstream records;
  for (int at = from; at < to; ++at) records << "[" << at << " " << 100 + at << "]";
  return Both(process, "poll", "[[:poll]]", "[[:poll {1 [" + records.str() + "]}]]");
}

std::string Asks(int process, int offset) {
  return Line(process, "invoke", "commit", "{1 " + std::to_string(offset) + "}");
}
std::string Done(int process, int offset) {
  return Line(process, "ok", "commit", "{1 " + std::to_string(offset) + "}");
}
std::string Unknown(int process, int offset) {
  return Line(process, "info", "commit", "{1 " + std::to_string(offset) + "}",
              " :error \"timed out\"");
}
std::string Commits(int process, int offset) {
  return Asks(process, offset) + Done(process, offset);
}

std::string Leaves(int process) { return Line(process, "ok", "leave", "[]"); }

/// Member 7 is assigned key 1, reads 0 to 4 and commits 5.
std::string First() {
  return Subscribes(7) + Assigned(7, 1) + Told(7, -1) + Reads(7, 0, 5) + Commits(7, 5);
}

TEST(MembersTest, WhoGoesOnWhereAnotherCommittedIsGood) {
  EXPECT_THAT(Names(First() + Leaves(7) + Subscribes(8) + Assigned(8, 2) + Told(8, 5) +
                    Reads(8, 5, 9) + Commits(8, 9) + Line(9, "ok", "list-offsets", "{1 9}")),
              IsEmpty());
}

TEST(MembersTest, WhatWasReadAndNotCommittedIsReadAgain) {
  EXPECT_THAT(Names(First() + Reads(7, 5, 8) + Leaves(7) + Subscribes(8) + Assigned(8, 2) +
                    Told(8, 5) + Reads(8, 5, 9) + Commits(8, 9)),
              IsEmpty());
}

TEST(MembersTest, ACommitOfUnknownFateMayHaveBeenDoneOrNot) {
  const std::string before =
      First() + Reads(7, 5, 8) + Asks(7, 8) + Unknown(7, 8) + Leaves(7) + Subscribes(8);
  EXPECT_THAT(Names(before + Assigned(8, 2) + Told(8, 5) + Reads(8, 5, 9)), IsEmpty());
  EXPECT_THAT(Names(before + Assigned(8, 2) + Told(8, 8) + Reads(8, 8, 9)), IsEmpty());
  // The commit ended after the question began: the answer may be the one or the other.
  EXPECT_THAT(Names(First() + Reads(7, 5, 8) + Asks(7, 8) + Line(9, "invoke", "committed", "{}") +
                    Done(7, 8) + Line(9, "ok", "committed", "{1 5}")),
              IsEmpty());
}

TEST(MembersTest, WhoWokeUpLateMayFindMoreCommittedThanItWasTold) {
  EXPECT_THAT(Names(First() + Subscribes(8) + Assigned(8, 2) + Told(8, 5) + Subscribes(9) +
                    Assigned(9, 3) + Told(9, 5) + Reads(9, 5, 7) + Commits(9, 7) + Reads(8, 7, 9) +
                    Asks(8, 9) + Unknown(8, 9) + Leaves(7) + Leaves(8)),
              IsEmpty());
}

TEST(MembersTest, AStaticMemberComesBackToItsPart) {
  EXPECT_THAT(Names(Subscribes(7) + Assigned(7, 1, "[1]", 1) + Leaves(7) + Subscribes(8) +
                    Assigned(8, 1, "[1]", 1)),
              IsEmpty());
}

TEST(MembersTest, APartitionWithTwoOwnersInOneGeneration) {
  EXPECT_THAT(Names(First() + Subscribes(8) + Assigned(8, 1) + Leaves(7)),
              ElementsAre("two-owners"));
}

TEST(MembersTest, AMemberWithTwoPartsOfOneGeneration) {
  EXPECT_THAT(Names(Subscribes(7, "[1 2]") + Assigned(7, 1, "[1]") + Assigned(7, 1, "[1 2]")),
              ElementsAre("two-assignments"));
}

TEST(MembersTest, ToldLessThanWasAcknowledged) {
  EXPECT_THAT(Names(First() + Told(9, 3)), ElementsAre("stale-committed", "made-up-committed"));
  EXPECT_THAT(Names(First() + Told(9, -1)), ElementsAre("stale-committed"));
}

TEST(MembersTest, ToldLessThanWasToldBefore) {
  EXPECT_THAT(
      Names(First() + Reads(7, 5, 8) + Asks(7, 8) + Unknown(7, 8) + Told(9, 8) + Told(9, 5)),
      ElementsAre("stale-committed"));
}

TEST(MembersTest, ToldWhatNobodyCommitted) {
  EXPECT_THAT(Names(First() + Told(9, 6)), ElementsAre("made-up-committed"));
}

TEST(MembersTest, ACommitThatGoesBack) {
  EXPECT_THAT(Names(First() + Commits(7, 4)), ElementsAre("commit-went-back"));
}

TEST(MembersTest, WhoBeginsBelowTheCommittedReadsItAgain) {
  EXPECT_THAT(Names(First() + Leaves(7) + Subscribes(8) + Assigned(8, 2) + Reads(8, 0, 9)),
              ElementsAre("reread-committed"));
  // ... also when only the question showed how far the group had come.
  EXPECT_THAT(Names(First() + Reads(7, 5, 8) + Asks(7, 8) + Unknown(7, 8) + Leaves(7) +
                    Subscribes(8) + Assigned(8, 2) + Told(8, 8) + Reads(8, 5, 9)),
              ElementsAre("reread-committed"));
}

TEST(MembersTest, WhoBeginsAboveTheCommittedLeavesRecordsOut) {
  EXPECT_THAT(Names(First() + Leaves(7) + Subscribes(8) + Assigned(8, 2) + Reads(8, 6, 9)),
              ElementsAre("read-skip"));
}

TEST(MembersTest, AReadOfWhatIsNotTheMembers) {
  EXPECT_THAT(Names(First() + Assigned(7, 2, "[]") + Reads(7, 5, 6) + Leaves(7)),
              ElementsAre("read-unassigned"));
}

TEST(MembersTest, TwoAcknowledgedCommitsOfTheSameRecords) {
  // Neither knew of the other when it began: only that both were acknowledged gives it away.
  EXPECT_THAT(Names(First() + Reads(7, 5, 8) + Subscribes(8) + Assigned(8, 2) + Told(8, 5) +
                    Reads(8, 5, 9) + Asks(7, 8) + Asks(8, 9) + Done(8, 9) + Done(7, 8) + Leaves(7)),
              ElementsAre("consumed-twice"));
}

TEST(MembersTest, ACommitBeyondWhatWasRead) {
  EXPECT_THAT(Names(First() + Asks(7, 6)), ElementsAre("commit-unread"));
  EXPECT_THAT(Names(First() + Asks(9, 3)), ElementsAre("commit-unread"));
}

TEST(MembersTest, RecordsThatWereNotConsumedAtTheEnd) {
  EXPECT_THAT(Names(First() + Line(9, "ok", "list-offsets", "{1 6}")), ElementsAre("unconsumed"));
}

TEST(MembersTest, MembersThatDoNotConverge) {
  const std::string both = Subscribes(7, "[1 2]") + Subscribes(8, "[1 2]");
  EXPECT_THAT(Names(both + Assigned(7, 3, "[1]") + Assigned(8, 3, "[2]")), IsEmpty());
  EXPECT_THAT(Names(both + Assigned(7, 3, "[1 2]")), ElementsAre("not-converged"));
  EXPECT_THAT(Names(both + Assigned(7, 3, "[1]") + Assigned(8, 4, "[2]")),
              ElementsAre("not-converged"));
  EXPECT_THAT(Names(both + Assigned(7, 3, "[1]") + Assigned(8, 3, "[]")),
              ElementsAre("not-converged"));
}

}  // namespace
}  // namespace jangada::history
