// Flow and time: windows, orders, retries, deadlines; and what comes from outside, foreign or
// broken.
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/raft/solo.h"

namespace jangada::raft::test {
namespace {

// ---- flow ----

TEST(RaftFlow, LeaderPipelinesUpToItsWindowAndNoFurther) {
  Options options = SoloOptions(1);
  options.max_inflight_entries = 4;
  Solo solo(Founder(3), options);
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  solo.Forget();
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
    solo.Settle();
  }
  Index sent = 0;
  for (const Replicate& order : solo.orders) {
    if (order.to == NodeId(2)) sent = order.last;
  }
  EXPECT_EQ(sent, 5u) << "four beyond what is acknowledged, without waiting for answers";
  solo.Acknowledge(2, 3);
  EXPECT_EQ(solo.orders.back().last, 7u);
}

TEST(RaftFlow, WindowInBytesHoldsToo) {
  Options options = SoloOptions(1);
  options.max_inflight_bytes = 150;  // Solo says that an entry has 100
  options.max_append_bytes = 1000;
  Solo solo(Founder(3), options);
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  solo.Forget();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
    solo.Settle();
  }
  EXPECT_EQ(solo.orders.size(), 2u);
  EXPECT_EQ(solo.orders[1].max_bytes, 50u);
}

TEST(RaftFlow, OneOrderAtATimeAndADroppedOneIsTriedAgainLater) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  solo.Forget();
  solo.answer_orders = false;
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Settle();
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Settle();
  ASSERT_EQ(solo.orders.size(), 1u);
  solo.raft.OnSent(NodeId(2), solo.orders[0].first - 1, 0);  // nothing could be read
  solo.Settle();
  EXPECT_EQ(solo.orders.size(), 1u) << "no tight loop";
  solo.Pass(20);
  solo.Step(2, 1, HeartbeatReply{.last = 1});
  solo.Settle();
  EXPECT_EQ(solo.orders.size(), 2u);
}

TEST(RaftFlow, ProposalsBeyondTheUncommittedBoundAreRefused) {
  Options options = SoloOptions(1);
  options.max_uncommitted_bytes = 100;
  Solo solo(Founder(3), options);
  solo.Lead(3);
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0, std::string(200, 'x'))).ok()) << "one always fits";
  EXPECT_EQ(solo.raft.Propose(MakeEntry(0, 0)).error().code, ErrorCode::kThrottled);
  solo.Settle();
  solo.Acknowledge(2, 2);
  EXPECT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
}

TEST(RaftFlow, LostAppendIsSentAgainAfterAFewHeartbeats) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Settle();
  solo.Forget();
  solo.Pass(10);
  solo.Step(2, 1, HeartbeatReply{.last = 1});
  solo.Settle();
  EXPECT_TRUE(solo.orders.empty()) << "it may still be on its way";
  solo.Pass(10);
  solo.Step(2, 1, HeartbeatReply{.last = 1});
  solo.Settle();
  ASSERT_EQ(solo.orders.size(), 1u);
  EXPECT_EQ(solo.orders[0].first, 2u);
}

TEST(RaftFlow, FollowerThatSyncedLessThanItAcknowledgedIsSentTheRestAgain) {
  Solo solo(Founder(3));
  solo.Lead(3);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Settle();
  solo.Acknowledge(2, 6);
  solo.Pass(30);
  solo.Forget();
  solo.Step(2, 1, HeartbeatReply{.last = 3});
  solo.Settle();
  ASSERT_EQ(solo.orders.size(), 1u);
  EXPECT_EQ(solo.orders[0].first, 4u);
  EXPECT_EQ(solo.raft.commit(), 6u);
}

TEST(RaftFlow, UnreachablePeerIsLeftAloneUntilItIsHeardAgainAndThenServedAtOnce) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  solo.raft.OnUnreachable(NodeId(2));
  solo.Forget();
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Settle();
  for (const Replicate& order : solo.orders) EXPECT_NE(order.to, NodeId(2));
  solo.Step(2, 1, HeartbeatReply{.last = 1});
  solo.Take();
  ASSERT_FALSE(solo.orders.empty());
  EXPECT_EQ(solo.orders.back().to, NodeId(2));
  EXPECT_EQ(solo.orders.back().prev, (Position{1, 1}));
}

TEST(RaftFlow, EagerCommitTellsFollowersAtOnce) {
  Options options = SoloOptions(1);
  options.eager_commit = true;
  Solo solo(Founder(3), options);
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  EXPECT_EQ(solo.LastTo<Heartbeat>(2)->commit, 1u);
  EXPECT_TRUE(solo.SentTo<Heartbeat>(3).empty()) << "3 does not hold it";
}

// ---- time ----

TEST(RaftFlow, HeartbeatsOfAllGroupsFallOnTheSameTicks) {
  Solo solo(Founder(3));
  solo.Pass(7);
  solo.Lead(3);
  EXPECT_EQ(solo.raft.NextDue(), 10u);
  solo.Pass(3);
  EXPECT_EQ(solo.SentTo<Heartbeat>(2).size(), 1u);
  solo.now = 47;
  solo.raft.Tick(47);
  EXPECT_EQ(solo.raft.NextDue(), 50u);
}

TEST(RaftFlow, FollowersDeadlineMovesWithoutAReadyBeyondTheAnswer) {
  Solo solo(Founder(3));
  solo.Step(2, 1, Heartbeat{});
  solo.Settle();
  solo.Forget();
  const Ticks before = solo.raft.NextDue();
  solo.Pass(10);
  solo.Step(2, 1, Heartbeat{});
  EXPECT_EQ(solo.raft.NextDue(), before + 10);
  solo.Settle();
  EXPECT_EQ(solo.sent.size(), 1u);
  EXPECT_TRUE(solo.hard_states.empty());
  EXPECT_TRUE(solo.role_changes.empty());
}

TEST(RaftFlow, NothingHappensBeforeNextDueAndSomethingAtIt) {
  for (uint64_t seed = 1; seed < 200; ++seed) {
    Random random(seed);
    Options options = SoloOptions(1);
    options.seed = seed;
    Solo solo(Founder(random.Chance(1, 3) ? 1 : 3), options);
    if (random.Chance(1, 2)) solo.Lead(3);
    if (solo.raft.IsLeader() && random.Chance(1, 2)) (void)solo.raft.TransferLeadership(NodeId(2));
    if (solo.raft.IsLeader() && random.Chance(1, 2)) {
      (void)solo.raft.Propose(MakeEntry(0, 0));
      solo.Take();  // and its disk hangs
    } else {
      solo.Settle();
    }
    for (int i = 0; i < 20 && solo.raft.NextDue() != kNever; ++i) {
      const Ticks due = solo.raft.NextDue();
      if (due > solo.now) {
        solo.raft.Tick(due - 1);
        ASSERT_FALSE(solo.raft.HasReady()) << "seed " << seed << " tick " << due - 1;
        ASSERT_EQ(solo.raft.NextDue(), due);
      }
      solo.now = due;
      solo.raft.Tick(due);
      ASSERT_TRUE(solo.raft.HasReady() || solo.raft.NextDue() > due) << "seed " << seed;
      solo.Take();
    }
  }
}

TEST(RaftFlow, SkippedTicksDoWhatIsDueOnce) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.raft.Tick(45);
  solo.Settle();
  EXPECT_EQ(solo.SentTo<Heartbeat>(2).size(), 1u);
  EXPECT_EQ(solo.raft.NextDue(), 50u);
}

// ---- what comes from outside ----

TEST(RaftFlow, ForeignAndBrokenMessagesAreCountedAndDropped) {
  Solo solo(Founder(3, {1, 1}, {2, {}}));
  solo.raft.Step({.from = NodeId(2), .to = NodeId(9), .term = 9, .body = Heartbeat{}});
  solo.Step(1, 9, Heartbeat{});                                                  // from itself
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {MakeEntry(4, 2)}});  // a hole
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {MakeEntry(3, 0)}});  // a falling term
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {MakeEntry(3, 7)}});  // of the future
  Entry unreadable = MakeEntry(3, 2);
  unreadable.type = EntryType::kMembership;
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {unreadable}});
  solo.Step(2, 2, AppendReply{.accepted = true, .match = 2});  // to a follower
  EXPECT_EQ(solo.raft.dropped_messages(), 7u);
  EXPECT_EQ(solo.raft.term(), 2u);
  EXPECT_EQ(solo.raft.status().last, (Position{2, 1}));
}

TEST(RaftFlow, LeaderDropsAnAnswerBeyondItsOwnLog) {
  Solo solo(Founder(3));
  solo.Lead(3);
  const uint64_t before = solo.raft.dropped_messages();
  solo.Acknowledge(2, 99);
  EXPECT_EQ(solo.raft.commit(), 0u);
  EXPECT_EQ(solo.raft.dropped_messages(), before + 1);
}

using RaftFlowDeathTest = testing::Test;

TEST(RaftFlowDeathTest, TwoLeadersInOneTermEndTheProcess) {
  Solo solo(Founder(3));
  solo.Lead(3);
  EXPECT_DEATH(solo.Step(2, 1, Heartbeat{}), "two leaders in one term");
}

TEST(RaftFlowDeathTest, TruncationOfACommittedEntryEndsTheProcess) {
  Solo solo(Founder(3));
  solo.Step(2, 1, AppendRequest{.entries = {MakeEntry(1, 1), MakeEntry(2, 1)}, .commit = 2});
  EXPECT_DEATH(
      solo.Step(3, 2,
                AppendRequest{.entries = {MakeEntry(1, 2), MakeEntry(2, 2), MakeEntry(3, 2)}}),
      "a committed entry is never removed");
}

}  // namespace
}  // namespace jangada::raft::test
