// What happens in groups that are there: assignments, sessions, rebalances, commits.
#include "tests/server/groups/group_bench.h"

namespace jangada::server::groups::testing {
namespace {

using ::testing::ElementsAre;

// ---- assignments ----

TEST(GroupSync, EverybodyGetsItsPartOnceItIsWrittenDown) {
  GroupBench bench({.initial_delay_us = 1 * kSecond});
  const auto a = bench.Join();
  const auto b = bench.Join();
  bench.Pass(5 * kSecond);
  const bool a_leads = (*a)->leader == (*a)->member_id;
  const JoinedGroup& leader = a_leads ? **a : **b;
  const JoinedGroup& follower = a_leads ? **b : **a;
  bench.hold_records = true;
  const auto early = bench.Sync(follower);
  const auto led = bench.Sync(leader, {leader.member_id, follower.member_id});
  EXPECT_FALSE(early->has_value());
  EXPECT_FALSE(led->has_value());
  ASSERT_EQ(bench.held.size(), 1u);
  EXPECT_EQ(bench.held[0].record.members.size(), 2u);
  bench.ReleaseRecords();
  EXPECT_EQ((*early)->assignment, "part of " + follower.member_id);
  EXPECT_EQ((*led)->assignment, "part of " + leader.member_id);
  EXPECT_EQ((*led)->protocol, "range");
  EXPECT_EQ(bench.group->state(), GroupState::kStable);
  EXPECT_EQ(bench.group->Record(), bench.written.back());
  // Whoever asks again, or late, is told the same.
  EXPECT_EQ((*bench.Sync(follower))->assignment, "part of " + follower.member_id);
}

TEST(GroupSync, WhoIsAssignedNothingGetsNothing) {
  GroupBench bench;
  const auto joined = bench.Join();
  const auto synced = bench.Sync(**joined, {"somebody"});
  EXPECT_EQ((*synced)->error, GroupError::kNone);
  EXPECT_EQ((*synced)->assignment, "");
}

TEST(GroupSync, WhatCouldNotBeWrittenIsToldToNobody) {
  const std::map<GroupError, GroupError> told = {
      {GroupError::kNotCoordinator, GroupError::kNotCoordinator},
      {GroupError::kNotAvailable, GroupError::kNotAvailable},
      {GroupError::kTimeout, GroupError::kRebalanceInProgress}};  // its fate is unknown: join again
  for (const auto& [fate, error] : told) {
    GroupBench bench;
    const auto joined = bench.Join();
    bench.fate = fate;
    const auto synced = bench.Sync(**joined, {(*joined)->member_id});
    EXPECT_EQ((*synced)->error, error);
    EXPECT_EQ(bench.group->state(), GroupState::kPreparingRebalance);
    bench.fate = GroupError::kNone;
    const auto again = bench.Join((*joined)->member_id);
    EXPECT_EQ((*again)->generation, 2);
  }
}

TEST(GroupSync, ARebalanceThatBeginsBeforeItIsWrittenWins) {
  GroupBench bench;
  const auto joined = bench.Join();
  bench.hold_records = true;
  const auto synced = bench.Sync(**joined, {(*joined)->member_id});
  bench.Join();  // a newcomer
  EXPECT_EQ((*synced)->error, GroupError::kRebalanceInProgress);
  bench.ReleaseRecords();
  EXPECT_EQ(bench.group->state(), GroupState::kPreparingRebalance);
}

TEST(GroupSync, OnlyMembersOfTheGenerationAndItsProtocolAreServed) {
  GroupBench bench;
  const auto stable = bench.Stable(1);
  JoinedGroup other = stable[0];
  other.generation = 0;
  EXPECT_EQ((*bench.Sync(other))->error, GroupError::kIllegalGeneration);
  other.member_id = "somebody";
  EXPECT_EQ((*bench.Sync(other))->error, GroupError::kUnknownMember);
  SyncGroup sync{.group = "g",
                 .generation = stable[0].generation,
                 .member_id = stable[0].member_id,
                 .instance_id = {},
                 .protocol_type = "connect",
                 .protocol = {},
                 .assignments = {}};
  EXPECT_EQ((*bench.Sync(sync))->error, GroupError::kInconsistentProtocol);
  sync.protocol_type = "consumer";
  sync.protocol = "sticky";
  EXPECT_EQ((*bench.Sync(sync))->error, GroupError::kInconsistentProtocol);
  sync.protocol = "range";
  EXPECT_EQ((*bench.Sync(sync))->error, GroupError::kNone);
}

TEST(GroupSync, AnAssignmentThatIsTooLargeIsRefused) {
  GroupBench bench;
  const auto joined = bench.Join();
  SyncGroup sync{.group = "g",
                 .generation = 1,
                 .member_id = (*joined)->member_id,
                 .instance_id = {},
                 .protocol_type = {},
                 .protocol = {},
                 .assignments = {{(*joined)->member_id, std::string(kMaxGroupBytes, 'x')}}};
  EXPECT_EQ((*bench.Sync(sync))->error, GroupError::kTooLarge);
  EXPECT_EQ((*bench.Sync(**joined, {(*joined)->member_id}))->error, GroupError::kNone);
}

TEST(GroupSync, WhoDoesNotAskForItsPartInTimeIsPutOut) {
  GroupBench bench({.initial_delay_us = 1 * kSecond});
  const auto a = bench.Join();
  const auto b = bench.Join();
  bench.Pass(5 * kSecond);
  const bool a_leads = (*a)->leader == (*a)->member_id;
  const JoinedGroup& leader = a_leads ? **a : **b;
  const JoinedGroup& silent = a_leads ? **b : **a;
  bench.Sync(leader, {leader.member_id});
  for (int i = 0; i < 31; ++i) {  // both are alive
    bench.Heartbeat(bench.Membership(leader));
    bench.Heartbeat(bench.Membership(silent));
    bench.Pass(1 * kSecond);
  }
  EXPECT_EQ(bench.Heartbeat(bench.Membership(silent)), GroupError::kUnknownMember);
  EXPECT_EQ(bench.Heartbeat(bench.Membership(leader)), GroupError::kRebalanceInProgress);
}

// ---- what members are told in each state ----

TEST(GroupLife, HeartbeatsAndCommitsInEachState) {
  struct Row {
    GroupState state;
    GroupError heartbeat;
    GroupError commit;
  };
  const std::vector<Row> rows = {
      {GroupState::kPreparingRebalance, GroupError::kRebalanceInProgress, GroupError::kNone},
      {GroupState::kCompletingRebalance, GroupError::kNone, GroupError::kRebalanceInProgress},
      {GroupState::kStable, GroupError::kNone, GroupError::kNone},
  };
  for (const Row& row : rows) {
    GroupBench bench;
    auto member = bench.Stable(2)[0];
    const auto other = bench.group->Record().members;
    if (row.state != GroupState::kStable) bench.Join(member.member_id);  // it leads
    if (row.state == GroupState::kCompletingRebalance) {
      for (const MemberRecord& says : other) bench.Join(says.member_id);
      member.generation = bench.group->generation();
    }
    ASSERT_EQ(bench.group->state(), row.state);
    const GroupMembership good = bench.Membership(member);
    EXPECT_EQ(bench.Heartbeat(good), row.heartbeat) << NameOf(row.state);
    EXPECT_EQ(bench.Commit(good), row.commit) << NameOf(row.state);
    GroupMembership past = good;
    past.generation -= 1;
    EXPECT_EQ(bench.Heartbeat(past), GroupError::kIllegalGeneration);
    EXPECT_EQ(bench.Commit(past), GroupError::kIllegalGeneration);
    GroupMembership stranger = good;
    stranger.member_id = "somebody";
    EXPECT_EQ(bench.Heartbeat(stranger), GroupError::kUnknownMember);
    EXPECT_EQ(bench.Commit(stranger), GroupError::kUnknownMember);
    EXPECT_EQ(bench.Commit({.group = "g", .member_id = {}, .instance_id = {}}),
              GroupError::kUnknownMember);
  }
}

TEST(GroupLife, WhoKeepsOffsetsWithoutJoiningMayWhileThereAreNoMembers) {
  GroupBench bench;
  const GroupMembership nobody{.group = "g", .member_id = {}, .instance_id = {}};
  EXPECT_EQ(bench.Commit(nobody), GroupError::kNone);
  const auto stable = bench.Stable(1);
  EXPECT_EQ(bench.Commit(nobody), GroupError::kUnknownMember);
  bench.Leave(stable[0].member_id);
  EXPECT_EQ(bench.Commit(nobody), GroupError::kNone);
  EXPECT_EQ(bench.Commit(bench.Membership(stable[0])), GroupError::kUnknownMember);
}

// ---- sessions ----

TEST(GroupLife, AMemberWithoutASignOfLifeIsPutOutAfterItsSession) {
  GroupBench bench;
  const auto stable = bench.Stable(2);
  bench.Pass(9 * kSecond);
  EXPECT_EQ(bench.Heartbeat(bench.Membership(stable[0])), GroupError::kNone);
  bench.Pass(1 * kSecond);
  EXPECT_EQ(bench.group->size(), 1u);
  EXPECT_EQ(bench.Heartbeat(bench.Membership(stable[0])), GroupError::kRebalanceInProgress);
  const auto again = bench.Join(stable[0].member_id);
  EXPECT_EQ((*again)->members.size(), 1u);
}

TEST(GroupLife, ACommitIsASignOfLife) {
  GroupBench bench;
  const auto stable = bench.Stable(1);
  for (int i = 0; i < 5; ++i) {
    bench.Pass(9 * kSecond);
    EXPECT_EQ(bench.Commit(bench.Membership(stable[0])), GroupError::kNone);
  }
}

TEST(GroupLife, WhoWaitsForTheOthersNeedsNoHeartbeat) {
  GroupBench bench;
  const auto stable = bench.Stable(2);
  const auto parked = bench.Join(stable[0].member_id);
  for (int i = 0; i < 29; ++i) {  // longer than its session; the other lives, and does not join
    bench.Pass(1 * kSecond);
    bench.Heartbeat(bench.Membership(stable[1]));
  }
  EXPECT_FALSE(parked->has_value());
  EXPECT_EQ(bench.group->size(), 2u);
  bench.Pass(1 * kSecond);  // the rebalance timeout
  ASSERT_TRUE(parked->has_value());
  EXPECT_EQ((*parked)->members.size(), 1u);
  EXPECT_EQ(bench.Heartbeat(bench.Membership(stable[1])), GroupError::kUnknownMember);
}

TEST(GroupLife, ANewMemberThatIsParkedForTooLongIsDropped) {
  GroupBench bench;
  JoinGroup patient = GroupBench::Asks();
  patient.rebalance_timeout_ms = 3'600'000;
  const auto first = bench.Join(patient);
  bench.Sync(**first, {(*first)->member_id});
  const auto newcomer = bench.Join();
  for (int i = 0; i < 300; ++i) {  // the first lives, and never joins again
    bench.Heartbeat(bench.Membership(**first));
    bench.Pass(1 * kSecond);
  }
  EXPECT_EQ((*newcomer)->error, GroupError::kUnknownMember);
}

TEST(GroupLife, WhenTheLastMemberLeavesTheEmptyGroupIsWrittenDown) {
  GroupBench bench;
  const auto stable = bench.Stable(1);
  EXPECT_EQ(bench.Leave(stable[0].member_id), GroupError::kNone);
  EXPECT_EQ(bench.group->state(), GroupState::kEmpty);
  EXPECT_TRUE(bench.written.back().members.empty());
  EXPECT_EQ(bench.written.back().generation, stable[0].generation + 1);
  EXPECT_TRUE(bench.group->IsIdle());
  EXPECT_EQ(bench.Leave(stable[0].member_id), GroupError::kUnknownMember);
}

TEST(GroupLife, AnEmptyGroupThatWasNotWrittenDownIsTriedAgain) {
  GroupBench bench;
  const auto stable = bench.Stable(1);
  bench.fate = GroupError::kNotAvailable;
  bench.Leave(stable[0].member_id);
  EXPECT_FALSE(bench.group->IsIdle());
  bench.Pass(3 * kSecond);
  EXPECT_FALSE(bench.group->IsIdle());
  bench.fate = GroupError::kNone;
  bench.Pass(1 * kSecond);
  EXPECT_TRUE(bench.group->IsIdle());
  EXPECT_TRUE(bench.written.back().members.empty());
}

TEST(GroupLife, AGroupThatNeverGotTogetherLeavesNoTrace) {
  GroupBench bench({.initial_delay_us = 3 * kSecond});
  bench.Join();
  bench.Leave(bench.group->Describe().members.at(0).member_id);
  EXPECT_TRUE(bench.group->IsIdle());
  EXPECT_TRUE(bench.written.empty());
}

TEST(GroupLife, WhoLeavesWhileTheOthersJoinEndsTheWait) {
  GroupBench bench;
  const auto stable = bench.Stable(2);
  const auto parked = bench.Join(stable[0].member_id);
  bench.Leave(stable[1].member_id);
  EXPECT_EQ((*parked)->members.size(), 1u);
}

TEST(GroupLife, AnotherLeadsWhenTheLeaderIsGone) {
  GroupBench bench;
  const auto stable = bench.Stable(2);
  bench.Leave(stable[0].member_id);
  const auto joined = bench.Join(stable[1].member_id);
  EXPECT_EQ((*joined)->leader, stable[1].member_id);
}

// ---- from its record ----

TEST(GroupLife, AGroupThatIsTakenOverGoesOnWithoutARebalance) {
  GroupBench bench;
  const auto stable = bench.Stable(3);
  const GroupRecord record = bench.written.back();
  bench.now_us += 3'600 * kSecond;  // another node, another clock
  bench.group = std::make_unique<Group>("g", bench.options, bench.random, record, bench.now_us);
  EXPECT_EQ(bench.group->state(), GroupState::kStable);
  EXPECT_EQ(bench.group->Record(), record);
  for (const JoinedGroup& member : stable) {
    EXPECT_EQ(bench.Heartbeat(bench.Membership(member)), GroupError::kNone);
    EXPECT_EQ(bench.Commit(bench.Membership(member)), GroupError::kNone);
    EXPECT_EQ((*bench.Sync(member))->assignment, "part of " + member.member_id);
  }
  bench.Pass(10 * kSecond);  // their sessions began anew
  EXPECT_EQ(bench.group->size(), 0u);
}

TEST(GroupLife, GenerationsGoOnFromTheRecord) {
  GroupBench bench;
  bench.group = std::make_unique<Group>("g", bench.options, bench.random,
                                        GroupRecord{.generation = 41,
                                                    .protocol_type = "consumer",
                                                    .protocol = {},
                                                    .leader = {},
                                                    .members = {}},
                                        bench.now_us);
  EXPECT_EQ(bench.group->state(), GroupState::kEmpty);
  EXPECT_EQ((*bench.Join())->generation, 42);
}

}  // namespace
}  // namespace jangada::server::groups::testing
