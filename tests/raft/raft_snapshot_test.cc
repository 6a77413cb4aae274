// One test for each rule of the Raft thesis about snapshots (5.1; numbers in brackets). Taking the
// rule out of the code makes its test fail.
#include <gtest/gtest.h>

#include "tests/raft/solo.h"

namespace jangada::raft::test {
namespace {

InstallSnapshot Checkpoint(Position last) {
  InstallSnapshot snapshot;
  snapshot.meta.last = last;
  snapshot.meta.membership.membership.voters = {NodeId(1), NodeId(2), NodeId(3)};
  return snapshot;
}

TEST(RaftSnapshot, SnapshotReplacesAConflictingLog) {
  Solo solo(Founder(3, {1, 1, 1, 1, 1}, {1, {}}));
  solo.Step(2, 3, Checkpoint({3, 2}));
  solo.Settle();
  ASSERT_EQ(solo.installs.size(), 1u);
  EXPECT_FALSE(solo.installs[0].keep_suffix);
  EXPECT_EQ(solo.raft.status().last, (Position{3, 2}));
  EXPECT_EQ(solo.raft.commit(), 3u);
  EXPECT_EQ(solo.LastTo<AppendReply>(2)->match, 3u);
}

TEST(RaftSnapshot, SnapshotKeepsWhatFollowsAMatchingEntry) {
  Solo solo(Founder(3, {1, 1, 2, 2, 2}, {2, {}}));
  solo.Step(2, 3, Checkpoint({3, 2}));
  solo.Settle();
  ASSERT_EQ(solo.installs.size(), 1u);
  EXPECT_TRUE(solo.installs[0].keep_suffix);
  EXPECT_EQ(solo.raft.status().last, (Position{5, 2}));
  EXPECT_EQ(solo.raft.status().first_index, 4u);
}

TEST(RaftSnapshot, SnapshotIsAcknowledgedOnlyAfterItsSync) {
  Solo solo(Founder(3));
  solo.Step(2, 1, Checkpoint({3, 1}));
  solo.Take();
  EXPECT_TRUE(solo.SentTo<AppendReply>(2).empty());
  solo.Sync();
  EXPECT_EQ(solo.LastTo<AppendReply>(2)->match, 3u);
}

TEST(RaftSnapshot, SnapshotBringsTheConfigurationInForceAtItsEnd) {
  Solo solo(Founder(3));
  Membership grown;
  for (const int id : {1, 2, 3, 4}) grown.voters.push_back(NodeId(id));
  solo.Step(2, 1, InstallSnapshot{.meta = {.last = {10, 1}, .membership = {8, grown}}});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().membership.membership, grown);
  EXPECT_EQ(solo.raft.status().membership.index, 8u);
}

TEST(RaftSnapshot, SnapshotThatNamesNobodyLeavesTheVotersThatWereCommittedInForce) {
  Restored restored = Founder(3, {1, 1, 1}, {1, {}});
  const Membership founders = restored.snapshot.membership.membership;
  Membership joint{.voters = {NodeId(1), NodeId(4)}, .outgoing = founders.voters};
  restored.memberships.push_back({3, joint});
  Solo solo(restored);
  ASSERT_EQ(solo.raft.status().membership.membership, joint);
  solo.Step(2, 2, InstallSnapshot{.meta = {.last = {10, 2}}});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().membership.membership, founders);
  ASSERT_EQ(solo.installs.size(), 1u);
  EXPECT_EQ(solo.installs[0].meta.membership.membership, founders);
}

TEST(RaftSnapshot, SnapshotOfALaterTermThanItsLeadersIsDropped) {
  Solo solo(Founder(3));
  solo.Step(2, 1, InstallSnapshot{.meta = {.last = {10, 2}}});
  solo.Settle();
  EXPECT_TRUE(solo.installs.empty());
  EXPECT_EQ(solo.raft.dropped_messages(), 1u);
}

TEST(RaftSnapshot, OlderSnapshotIsIgnored) {
  Solo solo(Founder(3));
  solo.Step(2, 1, Checkpoint({9, 1}));
  solo.Settle();
  solo.Step(2, 1, Checkpoint({5, 1}));
  solo.Settle();
  EXPECT_EQ(solo.installs.size(), 1u);
  EXPECT_EQ(solo.raft.commit(), 9u);
  EXPECT_EQ(solo.LastTo<AppendReply>(2)->match, 9u);
}

TEST(RaftSnapshot, LeaderSendsTheCheckpointToAFollowerBehindTheTrimmedPrefix) {
  Solo solo(Founder(3, {1, 1, 1, 1}, {1, {}}));
  solo.Lead(3);
  solo.Acknowledge(2, 5);
  solo.raft.OnApplied(5);
  solo.raft.OnTrimmed(solo.raft.SnapshotAt(5), 4);
  solo.Step(3, 2, AppendReply{.rejected = 4, .hint = {1, 1}});
  solo.Take();
  ASSERT_EQ(solo.snapshots.size(), 1u);
  EXPECT_EQ(solo.snapshots[0].to, NodeId(3));
  EXPECT_TRUE(solo.orders.empty());
  solo.Acknowledge(3, 5);
  EXPECT_FALSE(solo.raft.status().peers[1].needs_snapshot);
}

TEST(RaftSnapshot, CheckpointNamesTheConfigurationOfItsLastEntryAndNotALaterOne) {
  Solo solo(Founder(3));
  const Membership founders = solo.raft.status().membership.membership;
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_TRUE(solo.raft.ProposeMembership({founders.voters, {NodeId(4)}}).ok());
  solo.Settle();
  solo.Acknowledge(2, 2);
  ASSERT_EQ(solo.raft.commit(), 2u);
  EXPECT_EQ(solo.raft.SnapshotAt(1).membership.membership, founders);
  EXPECT_EQ(solo.raft.SnapshotAt(2).membership, solo.raft.status().membership);
}

TEST(RaftSnapshot, LostCheckpointIsOrderedAgain) {
  Solo solo(Founder(3, {1, 1, 1, 1}, {1, {}}));
  solo.Lead(3);
  solo.Acknowledge(2, 5);
  solo.raft.OnApplied(5);
  solo.raft.OnTrimmed(solo.raft.SnapshotAt(5), 4);
  solo.Step(3, 2, AppendReply{.rejected = 4, .hint = {1, 1}});
  solo.Take();
  ASSERT_EQ(solo.snapshots.size(), 1u);
  solo.raft.OnSnapshotSent(NodeId(3), 5);
  Ticks passed = 0;
  for (; solo.snapshots.size() == 1 && passed < 1000; passed += 10) {
    solo.Step(2, 2, HeartbeatReply{.last = 5});
    solo.Step(3, 2, HeartbeatReply{.last = 1});
    solo.Pass(10);
  }
  ASSERT_TRUE(solo.raft.IsLeader());
  EXPECT_EQ(solo.snapshots.size(), 2u);
  EXPECT_GE(passed, 4 * SoloOptions(1).election_ticks) << "it may still be on its way";
}

// What an install leaves on the disk: entries 1 and 2 are written, 3 to 5 are not, and the snapshot
// ends at 4. The disk could keep no more than 5, which does not follow 2.
TEST(RaftSnapshot, SnapshotOverEntriesThatWereNotYetWrittenKeepsNoSuffixOnTheDisk) {
  Solo solo(Founder(3, {1, 1}, {1, {}}));
  solo.Step(2, 1,
            AppendRequest{.prev = {2, 1},
                          .entries = {MakeEntry(3, 1), MakeEntry(4, 1), MakeEntry(5, 1)}});
  solo.Step(2, 1, Checkpoint({4, 1}));
  solo.Settle();
  ASSERT_EQ(solo.installs.size(), 1u);
  EXPECT_FALSE(solo.installs[0].keep_suffix);
  EXPECT_EQ(solo.raft.status().last, (Position{5, 1}));
}

}  // namespace
}  // namespace jangada::raft::test
