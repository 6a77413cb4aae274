// Each anomaly of a consumer group has a history that must be found guilty of it, and of nothing
// else, beside good histories that come close.
#include "tests/history/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jangada::history {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = GroupEvent::Kind;
using History = std::vector<GroupEvent>;

constexpr Key kKey = 1;

GroupEvent Event(Kind kind, int64_t process, int32_t generation, uint64_t number, Offset offset) {
  GroupEvent event;
  event.kind = kind;
  event.group = "g";
  event.process = process;
  event.generation = generation;
  event.number = number;
  event.offsets[kKey] = offset;
  return event;
}

GroupEvent Read(int64_t process, int32_t generation, Offset from, Offset to) {
  GroupEvent event = Event(Kind::kRead, process, generation, 0, to);
  event.from[kKey] = from;
  return event;
}

GroupEvent Assigned(int64_t process, int32_t generation, int64_t instance = 0) {
  GroupEvent event = Event(Kind::kAssigned, process, generation, 0, 0);
  event.instance = instance;
  return event;
}

/// Told the partition, where the group has come to, and reads on to `to`.
History Takes(int64_t process, int32_t generation, Offset committed, Offset to,
              int64_t instance = 0) {
  return {Assigned(process, generation, instance), Event(Kind::kAsks, process, generation, 900, 0),
          Event(Kind::kTold, process, generation, 900, committed),
          Read(process, generation, std::max<Offset>(committed, 0), to)};
}

/// Asks, is logged and acknowledged.
History Commits(int64_t process, int32_t generation, uint64_t number, Offset offset) {
  return {Event(Kind::kCommits, process, generation, number, offset),
          Event(Kind::kLogged, process, generation, number, offset),
          Event(Kind::kDone, process, generation, number, offset)};
}

std::vector<std::string> Names(const std::vector<History>& parts, Offset end = 0,
                               Offset start = 0) {
  GroupChecker checker;
  for (const History& part : parts) {
    for (const GroupEvent& event : part) checker.Take(event);
  }
  checker.End({{kKey, end}}, {{kKey, start}});
  std::vector<std::string> names;
  for (const Anomaly& anomaly : checker.found()) names.push_back(anomaly.name);
  return names;
}

TEST(GroupCheckerTest, AHandOverAtTheCommittedOffsetIsGood) {
  EXPECT_THAT(
      Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 3), Takes(2, 2, 3, 9), Commits(2, 2, 1, 9)}, 9),
      IsEmpty());
}

TEST(GroupCheckerTest, ACommitOfUnknownFateMayBeSeenOrNot) {
  const History open = {Event(Kind::kCommits, 1, 1, 2, 5)};
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 3), open, Takes(2, 2, 3, 5)}), IsEmpty());
  const History done = {Event(Kind::kLogged, 1, 1, 2, 5)};
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 3), open, done, Takes(2, 2, 5, 8)}),
              IsEmpty());
}

TEST(GroupCheckerTest, ACommitDuringTheQuestionMayBeInTheAnswerOrNot) {
  for (const Offset told : {3, 5}) {
    EXPECT_THAT(Names({Takes(1, 1, -1, 5),
                       Commits(1, 1, 1, 3),
                       {Assigned(2, 2), Event(Kind::kAsks, 2, 2, 1, 0)},
                       Commits(1, 1, 2, 5),
                       {Event(Kind::kTold, 2, 2, 1, told)}}),
                IsEmpty());
  }
}

TEST(GroupCheckerTest, AStaticMemberMayComeBackIntoItsGeneration) {
  EXPECT_THAT(Names({Takes(1, 1, -1, 5, 7), Commits(1, 1, 1, 5), Takes(2, 1, 5, 6, 7),
                     Commits(2, 1, 1, 6)}),
              IsEmpty());
}

TEST(GroupCheckerTest, AMemberMayCommitLowerItself) {
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 5), Commits(1, 1, 2, 4)}), IsEmpty());
}

TEST(GroupCheckerTest, WhatRetentionDeletedMayBeSkipped) {
  const History parts = {Assigned(1, 1), Event(Kind::kAsks, 1, 1, 1, 0),
                         Event(Kind::kTold, 1, 1, 1, -1), Event(Kind::kSkipped, 1, 1, 0, 4),
                         Read(1, 1, 4, 6)};
  EXPECT_THAT(Names({parts, Commits(1, 1, 1, 6)}, 6, 4), IsEmpty());
  EXPECT_THAT(Names({parts, Commits(1, 1, 1, 6)}, 6, 3), ElementsAre("skipped-unread"));
}

TEST(GroupCheckerTest, OnePartitionToTwoInOneGenerationIsTwoOwners) {
  EXPECT_THAT(Names({{Assigned(1, 1), Assigned(2, 1)}}), ElementsAre("two-owners"));
  EXPECT_THAT(Names({{Assigned(1, 1, 7), Assigned(2, 1, 8)}}), ElementsAre("two-owners"));
}

TEST(GroupCheckerTest, TwoPartsOfOneGenerationAreTwoAssignments) {
  GroupEvent other = Assigned(1, 1);
  other.offsets = {{kKey + 1, 0}};
  EXPECT_THAT(Names({{Assigned(1, 1), other}}), ElementsAre("two-assignments"));
}

TEST(GroupCheckerTest, AnOldCommittedOffsetIsStale) {
  EXPECT_THAT(
      Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 3), Commits(1, 1, 2, 5), Takes(2, 2, 3, 9)}),
      ElementsAre("stale-committed"));
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 3), Takes(2, 2, -1, 9)}),
              ElementsAre("stale-committed"));
}

TEST(GroupCheckerTest, AnOffsetThatNobodyCommittedIsMadeUp) {
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 3), Takes(2, 2, 4, 9)}),
              ElementsAre("made-up-committed"));
}

TEST(GroupCheckerTest, ALowerCommitBehindAnothersWentBack) {
  EXPECT_THAT(
      Names({Takes(1, 1, -1, 5), Takes(2, 2, -1, 4), Commits(1, 1, 1, 5), Commits(2, 2, 1, 4)}),
      ElementsAre("commit-went-back"));
}

TEST(GroupCheckerTest, ACommitOfAnOlderGenerationIsOfThePast) {
  EXPECT_THAT(
      Names({Takes(1, 1, -1, 5), Takes(2, 2, -1, 4), Commits(2, 2, 1, 4), Commits(1, 1, 1, 5)}),
      ElementsAre("commit-of-the-past"));
}

TEST(GroupCheckerTest, GenerationsNeverGoBack) {
  const GroupEvent first = Event(Kind::kFounded, 0, 1, 0, 0);
  const GroupEvent second = Event(Kind::kFounded, 0, 2, 0, 0);
  EXPECT_THAT(Names({{first, first, second}}), IsEmpty());
  EXPECT_THAT(Names({{first, second, first}}), ElementsAre("generation-went-back"));
}

TEST(GroupCheckerTest, ACommitBeyondWhatWasReadIsUnread) {
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 6)}), ElementsAre("commit-unread"));
  EXPECT_THAT(Names({Commits(1, 1, 1, 6)}), ElementsAre("commit-unread"));
}

TEST(GroupCheckerTest, ACommitOfWhoBeganAboveTheCommittedSkips) {
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 5), Takes(2, 2, 5, 9),
                     Commits(1, 1, 2, 4), Commits(2, 2, 1, 9)}),
              ElementsAre("commit-skip"));
}

TEST(GroupCheckerTest, AnAcknowledgedCommitMustBeLogged) {
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), {Event(Kind::kDone, 1, 1, 1, 5)}}),
              ElementsAre("commit-not-logged"));
}

TEST(GroupCheckerTest, ARefusedCommitMustNotBeLogged) {
  const GroupEvent refused = Event(Kind::kRefused, 1, 1, 1, 5);
  const GroupEvent logged = Event(Kind::kLogged, 1, 1, 1, 5);
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), {refused}}), IsEmpty());
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), {refused, logged}}), ElementsAre("refused-commit-done"));
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), {logged, refused}}), ElementsAre("refused-commit-done"));
}

TEST(GroupCheckerTest, ReadsThatDoNotJoinAreAGap) {
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), {Read(1, 1, 6, 8)}}), ElementsAre("read-gap"));
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), {Event(Kind::kSkipped, 1, 1, 0, 2)}}, 0, 2),
              ElementsAre("read-gap"));
}

TEST(GroupCheckerTest, WhatTheGroupNeverCommittedIsUnconsumed) {
  EXPECT_THAT(Names({Takes(1, 1, -1, 5), Commits(1, 1, 1, 3)}, 5), ElementsAre("unconsumed"));
  EXPECT_THAT(Names({{Assigned(1, 1)}}, 5), ElementsAre("unconsumed"));
}

}  // namespace
}  // namespace jangada::history
