// Idempotent producers on a whole partition: a repeated batch is appended once, whoever leads.
#include <gtest/gtest.h>

#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {
namespace {

using Values = std::vector<std::string>;
constexpr int64_t kSecond = TestCluster::kSecond;
constexpr int64_t kProducer = 5;

Bytes Nth(int32_t sequence) {
  return BatchFrom(kProducer, 0, sequence, {std::to_string(sequence)});
}

TEST(IdempotenceTest, RepeatedBatchIsAnsweredWithItsFirstOffset) {
  TestCluster cluster;
  cluster.Produce(BatchOf({"other"})).value();
  EXPECT_EQ(cluster.Produce(Nth(0))->base_offset, 1);
  EXPECT_EQ(cluster.Produce(Nth(1))->base_offset, 2);
  const auto again = cluster.Produce(Nth(0)).value();
  EXPECT_EQ(again.base_offset, 1);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(cluster.ReadAll(cluster.Leader()).value(), (Values{"other", "0", "1"}));
}

TEST(IdempotenceTest, EachMistakeHasItsOwnError) {
  TestCluster cluster({.nodes = 1});
  EXPECT_EQ(cluster.Produce(Nth(3)).error().code, ErrorCode::kUnknownProducer);
  cluster.Produce(BatchFrom(kProducer, 2, 0, {"a"})).value();
  EXPECT_EQ(cluster.Produce(BatchFrom(kProducer, 2, 5, {"b"})).error().code,
            ErrorCode::kOutOfOrderSequence);
  EXPECT_EQ(cluster.Produce(BatchFrom(kProducer, 1, 1, {"b"})).error().code,
            ErrorCode::kProducerFenced);
  EXPECT_EQ(cluster.ReadAll(1).value(), (Values{"a"}));
}

TEST(IdempotenceTest, DuplicateOfABatchUnderWayWaitsForItsCommit) {
  TestCluster cluster;
  const int leader = cluster.AwaitLeader();
  const auto first = cluster.Append(leader, Nth(0));
  const auto second = cluster.Append(leader, Nth(0));
  EXPECT_FALSE(second->has_value());
  cluster.RunFor(kSecond);
  ASSERT_TRUE(first->has_value() && second->has_value());
  EXPECT_EQ((**first)->base_offset, 0);
  EXPECT_FALSE((**first)->duplicate);
  EXPECT_EQ((**second)->base_offset, 0);
  EXPECT_TRUE((**second)->duplicate);
  EXPECT_EQ(cluster.ReadAll(leader).value(), (Values{"0"}));
}

TEST(IdempotenceTest, PipelineOfFiveBatchesKeepsItsOrder) {
  TestCluster cluster;
  const int leader = cluster.AwaitLeader();
  std::vector<TestCluster::Produced> answers;
  for (int32_t i = 0; i < 5; ++i) answers.push_back(cluster.Append(leader, Nth(i)));
  const auto too_early = cluster.Append(leader, Nth(6));
  cluster.RunFor(kSecond);
  for (int i = 0; i < 5; ++i) EXPECT_EQ((**answers[i])->base_offset, i);
  EXPECT_EQ((*too_early)->error().code, ErrorCode::kOutOfOrderSequence);
}

TEST(IdempotenceTest, RetryAfterAFailoverFindsTheBatchThatTheOldLeaderReplicated) {
  TestCluster cluster;
  cluster.Produce(Nth(0)).value();
  const int old_leader = cluster.Leader();
  const auto unanswered = cluster.Append(old_leader, Nth(1));
  cluster.RunFor(700);  // it left for the followers; no answer yet
  ASSERT_FALSE(unanswered->has_value());
  cluster.Crash(old_leader);
  const int new_leader = cluster.AwaitLeader();
  const auto retried = cluster.Produce(Nth(1)).value();
  EXPECT_EQ(retried.base_offset, 1);
  EXPECT_TRUE(retried.duplicate);
  EXPECT_EQ(cluster.Produce(Nth(2))->base_offset, 2);
  EXPECT_EQ(cluster.ReadAll(new_leader).value(), (Values{"0", "1", "2"}));
}

TEST(IdempotenceTest, RetryAfterAFailoverAppendsTheBatchThatWasLost) {
  TestCluster cluster;
  cluster.Produce(Nth(0)).value();
  const int old_leader = cluster.Leader();
  cluster.Isolate(old_leader);
  cluster.Append(old_leader, Nth(1));
  const int new_leader = cluster.AwaitLeader(old_leader);
  const auto retried = cluster.Produce(Nth(1)).value();
  EXPECT_FALSE(retried.duplicate);
  cluster.Heal();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
  EXPECT_EQ(cluster.ReadAll(new_leader).value(), (Values{"0", "1"}));
}

TEST(IdempotenceTest, LeaderThatComesBackForgetsWhatItHadInFlight) {
  TestCluster cluster;
  cluster.Produce(Nth(0)).value();
  const int node = cluster.Leader();
  cluster.Isolate(node);
  cluster.Append(node, Nth(1));
  const int between = cluster.AwaitLeader(node);
  cluster.Heal();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
  ASSERT_TRUE(cluster.partition(between).TransferLeadership(NodeId(node)).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() == node; }));
  EXPECT_FALSE(cluster.Produce(Nth(1))->duplicate);
  EXPECT_TRUE(cluster.Produce(Nth(1))->duplicate);
}

TEST(IdempotenceTest, LeaderThatWasReplacedWithoutKnowingItRefusesNoSequence) {
  TestCluster cluster;
  cluster.Produce(Nth(0)).value();
  const int old_leader = cluster.Leader();
  const raft::Term term = cluster.partition(old_leader).replica().status().term;
  cluster.Isolate(old_leader);
  const int new_leader = old_leader % 3 + 1;
  cluster.partition(new_leader)
      .replica()
      .Step({.from = NodeId(old_leader),
             .to = NodeId(new_leader),
             .term = term,
             .body = raft::TimeoutNow{}});
  ASSERT_EQ(cluster.AwaitLeader(old_leader), new_leader);
  const auto next = cluster.Append(new_leader, Nth(1));
  ASSERT_TRUE(cluster.RunUntil([&] { return next->has_value(); }));
  ASSERT_TRUE(cluster.partition(old_leader).replica().IsReadyLeader()) << "where it stands";
  const auto late = cluster.Append(old_leader, Nth(2));
  ASSERT_TRUE(cluster.RunUntil([&] { return late->has_value(); }));
  EXPECT_NE((**late).error().code, ErrorCode::kOutOfOrderSequence);
}

TEST(IdempotenceTest, WindowSurvivesARestartFromLogAndFromCheckpoint) {
  for (const bool clean : {false, true}) {
    TestCluster cluster({.nodes = 1});
    for (int32_t i = 0; i < 7; ++i) cluster.Produce(Nth(i)).value();
    if (clean) {
      cluster.Stop(1);
    } else {
      cluster.Crash(1);
    }
    cluster.Start(1);
    for (int32_t i = 2; i < 7; ++i) {
      const auto again = cluster.Produce(Nth(i)).value();
      EXPECT_EQ(again.base_offset, i);
      EXPECT_TRUE(again.duplicate);
    }
    EXPECT_EQ(cluster.Produce(Nth(1)).error().code, ErrorCode::kDuplicateSequence);
    EXPECT_EQ(cluster.Produce(Nth(7))->base_offset, 7);
  }
}

TEST(IdempotenceTest, WindowSurvivesTheTrimmingOfItsRecords) {
  TestCluster cluster;
  for (int32_t i = 0; i < 3; ++i) cluster.Produce(Nth(i)).value();
  cluster.DeleteRecords(cluster.Leader(), 3).value();
  cluster.RunFor(5 * kSecond);  // trimmed from the disks too
  EXPECT_GT(cluster.partition(cluster.Leader()).replica().status().first_index, 1u);
  for (const int node : {1, 2, 3}) cluster.Crash(node);
  for (const int node : {1, 2, 3}) cluster.Start(node);
  const auto again = cluster.Produce(Nth(2)).value();
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.base_offset, 2);
  EXPECT_EQ(cluster.Produce(Nth(3))->base_offset, 3);
}

TEST(IdempotenceTest, TimedOutBatchIsStillWaitedForByItsRetry) {
  TestCluster cluster({.proposal_timeout_us = kSecond / 5});
  const int leader = cluster.AwaitLeader();
  cluster.Isolate(leader);
  const auto first = cluster.Append(leader, Nth(0));
  ASSERT_TRUE(cluster.RunUntil([&] { return first->has_value(); }, kSecond / 2));
  EXPECT_EQ((*first)->error().code, ErrorCode::kTimeout);
  const auto retry = cluster.Append(leader, Nth(0));  // it still leads, as far as it knows
  EXPECT_FALSE(retry->has_value());
  cluster.Heal();
  ASSERT_TRUE(cluster.RunUntil([&] { return retry->has_value(); }));
  ASSERT_TRUE((*retry)->ok()) << (*retry)->error();
  EXPECT_EQ((**retry)->base_offset, 0);
  EXPECT_TRUE((**retry)->duplicate);
}

TEST(IdempotenceTest, IdleProducerExpiresOnEveryReplica) {
  server::TopicConfig config;
  config.producer_id_expiration_ms = 10'000;
  TestCluster cluster({.config = config, .producer_expiry_check_us = kSecond});
  cluster.Produce(Nth(0)).value();
  cluster.Produce(BatchFrom(6, 0, 0, {"x"})).value();
  for (int i = 1; i < 16; ++i) {  // one stays active
    cluster.RunFor(kSecond);
    cluster.Produce(BatchFrom(6, 0, i, {"x"})).value();
  }
  EXPECT_EQ(cluster.Produce(Nth(1)).error().code, ErrorCode::kUnknownProducer);
  cluster.Crash(cluster.Leader());
  EXPECT_EQ(cluster.Produce(Nth(1)).error().code, ErrorCode::kUnknownProducer);
  EXPECT_TRUE(cluster.Produce(BatchFrom(6, 0, 15, {"x"}))->duplicate);
}

TEST(IdempotenceTest, NumberOfProducersIsBounded) {
  TestCluster cluster({.nodes = 1, .max_producers = 10});
  for (int64_t id = 0; id < 30; ++id) cluster.Produce(BatchFrom(id, 0, 0, {"x"})).value();
  EXPECT_EQ(cluster.Produce(BatchFrom(3, 0, 1, {"x"})).error().code, ErrorCode::kUnknownProducer);
  EXPECT_TRUE(cluster.Produce(BatchFrom(29, 0, 0, {"x"}))->duplicate);
}

TEST(IdempotenceTest, BatchThatIsRefusedDuringATransferIsNotTakenForOneUnderWay) {
  TestCluster cluster;
  cluster.Produce(Nth(0)).value();
  const int leader = cluster.Leader();
  const int target = leader % 3 + 1;
  cluster.Cut(leader, target);
  cluster.Produce(Nth(1)).value();  // the target lacks it, so the transfer waits
  ASSERT_TRUE(cluster.partition(leader).TransferLeadership(NodeId(target)).ok());
  const auto refused = cluster.Append(leader, Nth(2));
  ASSERT_TRUE(refused->has_value());
  EXPECT_EQ((**refused).error().code, ErrorCode::kUnavailable);
  cluster.RunFor(2 * kSecond);  // the transfer is given up
  const auto again = cluster.Append(leader, Nth(2));
  ASSERT_TRUE(cluster.RunUntil([&] { return again->has_value(); }));
  ASSERT_TRUE((**again).ok()) << (**again).error();
  EXPECT_FALSE((**again)->duplicate);
}

TEST(IdempotenceTest, RefusedBatchLeavesNoTrace) {
  TestCluster cluster({.nodes = 1});
  cluster.Produce(Nth(0)).value();
  cluster.store(1).SetFull(true);
  EXPECT_EQ(cluster.Produce(Nth(1)).error().code, ErrorCode::kDiskFull);
  EXPECT_TRUE(cluster.Produce(Nth(0))->duplicate);  // a duplicate needs no room
  cluster.store(1).SetFull(false);
  EXPECT_FALSE(cluster.Produce(Nth(1))->duplicate);
}

}  // namespace
}  // namespace jangada::testing
