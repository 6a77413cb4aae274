// What a replica does with its log: checkpoints, trims, followers that fell behind, membership.
#include "server/partition/replica.h"

#include <gtest/gtest.h>

#include "server/partition/folded_state.h"
#include "server/partition/lag_watch.h"
#include "tests/server/partition/big_records.h"
#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {
namespace {

// ---- who may serve ----

TEST(ReplicaTest, LeaderServesOnlyWhenItsNoOpIsAppliedAndNotJustCommitted) {
  TestCluster cluster({.nodes = 1});
  constexpr int kRecords = 60;  // of 200 KB: more than one slice of applying
  const std::string value(200'000, '.');
  for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(cluster.Produce(BatchOf({value})).ok());
  const raft::Index no_op = cluster.partition(1).replica().status().last.index + 1;
  cluster.Crash(1);
  cluster.Start(1);
  const server::Replica& replica = cluster.partition(1).replica();
  bool had_applied_a_part = false;
  ASSERT_TRUE(cluster.RunUntil([&] {
    if (replica.IsReadyLeader()) return true;
    const raft::RaftStatus status = replica.status();
    had_applied_a_part |= status.commit == no_op && status.applied > 0;
    return false;
  }));
  EXPECT_EQ(replica.applied(), no_op);
  EXPECT_TRUE(had_applied_a_part) << "the log is too short to tell committed from applied";
  EXPECT_EQ(cluster.ReadAll(1)->size(), static_cast<size_t>(kRecords));
}

// ---- checkpoints and trims ----

TEST(ReplicaTest, CheckpointIsWrittenEverySoManyBytes) {
  TestCluster cluster({.nodes = 1, .checkpoint_every_bytes = 50'000});
  ProduceBigs(&cluster, 0, 20);
  EXPECT_LT(cluster.partition(1).replica().unfolded_bytes(), 70'000u);
  cluster.Crash(1);
  const auto states = cluster.store(1).Load().value();
  ASSERT_TRUE(states.at(0).checkpoint.has_value());
  EXPECT_GE(states.at(0).checkpoint->next_offset, 13);
  cluster.Start(1);
  EXPECT_EQ(cluster.ReadAll(cluster.AwaitLeader()).value(), Bigs(0, 20));
}

TEST(ReplicaTest, CheckpointOfAReplicaThatStartedInPlaceKnowsTheOffsetThatItStandsAt) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 10);
  AwaitConvergence(&cluster);
  const int node = cluster.Leader();
  cluster.Append(node, BatchOf({"x"}));  // taken while there was room
  cluster.store(node).SetFull(true);
  server::Replica& replica = cluster.partition(node).replica();
  ASSERT_TRUE(cluster.RunUntil([&] { return replica.counters().starts == 2; }));
  cluster.Isolate(node);
  bool answered = false;
  replica.TakeCheckpoint([&answered](const Status&) { answered = true; });
  ASSERT_TRUE(cluster.RunUntil([&] { return answered; }));
  cluster.Crash(node);
  const storage::Checkpoint checkpoint = *cluster.store(node).Load().value().at(0).checkpoint;
  EXPECT_EQ(checkpoint.next_offset, checkpoint.meta.last.index == 0 ? 0 : 10);
}

TEST(ReplicaTest, DeletedRecordsLeaveEveryDiskAndTheRestStays) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 40);
  const int leader = cluster.Leader();
  EXPECT_EQ(cluster.DeleteRecords(leader, 25).value(), 25);
  cluster.RunFor(5 * kSecond);
  for (const int node : {1, 2, 3}) {
    EXPECT_EQ(cluster.partition(node).log_start_offset(), 25);
    const raft::Index first = cluster.partition(node).replica().status().first_index;
    EXPECT_GT(first, 15u) << node;
    EXPECT_LE(first, 27u) << node;  // the no-op, then one entry a record
  }
  EXPECT_EQ(cluster.ReadAll(leader, 25).value(), Bigs(25, 40));
  for (const int node : {1, 2, 3}) cluster.Crash(node);
  for (const int node : {1, 2, 3}) cluster.Start(node);
  EXPECT_EQ(cluster.ReadAll(cluster.AwaitLeader(), 25).value(), Bigs(25, 40));
  EXPECT_EQ(cluster.Produce(BatchOf({"next"}))->base_offset, 40);
}

TEST(ReplicaTest, LogWhoseRecordsAreAllGoneGoesOnAtItsOffset) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 20);
  EXPECT_EQ(cluster.DeleteRecords(cluster.Leader(), -1).value(), 20);
  cluster.RunFor(5 * kSecond);
  for (const int node : {1, 2, 3}) cluster.Crash(node);
  for (const int node : {1, 2, 3}) cluster.Start(node);
  EXPECT_EQ(cluster.Produce(BatchOf({"next"}))->base_offset, 20);
  EXPECT_EQ(cluster.ReadAll(cluster.Leader(), 20).value(), (Values{"next"}));
}

TEST(ReplicaTest, DeletionAboveTheEndIsRefused) {
  TestCluster cluster({.nodes = 1});
  ProduceBigs(&cluster, 0, 3);
  EXPECT_EQ(cluster.DeleteRecords(1, 4).error().code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(cluster.DeleteRecords(1, 0).value(), 0);
  EXPECT_EQ(cluster.ReadAll(1).value(), Bigs(0, 3));
}

// ---- followers that lag ----

TEST(ReplicaTest, FollowerThatGetsNothingLagsWithinTwoPeriodsAndNoLongerOnceItHasCaughtUp) {
  TestCluster cluster;
  ProduceBigs(&cluster, 0, 3);
  AwaitConvergence(&cluster);
  const int leader = cluster.Leader();
  const int cut = OtherThan(leader);
  cluster.Cut(leader, cut);
  ProduceBigs(&cluster, 3, 6);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.lagging(leader) == std::vector{NodeId(cut)}; },
                               2 * server::LagWatch::kPeriodUs + TestCluster::kSecond / 2));
  cluster.Heal();
  ASSERT_TRUE(
      cluster.RunUntil([&] { return cluster.lagging(leader).empty(); }, 3 * TestCluster::kSecond));
  EXPECT_EQ(cluster.Leader(), leader);
  EXPECT_EQ(cluster.lag_reports(leader), 2) << "told when it changes, and only then";
}

TEST(ReplicaTest, FollowersThatKeepPaceNeverLagHoweverMuchIsUnderWay) {
  TestCluster cluster({.network_us = 100'000});
  const int leader = cluster.AwaitLeader();
  for (int second = 0; second < 8; ++second) {
    for (int i = 0; i < 300; ++i) cluster.Append(leader, BatchOf({"x"}));
    cluster.RunFor(TestCluster::kSecond);
  }
  EXPECT_EQ(cluster.Leader(), leader);
  EXPECT_EQ(cluster.lag_reports(leader), 0);
}

TEST(ReplicaTest, LearnerLagsUntilItVotes) {
  TestCluster cluster({.nodes = 4, .founders = 3});
  ProduceBigs(&cluster, 0, 3);
  const int leader = cluster.AwaitLeader();
  cluster.Start(4);
  ASSERT_TRUE(cluster.ChangeMembership({1, 2, 3}, {4}).ok());
  ProduceBigs(&cluster, 3, 6);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.lagging(leader) == std::vector{NodeId(4)}; }));
  ASSERT_TRUE(cluster.ChangeMembership({1, 2, 3, 4}).ok());
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.lagging(leader).empty(); }));
}

// ---- followers that fell behind ----

TEST(ReplicaTest, FollowerBehindTheTrimmedPrefixGetsACheckpointAndEveryRecordThatIsLeft) {
  TestCluster cluster({.checkpoint_every_bytes = 50'000});
  ProduceBigs(&cluster, 0, 5);
  AwaitConvergence(&cluster);
  const int behind = OtherThan(cluster.Leader());
  cluster.Crash(behind);
  ProduceBigs(&cluster, 5, 40);
  cluster.DeleteRecords(cluster.Leader(), 20).value();
  cluster.RunFor(5 * kSecond);
  ProduceBigs(&cluster, 40, 60);  // checkpoints far above the first entry that is left
  cluster.Start(behind);
  AwaitConvergence(&cluster);
  EXPECT_GT(cluster.partition(behind).replica().status().first_index, 10u);
  EXPECT_EQ(cluster.partition(behind).log_start_offset(), 20);
  EXPECT_EQ(ReadAllFrom(&cluster, behind, 20), Bigs(20, 60));
}

TEST(ReplicaTest, FounderGetsTheCheckpointOfALeaderThatNeverMetTheFirstVotersAndKeepsThem) {
  TestCluster cluster({.nodes = 4, .founders = 3});
  ProduceBigs(&cluster, 0, 2);
  AwaitConvergence(&cluster);
  cluster.Crash(3);
  ProduceBigs(&cluster, 2, 30);
  cluster.Start(4);  // gets every entry, so it knows only the voters of the changes among them
  ASSERT_TRUE(cluster.ChangeMembership({1, 2, 3}, {4}).ok());
  AwaitWhole(&cluster, 4);
  ASSERT_TRUE(cluster.ChangeMembership({1, 2, 3, 4}).ok());
  ASSERT_EQ(ReadAllFrom(&cluster, 4, 0), Bigs(0, 30));
  cluster.DeleteRecords(4, 20).value();
  cluster.RunFor(5 * kSecond);
  cluster.Start(3);
  const auto has_checkpoint = [&] { return cluster.partition(3).log_start_offset() == 20; };
  ASSERT_TRUE(cluster.RunUntil(has_checkpoint));
  cluster.RunFor(kSecond);
  cluster.Crash(3);
  const auto stored = cluster.store(3).Load().value().at(0);
  EXPECT_GT(stored.first_index, 10u);
  EXPECT_EQ(stored.checkpoint->meta.membership.membership.voters.size(), 3u);
  cluster.Start(3);
  AwaitConvergence(&cluster);
  EXPECT_EQ(ReadAllFrom(&cluster, 3, 20), Bigs(20, 30));
}

TEST(ReplicaTest, FollowerThatCrashesWhileItCatchesUpFromACheckpointGoesOn) {
  for (const int64_t crash_after_us : {3'000, 6'000, 10'000, 15'000, 25'000}) {
    TestCluster cluster({.checkpoint_every_bytes = 50'000, .max_append_bytes = 20'000});
    ProduceBigs(&cluster, 0, 2);
    const int behind = OtherThan(cluster.Leader());
    cluster.Crash(behind);
    ProduceBigs(&cluster, 2, 40);
    cluster.DeleteRecords(cluster.Leader(), 20).value();
    cluster.RunFor(5 * kSecond);
    cluster.Start(behind);
    cluster.RunFor(crash_after_us);
    cluster.Crash(behind);
    cluster.Start(behind);
    AwaitConvergence(&cluster);
    EXPECT_EQ(ReadAllFrom(&cluster, behind, 20), Bigs(20, 40)) << crash_after_us;
  }
}

TEST(ReplicaTest, NoCheckpointIsWrittenWhileTheMachineIsAheadOfTheLog) {
  TestCluster cluster({.checkpoint_every_bytes = 50'000, .max_append_bytes = 20'000});
  ProduceBigs(&cluster, 0, 2);
  const int behind = OtherThan(cluster.Leader());
  cluster.Crash(behind);
  ProduceBigs(&cluster, 2, 40);
  cluster.DeleteRecords(cluster.Leader(), 20).value();
  cluster.RunFor(5 * kSecond);
  cluster.Start(behind);
  server::Replica& replica = cluster.partition(behind).replica();
  ASSERT_TRUE(cluster.RunUntil([&] { return replica.machine_applied() > replica.applied(); }));
  std::optional<Status> answer;
  replica.TakeCheckpoint([&](const Status& status) { answer = status; });
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code, ErrorCode::kUnavailable);
  AwaitConvergence(&cluster);
  EXPECT_EQ(ReadAllFrom(&cluster, behind, 20), Bigs(20, 40));
}

/// `checkpoint` as a leader sends it whose log begins after entry `base`: its first entry is its
/// no-op, and each of the others is one record.
raft::InstallSnapshot SentWithBase(storage::Checkpoint checkpoint, raft::Index base) {
  server::FoldedState state = server::DecodeFoldedState(checkpoint.state).value();
  state.base.meta.last = {base, state.applied.term};
  state.base.next_offset = static_cast<int64_t>(base) - 1;
  checkpoint.state = server::EncodeFoldedState(state);
  checkpoint = server::AtBase(checkpoint, state);
  return {checkpoint.meta, storage::EncodeCheckpoint(checkpoint)};
}

TEST(ReplicaTest, CheckpointOfAnotherLeaderDoesNotTakeTheMachineBack) {
  TestCluster cluster;
  const int leader = cluster.AwaitLeader();
  const int behind = OtherThan(leader);
  cluster.Isolate(behind);
  std::vector<storage::Checkpoint> checkpoints;
  for (const int records : {20, 30}) {
    ProduceBigs(&cluster, records == 20 ? 0 : 20, records);
    bool written = false;
    cluster.partition(leader).replica().TakeCheckpoint([&](const Status&) { written = true; });
    ASSERT_TRUE(cluster.RunUntil([&] { return written; }));
    checkpoints.push_back(cluster.store(leader).Load()->at(0).checkpoint.value());
  }
  server::Replica& replica = cluster.partition(behind).replica();
  const raft::Term term = cluster.partition(leader).replica().status().term;
  const auto install = [&](const storage::Checkpoint& checkpoint, raft::Index base) {
    replica.Step({.from = NodeId(leader),
                  .to = NodeId(behind),
                  .term = term,
                  .body = SentWithBase(checkpoint, base)});
    EXPECT_TRUE(cluster.RunUntil([&] { return replica.applied() == base; }));
  };
  install(checkpoints[1], 5);
  EXPECT_EQ(replica.machine_applied(), 31u);
  install(checkpoints[0], 10);
  EXPECT_EQ(replica.machine_applied(), 31u) << "what it showed, it shows on";
  EXPECT_EQ(cluster.partition(behind).high_watermark(), 30);
}

TEST(ReplicaTest, ProposalWhoseEntryACheckpointFoldsInIsNotCalledLost) {
  TestCluster cluster({.checkpoint_every_bytes = 50'000});
  ProduceBigs(&cluster, 0, 5);
  const int old_leader = cluster.Leader();
  const auto answer = cluster.Append(old_leader, BatchOf({Big(5)}));
  cluster.RunFor(700);  // sent, not acknowledged
  cluster.Isolate(old_leader);
  const int new_leader = cluster.AwaitLeader(old_leader);
  ASSERT_EQ(cluster.ReadAll(new_leader).value(), Bigs(0, 6)) << "it is in the log";
  ProduceBigs(&cluster, 6, 40);
  cluster.DeleteRecords(new_leader, 30).value();
  cluster.RunFor(5 * kSecond);
  ASSERT_FALSE(answer->has_value());
  cluster.Heal();
  AwaitConvergence(&cluster);
  ASSERT_GT(cluster.partition(old_leader).replica().status().first_index, 10u);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((**answer).error().code, ErrorCode::kTimeout);
}

TEST(ReplicaTest, ReplicaAddedLaterHoldsEveryRecordThatIsLeft) {
  TestCluster cluster({.nodes = 4, .founders = 3});
  ProduceBigs(&cluster, 0, 30);
  cluster.DeleteRecords(cluster.Leader(), 10).value();
  cluster.RunFor(5 * kSecond);
  cluster.Start(4);  // empty, and knows nothing of the group
  const int leaves = OtherThan(cluster.Leader());
  std::vector<int> voters = {4};
  for (const int node : {1, 2, 3}) {
    if (node != leaves) voters.push_back(node);
  }
  ASSERT_TRUE(cluster.ChangeMembership({1, 2, 3}, {4}).ok());
  AwaitWhole(&cluster, 4);
  ASSERT_TRUE(cluster.ChangeMembership(voters).ok());
  cluster.Crash(leaves);
  AwaitConvergence(&cluster);
  EXPECT_EQ(ReadAllFrom(&cluster, 4, 10), Bigs(10, 30));
  const raft::MembershipAt membership = cluster.partition(4).replica().committed_membership();
  EXPECT_FALSE(membership.membership.Contains(NodeId(leaves)));
  EXPECT_TRUE(membership.membership.IsVoter(NodeId(4)));
}

TEST(ReplicaTest, MembershipSurvivesTrimsAndRestarts) {
  TestCluster cluster({.nodes = 4, .founders = 3});
  cluster.Start(4);
  ASSERT_TRUE(cluster.ChangeMembership({1, 2, 3}, {4}).ok());
  AwaitWhole(&cluster, 4);
  ASSERT_TRUE(cluster.ChangeMembership({1, 2, 3, 4}).ok());
  ProduceBigs(&cluster, 0, 20);
  cluster.DeleteRecords(cluster.Leader(), 20).value();
  cluster.RunFor(5 * kSecond);
  for (const int node : {1, 2, 3, 4}) cluster.Crash(node);
  for (const int node : {1, 2, 3, 4}) {
    cluster.Start(node);
    EXPECT_EQ(cluster.partition(node).replica().status().membership.membership.voters.size(), 4u);
  }
  EXPECT_EQ(cluster.Produce(BatchOf({"x"}))->base_offset, 20);
}

}  // namespace
}  // namespace jangada::testing
