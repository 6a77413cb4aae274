// What a replica does when its log is damaged, or when it may have forgotten its votes: it is
// refilled by its peers, and votes again when it is whole.
#include <gtest/gtest.h>

#include "server/partition/folded_state.h"
#include "server/partition/partition_state.h"
#include "server/partition/replica.h"
#include "tests/server/partition/big_records.h"
#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {
namespace {

TEST(ReplicaTest, DamageFoundByAReadOnAFollowerIsRefilledWithoutAPerson) {
  TestCluster cluster({.cache_bytes = 30'000});
  ProduceBigs(&cluster, 0, 20);
  AwaitConvergence(&cluster);
  const int old_leader = cluster.Leader();
  const int damaged = OtherThan(old_leader);
  cluster.store(damaged).Rot(TestCluster::kGroup, 8);
  // It learns of the damage when it leads and reads for a client or a follower.
  (void)cluster.partition(old_leader).TransferLeadership(NodeId(damaged));
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() == damaged; }));
  const auto read = cluster.Read(damaged, 6);
  ASSERT_FALSE(read.ok() && cluster.Read(damaged, 7).ok());  // never a damaged record
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }));
  EXPECT_NE(cluster.Leader(), damaged);
  EXPECT_EQ(cluster.ReadAll(cluster.Leader()).value(), Bigs(0, 20));
  ProduceBigs(&cluster, 20, 25);
  AwaitConvergence(&cluster);
  cluster.RunFor(kSecond);
  EXPECT_FALSE(cluster.partition(damaged).replica().status().refilling);
  EXPECT_FALSE(cluster.store(damaged).Load()->at(0).damaged);
  EXPECT_EQ(ReadAllFrom(&cluster, damaged, 0), Bigs(0, 25));  // and it votes and leads again
}

TEST(ReplicaTest, DamageFoundAtStartIsRefilledAndTheReplicaVotesAgain) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 20);
  AwaitConvergence(&cluster);
  const int damaged = OtherThan(cluster.Leader());
  cluster.Crash(damaged);
  cluster.store(damaged).Rot(TestCluster::kGroup, 8);
  cluster.Start(damaged, {1, 2, 3});
  EXPECT_TRUE(cluster.partition(damaged).replica().status().refilling);
  ProduceBigs(&cluster, 20, 22);
  AwaitConvergence(&cluster);
  cluster.RunFor(kSecond);
  EXPECT_FALSE(cluster.partition(damaged).replica().status().refilling);
  EXPECT_EQ(ReadAllFrom(&cluster, damaged, 0), Bigs(0, 22));
}

TEST(ReplicaTest, NoCheckpointIsWrittenDuringARefill) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 20);
  AwaitConvergence(&cluster);
  const int damaged = OtherThan(cluster.Leader());
  cluster.Crash(damaged);
  cluster.store(damaged).Rot(TestCluster::kGroup, 8);
  cluster.Isolate(damaged);
  cluster.Start(damaged, {1, 2, 3});
  std::optional<Status> answer;
  cluster.partition(damaged).replica().TakeCheckpoint([&](const Status& s) { answer = s; });
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code, ErrorCode::kUnavailable);
}

TEST(ReplicaTest, DamageBelowACheckpointOfAnUntrimmedLogLeavesAVoter) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 20);
  AwaitConvergence(&cluster);
  const int damaged = OtherThan(cluster.Leader());
  cluster.Stop(damaged);  // with a checkpoint, which goes with the damage below it
  cluster.store(damaged).Rot(TestCluster::kGroup, 8);
  cluster.Start(damaged, {1, 2, 3});
  AwaitConvergence(&cluster);
  cluster.RunFor(kSecond);
  EXPECT_EQ(ReadAllFrom(&cluster, damaged, 0), Bigs(0, 20));
  cluster.Crash(damaged);
  cluster.Start(damaged);  // whole again: it knows the voters by itself
  AwaitConvergence(&cluster);
  EXPECT_EQ(ReadAllFrom(&cluster, damaged, 0), Bigs(0, 20));
}

TEST(ReplicaTest, DamageFoundWhileItRunsLeavesAVoterThatSurvivesARestart) {
  TestCluster cluster({.cache_bytes = 30'000, .checkpoint_every_bytes = 50'000});
  ProduceBigs(&cluster, 0, 20);
  AwaitConvergence(&cluster);
  const int damaged = cluster.Leader();
  cluster.store(damaged).Rot(TestCluster::kGroup, 8);  // far below its checkpoint
  EXPECT_EQ(cluster.Read(damaged, 6).error().code, ErrorCode::kNotLeader);
  EXPECT_NE(cluster.AwaitLeader(damaged), damaged);
  AwaitConvergence(&cluster);
  cluster.RunFor(kSecond);
  cluster.Crash(damaged);
  cluster.Start(damaged);
  AwaitConvergence(&cluster);
  EXPECT_EQ(ReadAllFrom(&cluster, damaged, 0), Bigs(0, 20));
}

TEST(ReplicaTest, DamageBelowTheCheckpointIsRefilledFromTheVeryStart) {
  TestCluster cluster({.checkpoint_every_bytes = 50'000});
  ProduceBigs(&cluster, 0, 40);
  cluster.DeleteRecords(cluster.Leader(), 20).value();
  cluster.RunFor(5 * kSecond);
  ProduceBigs(&cluster, 40, 50);
  AwaitConvergence(&cluster);
  const int damaged = OtherThan(cluster.Leader());
  const raft::Index first = cluster.partition(damaged).replica().status().first_index;
  ASSERT_GT(first, 1u);
  cluster.Crash(damaged);
  cluster.store(damaged).Rot(TestCluster::kGroup, first + 3);
  cluster.Start(damaged);
  AwaitConvergence(&cluster);
  cluster.RunFor(kSecond);
  EXPECT_EQ(ReadAllFrom(&cluster, damaged, 20), Bigs(20, 50));
}

TEST(ReplicaTest, DamagedReplicaHelpsElectNobodyUntilItIsRefilled) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 10);
  AwaitConvergence(&cluster);
  const int leader = cluster.Leader();
  const int damaged = OtherThan(leader);
  const int third = 6 - leader - damaged;
  cluster.Crash(damaged);
  cluster.store(damaged).Rot(TestCluster::kGroup, 4);
  cluster.Crash(leader);
  cluster.Start(damaged, {1, 2, 3});
  cluster.RunFor(20 * kSecond);
  EXPECT_EQ(cluster.Leader(), 0);  // one healthy voter of three is no majority
  cluster.Start(leader);
  EXPECT_NE(cluster.AwaitLeader(), damaged);
  EXPECT_EQ(cluster.ReadAll(cluster.Leader()).value(), Bigs(0, 10));
  AwaitConvergence(&cluster);
  cluster.RunFor(kSecond);
  // Refilled, it is the second voter that the third needs.
  cluster.Crash(leader);
  cluster.AwaitLeader();
  EXPECT_TRUE(cluster.IsUp(third));
}

TEST(ReplicaTest, ReplicaThatLostItsVotesMakesTheGroupWaitForBothOthersAndNeverVotesTwice) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 10);
  AwaitConvergence(&cluster);
  const int leader = cluster.Leader();
  const int lost = OtherThan(leader);
  const int third = 6 - leader - lost;
  cluster.Crash(lost);
  cluster.store(lost).LoseEverything();
  cluster.Crash(third);
  cluster.Start(lost, {1, 2, 3});
  const auto append = cluster.Append(leader, BatchOf({"waits"}));
  cluster.RunFor(10 * kSecond);
  EXPECT_FALSE(append->has_value()) << "the third may follow a leader that the lost vote elected";
  EXPECT_TRUE(cluster.partition(lost).replica().status().refilling);
  cluster.Start(third);
  ASSERT_TRUE(cluster.RunUntil([&] { return append->has_value(); }));
  AwaitConvergence(&cluster);
  cluster.RunFor(kSecond);
  EXPECT_FALSE(cluster.partition(lost).replica().status().refilling);
  const storage::GroupState state = cluster.store(lost).Load()->at(0);
  EXPECT_FALSE(state.damaged);
  EXPECT_EQ(state.hard_state.vote, NodeId(cluster.Leader()));
  EXPECT_EQ(ReadAllFrom(&cluster, lost, 0).size(), (*append)->ok() ? 11u : 10u);
}

/// A checkpoint of the leader's came to a log that holds the place where it begins, so what is
/// behind stayed, and goes another way; then the power went.
TEST(ReplicaTest, SuffixThatStayedBehindACheckpointIsNotTakenForCommittedByARestart) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 5);
  AwaitConvergence(&cluster);
  const int node = OtherThan(cluster.Leader());
  cluster.Crash(node);
  cluster.Isolate(node);
  const storage::GroupState held = cluster.store(node).Load()->at(0);
  ASSERT_GE(held.last.index, 5u);
  server::FoldedState folded;
  folded.base.meta.last = {2, held.terms.front().term};
  folded.base.meta.membership.membership.voters = {NodeId(1), NodeId(2), NodeId(3)};
  folded.base.next_offset = 1;
  folded.applied = {5, held.terms.back().term + 1};
  folded.next_offset = 4;
  folded.machine = server::PartitionState(100).Encode();
  storage::GroupWrite write{TestCluster::kGroup};
  write.install = storage::GroupWrite::Install{
      {folded.base.meta, folded.base.next_offset, 0, server::EncodeFoldedState(folded)}, true};
  std::optional<Status> written;
  cluster.store(node).Persist(std::move(write), cluster.executor(node),
                              [&](const Status& status) { written = status; });
  ASSERT_TRUE(cluster.RunUntil([&] { return written.has_value(); }));
  ASSERT_TRUE(written->ok());
  cluster.Start(node);
  EXPECT_EQ(cluster.partition(node).replica().status().last, held.last);
  EXPECT_EQ(cluster.partition(node).replica().status().commit, 2u) << "the rest may be replaced";
}

TEST(ReplicaTest, ReplicaThatWasMovedAwayAndBackElectsNobodyWithTheOldConfiguration) {
  TestCluster cluster({.nodes = 5, .founders = 3});
  if (cluster.AwaitLeader() != 3) {
    ASSERT_TRUE(cluster.partition(cluster.Leader()).TransferLeadership(NodeId(3)).ok());
    ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() == 3; }));
  }
  for (const int joiner : {4, 5}) cluster.Start(joiner);
  cluster.Isolate(2);  // it goes on to know of {1, 2, 3} only
  ASSERT_TRUE(cluster.ChangeMembership({1, 2, 3}, {4, 5}).ok());
  for (const int joiner : {4, 5}) AwaitWhole(&cluster, joiner);
  ASSERT_TRUE(cluster.ChangeMembership({3, 4, 5}).ok());
  bool erased = false;
  cluster.partition(1).Remove([&](const Status& status) { erased = status.ok(); });
  ASSERT_TRUE(cluster.RunUntil([&] { return erased; }));
  cluster.Crash(1);
  cluster.Start(1);

  // Now 1 is moved back, and hears of its group from 2 first.
  cluster.Heal();
  for (const int other : {3, 4, 5}) {
    cluster.Cut(1, other);
    cluster.Cut(2, other);
  }
  ASSERT_TRUE(cluster.ChangeMembership({3, 4, 5}, {1}).ok());
  cluster.RunFor(20 * kSecond);
  EXPECT_NE(cluster.partition(2).replica().status().role, raft::Role::kLeader);

  cluster.Heal();
  AwaitWhole(&cluster, 1);
  EXPECT_TRUE(cluster.ChangeMembership({1, 3, 4}).ok()) << "whole again, it is one like any other";
}

}  // namespace
}  // namespace jangada::testing
