// One test for each rule that the paper leaves to the thesis or that others learned from a bug that
// shipped: pre-vote, stickiness, check-quorum, hung disks, reads, transfer, membership, refilling,
// flow, time.
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/raft/cluster.h"
#include "tests/raft/solo.h"

namespace jangada::raft::test {
namespace {

// ---- pre-vote, stickiness, check-quorum (thesis 9.6, 4.2.3, 6.2) ----

TEST(RaftRules, PreVoteRaisesNoTermAndWritesNothing) {
  Solo solo(Founder(3));
  solo.Pass(500);
  EXPECT_EQ(solo.raft.term(), 0u);
  EXPECT_TRUE(solo.hard_states.empty());
  solo.Step(2, 1, VoteRequest{.pre_vote = true});
  solo.Settle();
  EXPECT_TRUE(solo.LastTo<VoteReply>(2)->granted);
  EXPECT_TRUE(solo.hard_states.empty());
}

TEST(RaftRules, FollowerThatHearsItsLeaderRefusesVotesAndKeepsItsTerm) {
  Solo solo(Founder(3));
  solo.Step(2, 1, Heartbeat{});
  solo.Settle();
  solo.Step(3, 9, VoteRequest{.last = {9, 9}});
  solo.Step(3, 9, VoteRequest{.pre_vote = true, .last = {9, 9}});
  solo.Settle();
  EXPECT_EQ(solo.raft.term(), 1u);
  EXPECT_EQ(solo.raft.leader(), NodeId(2));
  for (const VoteReply& reply : solo.SentTo<VoteReply>(3)) EXPECT_FALSE(reply.granted);
  solo.Pass(49);
  solo.Step(3, 9, VoteRequest{.last = {9, 9}});
  EXPECT_EQ(solo.raft.term(), 1u);
  solo.Pass(1);  // the leader was silent for an election timeout
  solo.Step(3, 9, VoteRequest{.last = {9, 9}});
  EXPECT_EQ(solo.raft.term(), 9u);
}

TEST(RaftRules, LeaderIsNotDeposedByAVoteRequestOfAHigherTerm) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Step(3, 9, VoteRequest{.last = {9, 9}});
  EXPECT_TRUE(solo.raft.IsLeader());
  EXPECT_EQ(solo.raft.term(), 1u);
}

TEST(RaftRules, LeaderIgnoresAHigherTermFromANodeThatIsNoMember) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Step(7, 9, AppendReply{});
  solo.Step(7, 9, HeartbeatReply{});
  solo.Step(7, 9, VoteReply{});
  EXPECT_TRUE(solo.raft.IsLeader());
}

TEST(RaftRules, LeaderThatHearsNoMajorityStepsDownWithinAnElectionTimeout) {
  Solo solo(Founder(5));
  solo.Lead(5);
  for (int i = 0; i < 20; ++i) {
    solo.Pass(10);
    solo.Step(2, 1, HeartbeatReply{});
    solo.Step(3, 1, HeartbeatReply{});
  }
  ASSERT_TRUE(solo.raft.IsLeader()) << "itself and two of four others are a majority";
  for (int i = 0; i < 6; ++i) {
    solo.Pass(10);
    solo.Step(2, 1, HeartbeatReply{});
  }
  EXPECT_FALSE(solo.raft.IsLeader());
  EXPECT_EQ(solo.raft.term(), 1u) << "stepping down needs no new term";
}

TEST(RaftRules, OneWayPartitionKeepsOneLeaderAtATime) {
  Cluster cluster;
  cluster.Found({1, 2, 3});
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, 400));
  const int leader = cluster.Leader();
  const int deaf = leader == 3 ? 2 : 3;
  cluster.Cut(leader, deaf);  // it hears nothing from the leader, and everybody hears it
  const Term term = cluster.raft(leader).term();
  cluster.RunUntil([] { return false; }, 1500);
  EXPECT_EQ(cluster.Leader(), leader) << "it can't disturb those who hear the leader";
  EXPECT_EQ(cluster.raft(leader).term(), term);
}

TEST(RaftRules, PartialRingKeepsItsLeader) {
  Cluster cluster;
  cluster.Found({1, 2, 3, 4, 5});
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, 400));
  const int leader = cluster.Leader();
  const int lost = leader % 5 + 1;
  cluster.Cut(leader, lost);
  cluster.Cut(lost, leader);
  const Term term = cluster.raft(leader).term();
  cluster.RunUntil([] { return false; }, 1500);
  EXPECT_EQ(cluster.Leader(), leader);
  EXPECT_EQ(cluster.raft(leader).term(), term);
}

TEST(RaftRules, OfTwoThatAskAtOnceOneYields) {
  Solo solo(Founder(3));
  solo.raft.Campaign();
  solo.Settle();
  solo.Step(2, 1, VoteRequest{.pre_vote = true});
  solo.Settle();
  EXPECT_TRUE(solo.LastTo<VoteReply>(2)->granted);
  EXPECT_EQ(solo.raft.status().role, Role::kFollower) << "or both would split the real votes";
}

// ---- hung and failing disks ----

TEST(RaftRules, LeaderWithAHungDiskStepsDownAndSendsNoMoreHeartbeats) {
  Solo solo(Founder(3));
  solo.Lead(3);
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Take();
  for (int i = 0; i < 11; ++i) {
    solo.now += 10;
    solo.raft.Tick(solo.now);
    solo.Take();
    solo.Step(2, 1, HeartbeatReply{});
    solo.Step(3, 1, HeartbeatReply{});
  }
  EXPECT_FALSE(solo.raft.IsLeader());
  EXPECT_EQ(solo.now, 110u);
  EXPECT_EQ(solo.SentTo<Heartbeat>(2).size(), 9u);
  solo.Forget();
  for (int i = 0; i < 30; ++i) {
    solo.now += 10;
    solo.raft.Tick(solo.now);
    solo.Take();
  }
  EXPECT_TRUE(solo.sent.empty()) << "nor does it campaign while its disk hangs";
}

TEST(RaftRules, LeaderWhoseOwnDiskIsIdleIsNotTakenForHung) {
  Solo solo(Founder(3));
  solo.Lead(3);
  for (int i = 0; i < 40; ++i) {
    solo.Pass(10);
    solo.Step(2, 1, HeartbeatReply{});
  }
  EXPECT_TRUE(solo.raft.IsLeader());
}

TEST(RaftRules, SyncOfAnOlderWriteNeverVouchesForRewrittenEntries) {
  Solo solo(Founder(3));
  solo.Step(2, 1, AppendRequest{.entries = {MakeEntry(1, 1), MakeEntry(2, 1), MakeEntry(3, 1)}});
  solo.Take();
  const uint64_t first = solo.unsynced;
  solo.Step(3, 2, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 2), MakeEntry(3, 2)}});
  solo.Take();
  ASSERT_GT(solo.unsynced, first);
  solo.raft.OnPersisted(first);
  solo.Take();
  EXPECT_EQ(solo.raft.status().durable, 1u);
  for (const AppendReply& reply : solo.SentTo<AppendReply>(3)) EXPECT_LE(reply.match, 1u);
  solo.Sync();
  EXPECT_EQ(solo.LastTo<AppendReply>(3)->match, 3u);
}

TEST(RaftRules, TruncationRollsTheDurableIndexBack) {
  Solo solo(Founder(3, {1, 1, 1}, {1, {}}));
  ASSERT_EQ(solo.raft.status().durable, 3u);
  solo.Step(2, 2, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 2)}});
  EXPECT_EQ(solo.raft.status().durable, 1u);
}

// ---- reads (thesis 6.4) ----

TEST(RaftRules, ReadWaitsForTheNoopAndForAMajorityThatAnsweredAfterIt) {
  Solo solo(Founder(3));
  solo.Lead(3);
  EXPECT_EQ(solo.raft.ReadIndex().error().code, ErrorCode::kUnavailable);
  solo.Acknowledge(2, 1);
  const uint64_t first = *solo.raft.ReadIndex();
  solo.Take();
  const uint64_t second = *solo.raft.ReadIndex();
  EXPECT_NE(first, second) << "a fresh id each try";
  solo.Take();
  EXPECT_TRUE(solo.reads.empty());
  solo.Step(2, 1, HeartbeatReply{.read_id = first});
  solo.Take();
  ASSERT_EQ(solo.reads.size(), 1u) << "the first round says nothing of the second read";
  EXPECT_EQ(solo.reads[0].read_id, first);
  EXPECT_EQ(solo.reads[0].index, 1u);
  solo.Step(2, 1, HeartbeatReply{.read_id = second});
  solo.Take();
  EXPECT_EQ(solo.reads.size(), 2u);
}

TEST(RaftRules, ReadNeedsAMajority) {
  Solo solo(Founder(5));
  solo.Lead(5);
  solo.Acknowledge(2, 1);
  solo.Acknowledge(3, 1);
  const uint64_t id = *solo.raft.ReadIndex();
  solo.Take();
  solo.Step(2, 1, HeartbeatReply{.read_id = id});
  solo.Take();
  EXPECT_TRUE(solo.reads.empty());
  solo.Step(3, 1, HeartbeatReply{.read_id = id});
  solo.Take();
  EXPECT_EQ(solo.reads.size(), 1u);
}

TEST(RaftRules, WaitingReadIsRefusedWhenLeadershipIsLost) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.ReadIndex().ok());
  solo.Take();
  solo.Step(3, 2, Heartbeat{});
  solo.Take();
  ASSERT_EQ(solo.reads.size(), 1u);
  EXPECT_FALSE(solo.reads[0].granted);
  EXPECT_EQ(solo.raft.ReadIndex().error().code, ErrorCode::kNotLeader);
}

// ---- transfer (thesis 3.10) ----

TEST(RaftRules, TransferWaitsUntilTheTargetHoldsEverything) {
  Solo solo(Founder(3));
  solo.Lead(3);
  ASSERT_TRUE(solo.raft.TransferLeadership(NodeId(2)).ok());
  solo.Settle();
  EXPECT_TRUE(solo.SentTo<TimeoutNow>(2).empty());
  EXPECT_EQ(solo.raft.Propose(MakeEntry(0, 0)).error().code, ErrorCode::kUnavailable);
  solo.Acknowledge(2, 1);
  EXPECT_EQ(solo.SentTo<TimeoutNow>(2).size(), 1u);
}

TEST(RaftRules, TransferEndsAfterAnElectionTimeout) {
  Solo solo(Founder(3));
  solo.Lead(3);
  ASSERT_TRUE(solo.raft.TransferLeadership(NodeId(3)).ok());
  for (int i = 0; i < 5; ++i) {
    solo.Step(2, 1, HeartbeatReply{});
    solo.Pass(10);
  }
  EXPECT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
}

TEST(RaftRules, TimeoutNowCampaignsPastStickinessWithoutAPreVote) {
  Solo solo(Founder(3));
  solo.Step(2, 1, Heartbeat{});
  solo.Step(2, 1, TimeoutNow{});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().role, Role::kCandidate);
  EXPECT_TRUE(solo.LastTo<VoteRequest>(3)->transfer);
  Solo other(Founder(3));
  other.Step(2, 1, Heartbeat{});
  other.Step(3, 2, VoteRequest{.transfer = true});
  other.Settle();
  EXPECT_TRUE(other.LastTo<VoteReply>(3)->granted);
}

TEST(RaftRules, LearnerIgnoresTimeoutNow) {
  Restored restored = Founder(3);
  restored.snapshot.membership.membership.voters.erase(
      restored.snapshot.membership.membership.voters.begin());
  restored.snapshot.membership.membership.learners = {NodeId(1)};
  Solo solo(std::move(restored));
  solo.Step(2, 1, TimeoutNow{});
  EXPECT_EQ(solo.raft.status().role, Role::kFollower);
  EXPECT_EQ(solo.raft.NextDue(), kNever) << "a learner never campaigns";
}

// ---- membership (thesis 4) ----

Entry MembershipEntry(Index index, Term term, const Membership& membership) {
  return {.index = index,
          .term = term,
          .type = EntryType::kMembership,
          .payload = EncodeMembership(membership)};
}

Membership Voters(std::vector<int> voters, std::vector<int> outgoing = {}) {
  Membership membership;
  for (const int id : voters) membership.voters.push_back(NodeId(id));
  for (const int id : outgoing) membership.outgoing.push_back(NodeId(id));
  return membership;
}

TEST(RaftRules, ConfigurationTakesEffectWhenAppendedAndGoesWithItsEntry) {
  Solo solo(Founder(3));
  const Membership next = Voters({1, 2, 3, 4}, {1, 2, 3});
  solo.Step(2, 1,
            AppendRequest{.entries = {MakeEntry(1, 1), MembershipEntry(2, 1, next)}, .commit = 1});
  EXPECT_EQ(solo.raft.status().membership.membership, next);
  EXPECT_FALSE(solo.raft.status().membership_committed);
  solo.Step(3, 2, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 2)}});
  EXPECT_EQ(solo.raft.status().membership.membership, Voters({1, 2, 3}));
}

TEST(RaftRules, NoChangeBeforeTheNoopIsCommittedAndOneAtATime) {
  Solo solo(Founder(3));
  solo.Lead(3);
  const MembershipTarget target{{NodeId(1), NodeId(2)}, {}};
  EXPECT_EQ(solo.raft.ProposeMembership(target).error().code, ErrorCode::kFailedPrecondition);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.ProposeMembership(target).ok());
  EXPECT_EQ(solo.raft.ProposeMembership({{NodeId(1)}, {}}).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST(RaftRules, LeaveJointIsAppendedOnlyOnceEnterJointIsCommittedByBothHalves) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.ProposeMembership({{NodeId(1), NodeId(4), NodeId(5)}, {}}).ok());
  solo.Settle();
  EXPECT_TRUE(solo.raft.status().membership.membership.IsJoint());
  solo.Acknowledge(2, 2);
  solo.Acknowledge(3, 2);
  EXPECT_EQ(solo.raft.commit(), 1u) << "a majority of the old half is not enough";
  EXPECT_TRUE(solo.raft.status().membership.membership.IsJoint());
  solo.Acknowledge(4, 2);
  EXPECT_EQ(solo.raft.commit(), 2u);
  EXPECT_EQ(solo.raft.status().membership.membership, Voters({1, 4, 5}));
  EXPECT_FALSE(solo.raft.status().membership_committed);
}

TEST(RaftRules, CandidateInAJointConfigurationNeedsBothMajorities) {
  Restored restored = Founder(3);
  restored.snapshot.membership.membership = Voters({1, 4, 5}, {1, 2, 3});
  Solo solo(std::move(restored));
  solo.raft.Campaign();
  solo.Settle();
  solo.Step(2, 1, VoteReply{.pre_vote = true, .granted = true});
  solo.Step(3, 1, VoteReply{.pre_vote = true, .granted = true});
  EXPECT_EQ(solo.raft.status().role, Role::kPreCandidate);
  solo.Step(4, 1, VoteReply{.pre_vote = true, .granted = true});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().role, Role::kCandidate);
  solo.Step(4, 1, VoteReply{.granted = true});
  solo.Step(5, 1, VoteReply{.granted = true});
  EXPECT_EQ(solo.raft.status().role, Role::kCandidate);
  solo.Step(2, 1, VoteReply{.granted = true});
  EXPECT_TRUE(solo.raft.IsLeader());
}

TEST(RaftRules, UncommittedConfigurationSurvivesARestart) {
  Restored restored = Founder(3, {1, 1}, {1, {}});
  restored.memberships = {{2, Voters({1, 2}, {1, 2, 3})}};
  Solo solo(std::move(restored));
  EXPECT_EQ(solo.raft.status().membership.membership, Voters({1, 2}, {1, 2, 3}));
  EXPECT_FALSE(solo.raft.status().membership_committed);
}

TEST(RaftRules, RemovedLeaderStepsDownOnlyWhenItsRemovalIsCommitted) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.ProposeMembership({{NodeId(2), NodeId(3)}, {}}).ok());
  solo.Settle();
  solo.Acknowledge(2, 2);
  solo.Acknowledge(3, 2);
  solo.Settle();
  ASSERT_EQ(solo.raft.status().membership.membership, Voters({2, 3}));
  EXPECT_TRUE(solo.raft.IsLeader());
  solo.Acknowledge(2, 3);
  EXPECT_TRUE(solo.raft.IsLeader()) << "its own copy counts no more, so one of two is no majority";
  solo.Acknowledge(3, 3);
  EXPECT_FALSE(solo.raft.IsLeader());
  EXPECT_EQ(solo.raft.commit(), 3u);
  EXPECT_EQ(solo.SentTo<TimeoutNow>(2).size() + solo.SentTo<TimeoutNow>(3).size(), 1u);
}

TEST(RaftRules, ReplicaThatAnUncommittedConfigurationLeavesOutStillCampaigns) {
  Restored restored = Founder(2, {1, 1}, {1, {}});
  restored.snapshot.membership.membership = Voters({2, 3}, {1, 2});
  restored.memberships = {{2, Voters({2, 3})}};
  Solo solo(std::move(restored));
  EXPECT_NE(solo.raft.NextDue(), kNever);
  solo.raft.Campaign();
  EXPECT_EQ(solo.raft.status().role, Role::kPreCandidate);
  solo.Settle();
  solo.Step(2, 2, VoteReply{.pre_vote = true, .granted = true});
  EXPECT_EQ(solo.raft.status().role, Role::kPreCandidate) << "its own vote does not count";
}

TEST(RaftRules, LearnerNeitherCountsNorVotesInAnElection) {
  Restored restored = Founder(2);
  restored.snapshot.membership.membership.learners = {NodeId(3)};
  Solo solo(std::move(restored));
  solo.Lead(2);
  solo.Acknowledge(3, 1);
  EXPECT_EQ(solo.raft.commit(), 0u);
  solo.Acknowledge(2, 1);
  EXPECT_EQ(solo.raft.commit(), 1u);
}

TEST(RaftRules, ChangeOfLearnersNeedsNoJointConfiguration) {
  Solo solo(Founder(1));
  solo.Lead(1);
  ASSERT_TRUE(solo.raft.ProposeMembership({{NodeId(1)}, {NodeId(2)}}).ok());
  EXPECT_FALSE(solo.raft.status().membership.membership.IsJoint());
  solo.Settle();
  EXPECT_TRUE(solo.raft.status().membership_committed);
  EXPECT_EQ(solo.raft.ProposeMembership({{NodeId(1)}, {NodeId(2)}}).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(solo.raft.ProposeMembership({{}, {NodeId(2)}}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(solo.raft.ProposeMembership({{NodeId(1)}, {NodeId(1)}}).error().code,
            ErrorCode::kInvalidArgument);
}

// ---- a replica that lost what it had acknowledged ----

TEST(RaftRules, DamagedReplicaGrantsNothingAndNeverCampaigns) {
  Restored restored = Founder(3, {1, 1}, {1, {}});
  restored.refill = true;
  Solo solo(std::move(restored));
  EXPECT_EQ(solo.raft.NextDue(), kNever);
  solo.raft.Campaign();
  EXPECT_EQ(solo.raft.status().role, Role::kFollower);
  solo.Step(2, 5, VoteRequest{.pre_vote = true, .last = {9, 4}});
  solo.Step(2, 5, VoteRequest{.last = {9, 4}});
  solo.Settle();
  for (const VoteReply& reply : solo.SentTo<VoteReply>(2)) EXPECT_FALSE(reply.granted);
}

TEST(RaftRules, LeaderForgetsWhatADamagedFollowerHadMatchedAndKeepsItsCommit) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_EQ(solo.raft.commit(), 1u);
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Step(2, 1, AppendReply{.rejected = 1, .hint = {0, 0}, .refill = true});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().peers[0].match, 0u);
  EXPECT_EQ(solo.raft.commit(), 1u);
  EXPECT_EQ(solo.orders.back().prev, (Position{0, 0})) << "sent from what is left";
}

TEST(RaftRules, RefillEndsOnlyWithASyncedEntryOfTheLeadersTermThatItCommitted) {
  Restored restored = Founder(3, {1, 1}, {1, {}});
  restored.refill = true;
  Solo solo(std::move(restored));
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {MakeEntry(3, 1)}, .commit = 3});
  solo.Settle();
  EXPECT_TRUE(solo.LastTo<AppendReply>(2)->refill) << "first the leader must know";
  EXPECT_EQ(solo.raft.status().last.index, 2u);
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {MakeEntry(3, 1)}, .commit = 3});
  solo.Settle();
  EXPECT_TRUE(solo.raft.status().refilling) << "this commit may lie before what was lost";
  solo.Step(2, 2, AppendRequest{.prev = {3, 1}, .entries = {MakeEntry(4, 2)}, .commit = 4});
  solo.Take();
  EXPECT_TRUE(solo.raft.status().refilling) << "not synced yet";
  solo.Sync();
  EXPECT_FALSE(solo.raft.status().refilling);
}

TEST(RaftRules, RefilledReplicaVotesOnlyBeyondTheTermsThatItMayHaveForgotten) {
  Restored restored = Founder(3, {1}, {1, {}});
  restored.refill = true;
  Solo solo(std::move(restored));
  solo.Step(2, 2, Heartbeat{});
  solo.Step(2, 2, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 2)}, .commit = 2});
  solo.Settle();
  ASSERT_FALSE(solo.raft.status().refilling);
  solo.Pass(50);
  solo.Step(3, 3, VoteRequest{.last = {2, 2}});
  solo.Settle();
  EXPECT_FALSE(solo.LastTo<VoteReply>(3)->granted);
  solo.Step(3, 4, VoteRequest{.last = {2, 2}});
  solo.Settle();
  EXPECT_TRUE(solo.LastTo<VoteReply>(3)->granted);
}

TEST(RaftRules, RefilledReplicaSkipsThoseTermsInItsOwnElection) {
  Restored restored = Founder(3, {1}, {1, {}});
  restored.refill = true;
  Solo solo(std::move(restored));
  solo.Step(2, 2, Heartbeat{});
  solo.Step(2, 2, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 2)}, .commit = 2});
  solo.Settle();
  solo.raft.Campaign();
  solo.Settle();
  solo.Step(3, 4, VoteReply{.pre_vote = true, .granted = true});
  solo.Settle();
  EXPECT_EQ(solo.raft.term(), 4u);
}

// ---- flow ----

TEST(RaftRules, LeaderPipelinesUpToItsWindowAndNoFurther) {
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

TEST(RaftRules, WindowInBytesHoldsToo) {
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

TEST(RaftRules, OneOrderAtATimeAndADroppedOneIsTriedAgainLater) {
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

TEST(RaftRules, ProposalsBeyondTheUncommittedBoundAreRefused) {
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

TEST(RaftRules, LostAppendIsSentAgainAfterAFewHeartbeats) {
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

TEST(RaftRules, FollowerThatSyncedLessThanItAcknowledgedIsSentTheRestAgain) {
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

TEST(RaftRules, UnreachablePeerIsLeftAloneUntilItIsHeardAgainAndThenServedAtOnce) {
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

TEST(RaftRules, EagerCommitTellsFollowersAtOnce) {
  Options options = SoloOptions(1);
  options.eager_commit = true;
  Solo solo(Founder(3), options);
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  EXPECT_EQ(solo.LastTo<Heartbeat>(2)->commit, 1u);
  EXPECT_TRUE(solo.SentTo<Heartbeat>(3).empty()) << "3 does not hold it";
}

// ---- time ----

TEST(RaftRules, HeartbeatsOfAllGroupsFallOnTheSameTicks) {
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

TEST(RaftRules, FollowersDeadlineMovesWithoutAReadyBeyondTheAnswer) {
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

TEST(RaftRules, NothingHappensBeforeNextDueAndSomethingAtIt) {
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

TEST(RaftRules, SkippedTicksDoWhatIsDueOnce) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.raft.Tick(45);
  solo.Settle();
  EXPECT_EQ(solo.SentTo<Heartbeat>(2).size(), 1u);
  solo.raft.Tick(10'000);  // the process was stopped for long
  EXPECT_FALSE(solo.raft.IsLeader()) << "it heard nobody for longer than an election timeout";
}

// ---- what comes from outside ----

TEST(RaftRules, ForeignAndBrokenMessagesAreCountedAndDropped) {
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

TEST(RaftRules, LeaderDropsAnAnswerBeyondItsOwnLog) {
  Solo solo(Founder(3));
  solo.Lead(3);
  const uint64_t before = solo.raft.dropped_messages();
  solo.Acknowledge(2, 99);
  EXPECT_EQ(solo.raft.commit(), 0u);
  EXPECT_EQ(solo.raft.dropped_messages(), before + 1);
}

using RaftRulesDeathTest = testing::Test;

TEST(RaftRulesDeathTest, TwoLeadersInOneTermEndTheProcess) {
  Solo solo(Founder(3));
  solo.Lead(3);
  EXPECT_DEATH(solo.Step(2, 1, Heartbeat{}), "two leaders in one term");
}

TEST(RaftRulesDeathTest, TruncationOfACommittedEntryEndsTheProcess) {
  Solo solo(Founder(3));
  solo.Step(2, 1, AppendRequest{.entries = {MakeEntry(1, 1), MakeEntry(2, 1)}, .commit = 2});
  EXPECT_DEATH(
      solo.Step(3, 2,
                AppendRequest{.entries = {MakeEntry(1, 2), MakeEntry(2, 2), MakeEntry(3, 2)}}),
      "a committed entry is never removed");
}

}  // namespace
}  // namespace jangada::raft::test
