// The life of a group in the large: it elects, replicates, commits, changes and recovers.
#include "raft/raft.h"

#include <gtest/gtest.h>

#include "tests/raft/cluster.h"

namespace jangada::raft::test {
namespace {

TEST(Raft, GroupOfOneElectsAndCommitsAloneAtOnce) {
  Cluster cluster;
  cluster.Found({1});
  EXPECT_EQ(cluster.raft(1).NextDue(), 0u);
  cluster.TickAll(0);
  cluster.Stabilize();
  EXPECT_TRUE(cluster.raft(1).IsLeader());
  ASSERT_TRUE(cluster.Propose(1, "a").ok());
  cluster.Stabilize();
  EXPECT_EQ(cluster.raft(1).commit(), 2u);
  EXPECT_EQ(cluster.raft(1).NextDue(), kNever) << "a lone leader without work costs nothing";
}

TEST(Raft, ThreeElectReplicateAndCommit) {
  Cluster cluster;
  cluster.Found({1, 2, 3});
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, 400));
  const int leader = cluster.Leader();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(cluster.Propose(leader, "p" + std::to_string(i)).ok());
    if (i % 7 == 0) cluster.Stabilize();
  }
  ASSERT_TRUE(cluster.RunUntil(
      [&] {
        return cluster.node(1).applied == 101 && cluster.node(2).applied == 101 &&
               cluster.node(3).applied == 101;
      },
      100));
}

TEST(Raft, RefusedConnectionToTheLeaderStartsAnElectionWithinTicks) {
  Cluster cluster;
  cluster.Found({1, 2, 3});
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, 400));
  const int old = cluster.Leader();
  cluster.TickAll(50);
  cluster.Stabilize();
  cluster.Crash(old);
  const Ticks crashed = cluster.now();
  for (int id = 1; id <= 3; ++id) {
    if (id != old) cluster.raft(id).OnUnreachable(NodeId(old));
  }
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, 100));
  EXPECT_LE(cluster.now() - crashed, 25u);
}

TEST(Raft, MembershipMovesToOtherNodesUnderLoad) {
  Cluster cluster;
  cluster.Found({1, 2, 3});
  for (int id = 4; id <= 6; ++id) cluster.AddEmpty(id);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, 400));
  const int first = cluster.Leader();
  ASSERT_TRUE(cluster.Propose(first, "before").ok());
  cluster.Stabilize();
  ASSERT_TRUE(cluster.Change(first, {4, 5, 6}, {}).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() > 3; }, 1000));
  const int second = cluster.Leader();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Propose(second, "after").ok(); }, 100));
  ASSERT_TRUE(cluster.RunUntil(
      [&] {
        for (int id = 1; id <= 3; ++id) {
          const RaftStatus status = cluster.raft(id).status();
          if (status.membership.membership.Contains(NodeId(id))) return false;
          if (!status.membership_committed) return false;
        }
        return cluster.node(4).applied == cluster.node(5).applied &&
               cluster.node(5).applied == cluster.node(6).applied;
      },
      2000))
      << "the removed replicas learn that they were removed";
}

TEST(Raft, FollowerBehindTheTrimmedPrefixGetsTheCheckpoint) {
  Cluster cluster;
  cluster.Found({1, 2, 3});
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, 400));
  const int leader = cluster.Leader();
  const int slow = leader == 3 ? 1 : 3;
  cluster.Crash(slow);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.Propose(leader, "x").ok());
  cluster.Stabilize();
  cluster.Trim(leader, 15);
  cluster.Restart(slow);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.node(slow).applied == 21; }, 1000));
  EXPECT_EQ(cluster.raft(slow).status().first_index, 22u);
}

}  // namespace
}  // namespace jangada::raft::test
