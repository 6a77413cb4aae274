// How groups come about: joins, delays, votes, ids that are told first, bounds.
#include "tests/server/groups/group_bench.h"

namespace jangada::server::groups::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TEST(GroupJoin, WithoutADelayTheFirstMemberIsServedAtOnceAndLeads) {
  GroupBench bench;
  const auto joined = bench.Join();
  ASSERT_TRUE(joined->has_value());
  EXPECT_EQ((*joined)->error, GroupError::kNone);
  EXPECT_EQ((*joined)->generation, 1);
  EXPECT_EQ((*joined)->protocol, "range");
  EXPECT_EQ((*joined)->protocol_type, "consumer");
  EXPECT_EQ((*joined)->leader, (*joined)->member_id);
  EXPECT_THAT((*joined)->member_id, StartsWith("client-"));
  ASSERT_EQ((*joined)->members.size(), 1u);
  EXPECT_EQ((*joined)->members[0].metadata, "says-range");
  EXPECT_EQ(bench.group->state(), GroupState::kCompletingRebalance);
  EXPECT_TRUE(bench.written.empty());  // nothing is decided yet
}

TEST(GroupJoin, AnEmptyGroupWaitsForOthersAsLongAsTheDelay) {
  GroupBench bench({.initial_delay_us = 3 * kSecond});
  const auto first = bench.Join();
  bench.Pass(2'999 * kMs);
  EXPECT_FALSE(first->has_value());
  bench.Pass(1 * kMs);
  ASSERT_TRUE(first->has_value());
  EXPECT_EQ((*first)->generation, 1);
}

TEST(GroupJoin, TheDelayBeginsAgainWhileMembersComeUpToTheRebalanceTimeout) {
  GroupBench bench({.initial_delay_us = 3 * kSecond});
  std::vector<Parked<JoinedGroup>> all{bench.Join()};
  for (int i = 0; i < 9; ++i) {  // 27 s: one more each time
    bench.Pass(2 * kSecond);
    all.push_back(bench.Join());
    bench.Pass(1 * kSecond);
    EXPECT_FALSE(all.front()->has_value()) << i;
  }
  all.push_back(bench.Join());
  bench.Pass(3 * kSecond);  // 30 s are over, although somebody came in this wait too
  for (const auto& joined : all) EXPECT_EQ((*joined)->generation, 1);
}

TEST(GroupJoin, OnlyTheLeaderIsToldOfTheOthers) {
  GroupBench bench({.initial_delay_us = 1 * kSecond});
  const auto a = bench.Join();
  const auto b = bench.Join();
  bench.Pass(2 * kSecond);
  EXPECT_EQ((*a)->leader, (*b)->leader);
  const bool a_leads = (*a)->leader == (*a)->member_id;
  EXPECT_EQ((a_leads ? *a : *b)->members.size(), 2u);
  EXPECT_TRUE((a_leads ? *b : *a)->members.empty());
}

// ---- ids that are told first ----

JoinGroup Careful(std::string member_id = {}) {
  JoinGroup join = GroupBench::Asks(std::move(member_id));
  join.must_know_its_id = true;
  return join;
}

TEST(GroupJoin, ANewMemberIsToldItsIdAndJoinsWithIt) {
  GroupBench bench;
  const auto told = bench.Join(Careful());
  ASSERT_TRUE(told->has_value());
  EXPECT_EQ((*told)->error, GroupError::kMemberIdRequired);
  EXPECT_EQ(bench.group->size(), 0u);
  const auto joined = bench.Join(Careful((*told)->member_id));
  EXPECT_EQ((*joined)->error, GroupError::kNone);
  EXPECT_EQ((*joined)->member_id, (*told)->member_id);
}

TEST(GroupJoin, AnIdThatNobodyComesBackWithIsForgottenAfterASession) {
  GroupBench bench;
  const auto told = bench.Join(Careful());
  EXPECT_FALSE(bench.group->IsIdle());
  bench.Pass(10 * kSecond);
  EXPECT_TRUE(bench.group->IsIdle());
  const auto late = bench.Join(Careful((*told)->member_id));
  EXPECT_EQ((*late)->error, GroupError::kUnknownMember);
}

TEST(GroupJoin, ARebalanceWaitsForWhoWasToldItsId) {
  GroupBench bench;
  const auto stable = bench.Stable(1);
  const auto told = bench.Join(Careful());
  const auto again = bench.Join(stable[0].member_id);  // the leader begins a rebalance
  EXPECT_FALSE(again->has_value());
  const auto joined = bench.Join(Careful((*told)->member_id));
  EXPECT_EQ((*joined)->generation, 2);
  EXPECT_EQ((*again)->generation, 2);
}

TEST(GroupJoin, WhoWasToldItsIdMayLeaveWithoutHavingJoined) {
  GroupBench bench;
  const auto told = bench.Join(Careful());
  EXPECT_EQ(bench.Leave((*told)->member_id), GroupError::kNone);
  EXPECT_TRUE(bench.group->IsIdle());
}

TEST(GroupJoin, AnUnknownIdIsRefused) {
  GroupBench bench;
  bench.Stable(1);
  EXPECT_EQ((*bench.Join("somebody"))->error, GroupError::kUnknownMember);
  EXPECT_EQ(bench.group->state(), GroupState::kStable);
}

// ---- the protocol ----

TEST(GroupJoin, TheProtocolIsOneThatAllKnow) {
  GroupBench bench({.initial_delay_us = 1 * kSecond});
  const auto a = bench.Join(GroupBench::Asks({}, {"sticky", "range"}));
  const auto b = bench.Join(GroupBench::Asks({}, {"range"}));
  bench.Pass(5 * kSecond);
  EXPECT_EQ((*a)->protocol, "range");
  EXPECT_EQ((*b)->protocol, "range");
}

TEST(GroupJoin, AmongThoseMostMembersVoteAndTheLeaderDecidesATie) {
  GroupBench bench({.initial_delay_us = 1 * kSecond});
  std::vector<Parked<JoinedGroup>> all;
  for (const auto& list : {std::vector<std::string>{"a", "b"}, {"b", "a"}, {"b", "a"}}) {
    all.push_back(bench.Join(GroupBench::Asks({}, list)));
  }
  bench.Pass(9 * kSecond);
  EXPECT_EQ((*all[0])->protocol, "b");

  GroupBench tie({.initial_delay_us = 1 * kSecond});
  const auto a = tie.Join(GroupBench::Asks({}, {"a", "b"}));
  const auto b = tie.Join(GroupBench::Asks({}, {"b", "a"}));
  tie.Pass(9 * kSecond);
  const bool a_leads = (*a)->leader == (*a)->member_id;
  EXPECT_EQ((*a)->protocol, a_leads ? "a" : "b");
  EXPECT_EQ((*b)->protocol, (*a)->protocol);
}

TEST(GroupJoin, WhoKnowsNoneOfTheOthersProtocolsIsRefused) {
  GroupBench bench;
  const auto stable = bench.Stable(1);
  EXPECT_EQ((*bench.Join(GroupBench::Asks({}, {"sticky"})))->error,
            GroupError::kInconsistentProtocol);
  JoinGroup connect = GroupBench::Asks();
  connect.protocol_type = "connect";
  EXPECT_EQ((*bench.Join(connect))->error, GroupError::kInconsistentProtocol);
  JoinGroup silent = GroupBench::Asks();
  silent.protocols.clear();
  EXPECT_EQ((*bench.Join(silent))->error, GroupError::kInconsistentProtocol);
  EXPECT_EQ(bench.group->state(), GroupState::kStable);
  // The only member may change its mind.
  EXPECT_EQ((*bench.Join(GroupBench::Asks(stable[0].member_id, {"sticky"})))->protocol, "sticky");
}

TEST(GroupJoin, AnEmptyGroupTakesAnotherProtocolType) {
  GroupBench bench;
  const auto stable = bench.Stable(1);
  bench.Leave(stable[0].member_id);
  JoinGroup connect = GroupBench::Asks({}, {"compatible"});
  connect.protocol_type = "connect";
  EXPECT_EQ((*bench.Join(connect))->protocol_type, "connect");
}

// ---- joining again ----

TEST(GroupJoin, AFollowerThatJoinsAgainUnchangedIsToldThePresentGeneration) {
  GroupBench bench;
  const auto stable = bench.Stable(2);
  const auto again = bench.Join(stable[1].member_id);
  EXPECT_EQ((*again)->error, GroupError::kNone);
  EXPECT_EQ((*again)->generation, stable[1].generation);
  EXPECT_TRUE((*again)->members.empty());
  EXPECT_EQ(bench.group->state(), GroupState::kStable);
}

TEST(GroupJoin, TheLeaderThatJoinsAgainBeginsARebalance) {
  GroupBench bench;
  const auto stable = bench.Stable(2);
  const auto again = bench.Join(stable[0].member_id);
  EXPECT_FALSE(again->has_value());
  EXPECT_EQ(bench.Heartbeat(bench.Membership(stable[1])), GroupError::kRebalanceInProgress);
  const auto other = bench.Join(stable[1].member_id);
  EXPECT_EQ((*again)->generation, stable[0].generation + 1);
  EXPECT_EQ((*other)->leader, stable[0].member_id);  // it leads on
}

TEST(GroupJoin, AMemberThatWantsSomethingElseBeginsARebalance) {
  GroupBench bench;
  const auto stable = bench.Stable(2);
  JoinGroup other = GroupBench::Asks(stable[1].member_id);
  other.protocols[0].metadata = "other topics";
  EXPECT_FALSE(bench.Join(other)->has_value());
  EXPECT_EQ(bench.group->state(), GroupState::kPreparingRebalance);
}

TEST(GroupJoin, BeforeTheLeaderHasSpokenALostAnswerIsGivenAgain) {
  GroupBench bench;
  const auto first = bench.Join();
  const auto again = bench.Join((*first)->member_id);
  EXPECT_EQ((*again)->generation, 1);
  EXPECT_EQ((*again)->members.size(), 1u);
  EXPECT_EQ(bench.group->state(), GroupState::kCompletingRebalance);
}

TEST(GroupJoin, ASecondTryTakesThePlaceOfTheFirst) {
  GroupBench bench;
  const auto stable = bench.Stable(2);
  const auto first = bench.Join(stable[0].member_id);
  const auto second = bench.Join(stable[0].member_id);
  EXPECT_EQ((*first)->error, GroupError::kRebalanceInProgress);
  EXPECT_FALSE(second->has_value());
  bench.Join(stable[1].member_id);
  EXPECT_EQ((*second)->error, GroupError::kNone);
}

// ---- bounds ----

TEST(GroupJoin, SessionsMustLieWithinTheBounds) {
  GroupBench bench({.min_session_us = 6 * kSecond, .max_session_us = 60 * kSecond});
  for (const int64_t ms : {5'999, 60'001, 0, -1}) {
    JoinGroup join = GroupBench::Asks();
    join.session_timeout_ms = ms;
    EXPECT_EQ((*bench.Join(join))->error, GroupError::kInvalidSessionTimeout) << ms;
  }
  EXPECT_TRUE(bench.group->IsIdle());
}

TEST(GroupJoin, AFullGroupTakesNoMore) {
  GroupBench bench({.initial_delay_us = 1 * kSecond, .max_members = 2});
  const auto a = bench.Join();
  const auto told = bench.Join(Careful());
  EXPECT_EQ((*bench.Join())->error, GroupError::kGroupFull);
  EXPECT_EQ((*bench.Join(Careful()))->error, GroupError::kGroupFull);
  const auto b = bench.Join(Careful((*told)->member_id));  // it was counted already
  bench.Pass(5 * kSecond);
  EXPECT_EQ((*a)->error, GroupError::kNone);
  EXPECT_EQ((*b)->error, GroupError::kNone);
}

TEST(GroupJoin, WhatMembersSayIsBoundedAsAWhole) {
  GroupBench bench({.initial_delay_us = 1 * kSecond});
  JoinGroup large = GroupBench::Asks();
  large.protocols[0].metadata = std::string(kMaxGroupBytes / 2, 'x');
  bench.Join(large);
  EXPECT_EQ((*bench.Join(large))->error, GroupError::kGroupFull);
  JoinGroup many = GroupBench::Asks();
  many.protocols.assign(kMaxProtocolsOfMember + 1, {"range", ""});
  EXPECT_EQ((*bench.Join(many))->error, GroupError::kInconsistentProtocol);
}

TEST(GroupJoin, ADeadGroupAnswersAllWhoWait) {
  GroupBench bench({.initial_delay_us = 1 * kSecond});
  const auto parked = bench.Join();
  bench.group->Kill(GroupError::kNotCoordinator);
  EXPECT_EQ((*parked)->error, GroupError::kNotCoordinator);

  GroupBench syncing;
  const auto joined = syncing.Join();
  syncing.hold_records = true;
  const auto sync = syncing.Sync(**joined, {(*joined)->member_id});
  syncing.group->Kill(GroupError::kNotCoordinator);
  EXPECT_EQ((*sync)->error, GroupError::kNotCoordinator);
  syncing.ReleaseRecords();  // of no consequence any more
}

}  // namespace
}  // namespace jangada::server::groups::testing
