// One test for each rule that the paper leaves to the thesis or that others learned from a bug that
// shipped: pre-vote, stickiness, check-quorum, hung disks, reads, transfer. Taking the rule out
// makes its test fail.
//
// Bugs that shipped elsewhere, and the tests and scenarios that would have found them here:
// - old-term entry counted as committed (LogCabin#44): RaftPaper.EntriesOfEarlierTerms..., figure_8
// - leader taken for a ready one (Redpanda#5025): RaftRules.ReadWaitsForTheNoop...
// - term and vote apart (hashicorp/raft#661): RaftPaper.VoteLeavesOnlyAfterTermAndVote...
// - vote cleared within a term (CCF#8094): RaftPaper.SteppingDownWithinATermKeepsTheVote
// - freshness from an empty log (NuRaft#668): RaftPaper.VoteFreshnessFallsBackToTheSnapshot...
// - follower's commit beyond its match (ScyllaDB#9965): RaftPaper.FollowerCommitsNoFurther...
// - snapshot and suffix (hashicorp/raft#704, camunda#6092): RaftPaper.Snapshot*, OlderSnapshot...
// - sync credited to rewritten entries (Redpanda#16105): SyncOfAnOlderWrite..., persist_after_...
// - membership (etcd#12133, #7280, #12136, #10563): RaftMembership.*, joint_*, removed_*
// - heartbeats over a hung disk (hashicorp/raft#503): LeaderWithAHungDisk..., disk_stall
// - no pre-vote, no check-quorum (KAFKA-15489): PreVote..., OneWayPartition..., PartialRing...
// - stale reads, reused read ids (tikv#964, etcd#21399): RaftRules.Read*, read_index
// - corruption taken for a torn tail (FAST'17): RaftRefill.*, refill_after_damage
// - acknowledged before synced (NATS): RaftPaper.AppendIsAcknowledgedOnlyAfterItsSync
#include <gtest/gtest.h>

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

TEST(RaftRules, PreVoteIsRefusedForATermThatIsNotNew) {
  for (const Term term : {4, 5, 6}) {
    Solo solo(Founder(3, {}, {5, {}}));
    solo.Step(2, term, VoteRequest{.pre_vote = true, .last = {9, 5}});
    solo.Settle();
    EXPECT_EQ(solo.LastTo<VoteReply>(2)->granted, term == 6) << term;
  }
}

TEST(RaftRules, GrantOfAnEarlierPreVoteDoesNotCount) {
  Solo solo(Founder(3, {}, {5, {}}));
  solo.raft.Campaign();
  solo.Settle();
  solo.Step(2, 5, VoteReply{.pre_vote = true, .granted = true});  // asked in term 4
  EXPECT_EQ(solo.raft.status().role, Role::kPreCandidate);
  solo.Step(2, 6, VoteReply{.pre_vote = true, .granted = true});
  EXPECT_EQ(solo.raft.status().role, Role::kCandidate);
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

TEST(RaftRules, LeaderThatWasItselfStoppedGivesItsFollowersTimeToAnswer) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.now = 10'000;
  solo.raft.Tick(solo.now);
  EXPECT_TRUE(solo.raft.IsLeader()) << "their answers may wait right behind this call";
  solo.Pass(60);
  EXPECT_FALSE(solo.raft.IsLeader()) << "there were none";
}

// ---- signs of life in place of heartbeats (raft.h) ----

TEST(RaftRules, SignOfTheLeaderIsAHeartbeatToItsFollower) {
  Solo solo(Founder(3));
  solo.Step(2, 1, Heartbeat{});
  for (int i = 0; i < 30; ++i) {
    solo.raft.HeardLeader(solo.now + 10);  // a little ahead of the last Tick
    solo.Pass(10);
  }
  EXPECT_EQ(solo.raft.leader(), NodeId(2));
  EXPECT_TRUE(solo.raft.WaitsForSignsOnly());
  solo.Step(3, 9, VoteRequest{.last = {9, 9}});
  EXPECT_EQ(solo.raft.term(), 1u) << "it hears its leader, so it refuses votes";
  solo.Pass(101);
  EXPECT_FALSE(solo.raft.leader().has_value()) << "the signs ended";
}

TEST(RaftRules, SignOfALeaderIsNothingToAReplicaThatFollowsNobody) {
  Solo solo(Founder(3));
  const Ticks due = solo.raft.NextDue();
  solo.raft.HeardLeader(5'000);
  EXPECT_EQ(solo.raft.NextDue(), due);
  EXPECT_FALSE(solo.raft.WaitsForSignsOnly());
  solo.Lead(3);
  solo.raft.HeardLeader(5'000);
  EXPECT_TRUE(solo.raft.IsLeader());
}

/// A leader of three whose followers hold all that there is.
void LeadInPeace(Solo* solo) {
  solo->Lead(3);
  solo->Acknowledge(2, 1);
  solo->Acknowledge(3, 1);
  solo->Pass(10);
  solo->Forget();
}

TEST(RaftRules, FollowersThatVouchGetNoHeartbeatsAndKeepTheirLeader) {
  Solo solo(Founder(3));
  LeadInPeace(&solo);
  for (int i = 0; i < 30; ++i) {
    for (int peer : {2, 3}) solo.raft.HeardFollower(NodeId(peer), solo.now);
    solo.Pass(10);
  }
  EXPECT_TRUE(solo.raft.IsLeader());
  EXPECT_TRUE(solo.raft.WaitsForSignsOnly());
  EXPECT_TRUE(solo.sent.empty());
  EXPECT_TRUE(solo.raft.status().peers.front().recently_active);
  solo.Pass(20);
  EXPECT_FALSE(solo.SentTo<Heartbeat>(2).empty()) << "two intervals without a sign";
  EXPECT_FALSE(solo.raft.WaitsForSignsOnly());
  solo.Pass(40);
  EXPECT_FALSE(solo.raft.IsLeader()) << "check-quorum goes by the last sign";
}

TEST(RaftRules, FollowerThatVouchesIsSentWhatItLacksAllTheSame) {
  Solo solo(Founder(3));
  LeadInPeace(&solo);
  const auto vouch = [&solo] {
    for (int peer : {2, 3}) solo.raft.HeardFollower(NodeId(peer), solo.now);
  };
  vouch();
  ASSERT_TRUE(solo.raft.Propose({.type = EntryType::kCommand}).ok());
  solo.Settle();
  EXPECT_FALSE(solo.raft.WaitsForSignsOnly());
  solo.Acknowledge(2, 2);
  vouch();
  solo.Pass(10);
  EXPECT_TRUE(solo.SentTo<Heartbeat>(2).empty());
  EXPECT_FALSE(solo.SentTo<Heartbeat>(3).empty()) << "its answer tells of a lost append";
  solo.Forget();
  vouch();
  ASSERT_TRUE(solo.raft.ReadIndex().ok());
  solo.Settle();
  EXPECT_EQ(solo.SentTo<Heartbeat>(2).size(), 1u) << "a read asks for a round of its own";
  solo.Pass(10);
  EXPECT_EQ(solo.SentTo<Heartbeat>(2).size(), 2u) << "and for another while it waits";
}

TEST(RaftRules, FollowerThatWasReportedLostIsAskedWhateverItVouches) {
  Solo solo(Founder(3));
  LeadInPeace(&solo);
  solo.raft.OnUnreachable(NodeId(3));
  for (int peer : {2, 3}) solo.raft.HeardFollower(NodeId(peer), solo.now);
  EXPECT_FALSE(solo.raft.WaitsForSignsOnly());
  solo.Pass(10);
  EXPECT_FALSE(solo.SentTo<Heartbeat>(3).empty());
}

TEST(RaftRules, LeaderThatSleptOnSignsIsNotTakenForOneThatHearsForever) {
  Solo solo(Founder(3));
  LeadInPeace(&solo);
  for (int peer : {2, 3}) solo.raft.HeardFollower(NodeId(peer), 9'990);
  solo.now = 10'000;
  solo.raft.Tick(solo.now);  // the first for a long time: its silence is forgiven, up to now
  EXPECT_TRUE(solo.raft.IsLeader());
  solo.Pass(60);
  EXPECT_FALSE(solo.raft.IsLeader());
}

TEST(RaftRules, FollowerThatNoticedTheLeadersEndFirstAsksAgainSoon) {
  Solo solo(Founder(3));
  solo.Step(2, 1, Heartbeat{});
  solo.raft.OnUnreachable(NodeId(2));
  solo.Pass(4);
  ASSERT_EQ(solo.raft.status().role, Role::kPreCandidate);
  solo.Step(3, 1, VoteReply{.pre_vote = true});
  ASSERT_EQ(solo.raft.status().role, Role::kFollower);
  EXPECT_LE(solo.raft.NextDue(), solo.now + 10);
  solo.Step(2, 1, Heartbeat{});  // it was not the end
  EXPECT_GE(solo.raft.NextDue(), solo.now + 50);
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

TEST(RaftRules, ReadIsServedAtTheCommitIndexOfItsArrival) {
  Solo solo(Founder(3));
  solo.Lead(3);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Settle();
  solo.Acknowledge(2, 2);
  const uint64_t id = *solo.raft.ReadIndex();
  solo.Take();
  solo.Acknowledge(2, 3);
  solo.Step(2, 1, HeartbeatReply{.read_id = id});
  solo.Take();
  ASSERT_EQ(solo.reads.size(), 1u);
  EXPECT_EQ(solo.reads[0].index, 2u);
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

TEST(RaftRules, TransferHoldsUpAMembershipChange) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.TransferLeadership(NodeId(3)).ok());
  EXPECT_EQ(solo.raft.ProposeMembership({{NodeId(1), NodeId(2)}, {}}).error().code,
            ErrorCode::kUnavailable);
}

TEST(RaftRules, LeadershipIsHandedToAVoterOnly) {
  Restored restored = Founder(3);
  restored.snapshot.membership.membership.learners = {NodeId(4)};
  Solo solo(std::move(restored));
  solo.Lead(3);
  for (const int node : {4, 5}) {
    EXPECT_EQ(solo.raft.TransferLeadership(NodeId(node)).error().code, ErrorCode::kInvalidArgument);
  }
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

}  // namespace
}  // namespace jangada::raft::test
