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

}  // namespace
}  // namespace jangada::raft::test
