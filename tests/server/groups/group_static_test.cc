// Static members: instances that come back under new ids.
#include <algorithm>

#include "tests/server/groups/group_bench.h"

namespace jangada::server::groups::testing {
namespace {

std::vector<JoinedGroup> StableStatics(GroupBench& bench, const std::vector<std::string>& names) {
  std::vector<Parked<JoinedGroup>> all;
  for (const std::string& name : names) {
    std::vector<Parked<JoinedGroup>> again{bench.Join(GroupBench::AsksStatic(name))};
    for (size_t i = 0; i < all.size(); ++i) {
      again.push_back(bench.Join(GroupBench::AsksStatic(names[i], (*all[i])->member_id)));
    }
    std::rotate(again.begin(), again.begin() + 1, again.end());
    all = std::move(again);
  }
  std::vector<JoinedGroup> joined;
  for (const auto& answer : all) joined.push_back(answer->value());
  std::vector<JoinedGroup> leader_first = joined;
  std::stable_partition(leader_first.begin(), leader_first.end(),
                        [](const JoinedGroup& m) { return m.leader == m.member_id; });
  bench.SyncAll(leader_first);
  EXPECT_EQ(bench.group->state(), GroupState::kStable);
  return joined;
}

TEST(StaticMember, ReturnsUnderANewIdWithoutARebalanceAndKeepsItsPart) {
  GroupBench bench;
  const auto joined = StableStatics(bench, {"one", "two"});
  const std::string leader = joined[0].leader;
  for (size_t i = 0; i < 2; ++i) {
    if (joined[i].member_id == leader) continue;
    const std::string name = i == 0 ? "one" : "two";
    const size_t records = bench.written.size();
    const auto back = bench.Join(GroupBench::AsksStatic(name));
    ASSERT_TRUE(back->has_value());
    EXPECT_EQ((*back)->error, GroupError::kNone);
    EXPECT_NE((*back)->member_id, joined[i].member_id);
    EXPECT_EQ((*back)->generation, joined[i].generation);
    EXPECT_EQ(bench.group->state(), GroupState::kStable);
    EXPECT_EQ(bench.written.size(), records + 1);  // its new id outlives the coordinator
    EXPECT_EQ((*bench.Sync(**back))->assignment, "part of " + joined[i].member_id);
  }
}

TEST(StaticMember, ItsFormerSelfIsFenced) {
  GroupBench bench;
  const auto joined = StableStatics(bench, {"one"});
  bench.Join(GroupBench::AsksStatic("one"));
  GroupMembership old = bench.Membership(joined[0]);
  old.instance_id = "one";
  EXPECT_EQ(bench.Heartbeat(old), GroupError::kFencedInstance);
  EXPECT_EQ(bench.Commit(old), GroupError::kFencedInstance);
  EXPECT_EQ((*bench.Join(GroupBench::AsksStatic("one", joined[0].member_id)))->error,
            GroupError::kFencedInstance);
  EXPECT_EQ(bench.Leave(joined[0].member_id, "one"), GroupError::kFencedInstance);
  EXPECT_EQ(
      bench.Heartbeat({.group = "g", .generation = 1, .member_id = "x", .instance_id = "two"}),
      GroupError::kUnknownMember);
}

TEST(StaticMember, WhatItsFormerSelfWaitsForIsAnsweredAsFenced) {
  GroupBench bench({.initial_delay_us = 3 * kSecond});
  const auto parked = bench.Join(GroupBench::AsksStatic("one"));
  const auto back = bench.Join(GroupBench::AsksStatic("one"));
  EXPECT_EQ((*parked)->error, GroupError::kFencedInstance);
  bench.Pass(9 * kSecond);
  EXPECT_EQ((*back)->error, GroupError::kNone);
  bench.hold_records = true;
  const auto sync = bench.Sync(**back, {(*back)->member_id});
  bench.Join(GroupBench::AsksStatic("one"));
  EXPECT_EQ((*sync)->error, GroupError::kFencedInstance);
}

TEST(StaticMember, ALeaderThatReturnsDoesNotAssignAnew) {
  for (const bool skips : {true, false}) {
    GroupBench bench;
    const auto joined = StableStatics(bench, {"one"});
    JoinGroup asks = GroupBench::AsksStatic("one");
    asks.understands_skipping = skips;
    const auto back = bench.Join(asks);
    EXPECT_EQ((*back)->skip_assignment, skips);
    EXPECT_EQ((*back)->leader, skips ? (*back)->member_id : joined[0].member_id);
    EXPECT_EQ((*back)->members.size(), skips ? 1u : 0u);
    EXPECT_EQ((*bench.Sync(**back))->assignment, "part of " + joined[0].member_id);
  }
}

TEST(StaticMember, ThatReturnsWithAnotherProtocolBeginsARebalance) {
  GroupBench bench;
  const auto joined = StableStatics(bench, {"one"});
  JoinGroup asks = GroupBench::AsksStatic("one");
  asks.protocols = {{"sticky", "x"}};
  const auto back = bench.Join(asks);
  EXPECT_EQ((*back)->generation, joined[0].generation + 1);
  EXPECT_EQ((*back)->protocol, "sticky");
}

TEST(StaticMember, WhoseNewIdIsNotWrittenDownIsNotBack) {
  GroupBench bench;
  StableStatics(bench, {"one"});
  bench.fate = GroupError::kTimeout;
  const auto back = bench.Join(GroupBench::AsksStatic("one"));
  EXPECT_EQ((*back)->error, GroupError::kNotAvailable);
  bench.fate = GroupError::kNone;
  const auto again = bench.Join(GroupBench::AsksStatic("one"));
  EXPECT_EQ((*again)->error, GroupError::kNone);
  EXPECT_EQ(bench.group->size(), 1u);
}

TEST(StaticMember, IsMissedOnlyAfterItsSession) {
  GroupBench bench;
  const auto joined = StableStatics(bench, {"one", "two"});
  const auto parked = bench.Join();  // a newcomer: all must join again, and "two" is restarting
  bench.Join(GroupBench::AsksStatic("one", joined[0].member_id));
  bench.Pass(9 * kSecond);
  EXPECT_EQ(bench.group->size(), 3u);
  bench.Pass(1 * kSecond);
  EXPECT_EQ(bench.group->size(), 2u);
  EXPECT_TRUE(parked->has_value());
}

TEST(StaticMember, ThatAsksForNoTimeToRebalanceKeepsNobodyBusy) {
  GroupBench bench;
  JoinGroup hasty = GroupBench::AsksStatic("one");
  hasty.rebalance_timeout_ms = 0;
  const auto joined = bench.Join(hasty);
  bench.Sync(**joined, {(*joined)->member_id});
  JoinGroup newcomer = GroupBench::Asks();
  newcomer.rebalance_timeout_ms = 0;
  const auto parked = bench.Join(newcomer);
  bench.Leave(bench.group->Describe().members.at(0).member_id);
  int wakes = 0;
  while (bench.group->next_due_us() && wakes < 1000) {
    bench.Pass(*bench.group->next_due_us() - bench.now_us);
    ++wakes;
  }
  EXPECT_LT(wakes, 500);  // at most every 100 ms while its session lasts
}

TEST(StaticMember, LeavesByItsInstanceAlone) {
  GroupBench bench;
  StableStatics(bench, {"one"});
  EXPECT_EQ(bench.Leave("", "two"), GroupError::kUnknownMember);
  EXPECT_EQ(bench.Leave("", "one"), GroupError::kNone);
  EXPECT_EQ(bench.group->state(), GroupState::kEmpty);
}

}  // namespace
}  // namespace jangada::server::groups::testing
