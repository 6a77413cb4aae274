// The rules of who belongs to a group (thesis 4), and of a replica that lost what it had
// acknowledged. Taking a rule out of the code makes its test fail.
#include <gtest/gtest.h>

#include "tests/raft/solo.h"

namespace jangada::raft::test {
namespace {

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

TEST(RaftMembership, ConfigurationTakesEffectWhenAppendedAndGoesWithItsEntry) {
  Solo solo(Founder(3));
  const Membership next = Voters({1, 2, 3, 4}, {1, 2, 3});
  solo.Step(2, 1,
            AppendRequest{.entries = {MakeEntry(1, 1), MembershipEntry(2, 1, next)}, .commit = 1});
  EXPECT_EQ(solo.raft.status().membership.membership, next);
  EXPECT_FALSE(solo.raft.status().membership_committed);
  solo.Step(3, 2, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 2)}});
  EXPECT_EQ(solo.raft.status().membership.membership, Voters({1, 2, 3}));
}

TEST(RaftMembership, NoChangeBeforeTheNoopIsCommittedAndOneAtATime) {
  Solo solo(Founder(3));
  solo.Lead(3);
  const MembershipTarget target{{NodeId(1), NodeId(2)}, {}};
  EXPECT_EQ(solo.raft.ProposeMembership(target).error().code, ErrorCode::kFailedPrecondition);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.ProposeMembership(target).ok());
  EXPECT_EQ(solo.raft.ProposeMembership({{NodeId(1)}, {}}).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST(RaftMembership, ChangeOfLearnersIsAwaitedTooBeforeTheNext) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  const std::vector<NodeId> voters{NodeId(1), NodeId(2), NodeId(3)};
  ASSERT_TRUE(solo.raft.ProposeMembership({voters, {NodeId(4)}}).ok());
  ASSERT_FALSE(solo.raft.status().membership.membership.IsJoint());
  EXPECT_EQ(solo.raft.ProposeMembership({voters, {NodeId(4), NodeId(5)}}).error().code,
            ErrorCode::kFailedPrecondition);
  solo.Settle();
  solo.Acknowledge(2, 2);
  EXPECT_TRUE(solo.raft.ProposeMembership({voters, {NodeId(4), NodeId(5)}}).ok());
}

TEST(RaftMembership, LeaveJointIsAppendedOnlyOnceEnterJointIsCommittedByBothHalves) {
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

TEST(RaftMembership, JointConfigurationCommitsNothingByItsNewHalfAlone) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.ProposeMembership({{NodeId(1), NodeId(4), NodeId(5)}, {}}).ok());
  solo.Settle();
  solo.Acknowledge(4, 2);
  solo.Acknowledge(5, 2);
  EXPECT_EQ(solo.raft.commit(), 1u);
  solo.Acknowledge(2, 2);
  EXPECT_EQ(solo.raft.commit(), 2u);
}

TEST(RaftMembership, CommitOfAnEntryBeforeEnterJointDoesNotLeaveIt) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  ASSERT_TRUE(solo.raft.ProposeMembership({{NodeId(1), NodeId(2), NodeId(4)}, {}}).ok());
  solo.Settle();
  solo.Acknowledge(2, 2);
  ASSERT_EQ(solo.raft.commit(), 2u);
  EXPECT_TRUE(solo.raft.status().membership.membership.IsJoint());
  EXPECT_EQ(solo.raft.status().last.index, 3u);
}

TEST(RaftMembership, CandidateInAJointConfigurationNeedsBothMajorities) {
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

TEST(RaftMembership, UncommittedConfigurationSurvivesARestart) {
  Restored restored = Founder(3, {1, 1}, {1, {}});
  restored.memberships = {{2, Voters({1, 2}, {1, 2, 3})}};
  Solo solo(std::move(restored));
  EXPECT_EQ(solo.raft.status().membership.membership, Voters({1, 2}, {1, 2, 3}));
  EXPECT_FALSE(solo.raft.status().membership_committed);
}

TEST(RaftMembership, RemovedLeaderStepsDownOnlyWhenItsRemovalIsCommitted) {
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

TEST(RaftMembership, ReplicaThatAnUncommittedConfigurationLeavesOutStillCampaigns) {
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

TEST(RaftMembership, LearnerNeitherCountsNorVotesInAnElection) {
  Restored restored = Founder(2);
  restored.snapshot.membership.membership.learners = {NodeId(3)};
  Solo solo(std::move(restored));
  solo.Lead(2);
  solo.Acknowledge(3, 1);
  EXPECT_EQ(solo.raft.commit(), 0u);
  solo.Acknowledge(2, 1);
  EXPECT_EQ(solo.raft.commit(), 1u);
}

TEST(RaftMembership, ChangeOfLearnersNeedsNoJointConfiguration) {
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

}  // namespace
}  // namespace jangada::raft::test
