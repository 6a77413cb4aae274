// Retention on a whole partition: the leader decides, every replica removes the same.
#include <gtest/gtest.h>

#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {
namespace {

constexpr int64_t kSecond = TestCluster::kSecond;
constexpr int64_t kRecordBytes = 10'000;

/// Produces `count` records of 10 KB, stamped by the present clock.
void ProduceNow(TestCluster* cluster, int count) {
  for (int i = 0; i < count; ++i) {
    const int64_t now_ms = cluster->executor(1).WallNowMs();
    cluster->Produce(BatchOf({std::string(kRecordBytes, 'x')}, now_ms)).value();
  }
}

int64_t LogStart(TestCluster* cluster) {
  return cluster->partition(cluster->AwaitLeader()).log_start_offset();
}

TEST(RetentionTest, RecordsOlderThanRetentionMsGoOnEveryReplica) {
  server::TopicConfig config;
  config.retention_ms = 60'000;
  TestCluster cluster({.config = config});
  ProduceNow(&cluster, 20);
  cluster.RunFor(30 * kSecond);
  ProduceNow(&cluster, 20);
  cluster.RunFor(20 * kSecond);
  EXPECT_EQ(LogStart(&cluster), 0);
  cluster.RunFor(20 * kSecond);  // the first are 70 s old, the others 40 s
  const int64_t start = LogStart(&cluster);
  EXPECT_GT(start, 10);
  EXPECT_LE(start, 20);
  for (const int node : {1, 2, 3}) EXPECT_EQ(cluster.partition(node).log_start_offset(), start);
  cluster.RunFor(40 * kSecond);
  EXPECT_EQ(LogStart(&cluster), 40);
  EXPECT_EQ(cluster.Produce(BatchOf({"x"}))->base_offset, 40);
}

TEST(RetentionTest, PartitionIsKeptNearRetentionBytes) {
  server::TopicConfig config;
  config.retention_ms = -1;
  config.retention_bytes = 200'000;
  TestCluster cluster({.config = config});
  for (int i = 0; i < 10; ++i) {
    ProduceNow(&cluster, 10);
    cluster.RunFor(6 * kSecond);
  }
  const int64_t kept = 100 - LogStart(&cluster);
  EXPECT_GE(kept, 20);
  EXPECT_LE(kept, 20 + 14);  // two sparse rows of 64 KB
  for (const int node : {1, 2, 3}) {
    const raft::RaftStatus status = cluster.partition(node).replica().status();
    EXPECT_LT(status.last.index - status.first_index, 50u) << node;  // gone from the disk too
  }
}

TEST(RetentionTest, NoLimitKeepsEverything) {
  server::TopicConfig config;
  config.retention_ms = -1;
  TestCluster cluster({.nodes = 1, .config = config});
  ProduceNow(&cluster, 30);
  cluster.RunFor(1000 * kSecond);
  EXPECT_EQ(LogStart(&cluster), 0);
}

TEST(RetentionTest, ShorterRetentionTakesEffectWhenTheConfigChanges) {
  server::TopicConfig config;
  config.retention_ms = -1;
  TestCluster cluster({.nodes = 1, .config = config});
  ProduceNow(&cluster, 30);
  cluster.RunFor(60 * kSecond);
  config.retention_ms = 10'000;
  cluster.partition(1).UpdateConfig(config);
  cluster.RunFor(10 * kSecond);
  EXPECT_EQ(LogStart(&cluster), 30);
}

TEST(RetentionTest, WallClockOfAFollowerDecidesNothing) {
  server::TopicConfig config;
  config.retention_ms = 60'000;
  TestCluster cluster({.config = config});
  ProduceNow(&cluster, 10);
  for (const int node : {1, 2, 3}) {
    if (node != cluster.Leader()) cluster.executor(node).SetWallShift(1'000'000'000);
  }
  cluster.RunFor(30 * kSecond);
  EXPECT_EQ(LogStart(&cluster), 0);
}

TEST(RetentionTest, DecisionSurvivesTheLeaderThatMadeIt) {
  TestCluster cluster;
  ProduceNow(&cluster, 30);
  cluster.DeleteRecords(cluster.Leader(), 17).value();
  cluster.Crash(cluster.Leader());
  EXPECT_EQ(LogStart(&cluster), 17);
  EXPECT_EQ(cluster.Read(cluster.Leader(), 16).error().code, ErrorCode::kOffsetOutOfRange);
}

}  // namespace
}  // namespace jangada::testing
