// A partition on one and on three nodes: records in, records out, through the failures of its
// nodes.
#include "server/partition/partition.h"

#include <gtest/gtest.h>

#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {
namespace {

using Values = std::vector<std::string>;
constexpr int64_t kSecond = TestCluster::kSecond;

/// Produces "0", "1", ... and CHECKs that they get the offsets that follow.
void ProduceNumbers(TestCluster* cluster, int from, int to) {
  for (int i = from; i < to; ++i) {
    EXPECT_EQ(cluster->Produce(BatchOf({std::to_string(i)})).value().base_offset, i);
  }
}

Values Numbers(int from, int to) {
  Values values;
  for (int i = from; i < to; ++i) values.push_back(std::to_string(i));
  return values;
}

void AwaitConvergence(TestCluster* cluster) {
  ASSERT_TRUE(cluster->RunUntil([&] { return cluster->Converged(); }));
}

TEST(PartitionTest, OneNodeCommitsAndServesRecords) {
  TestCluster cluster({.nodes = 1});
  EXPECT_EQ(cluster.Produce(BatchOf({"a", "b"}))->base_offset, 0);
  EXPECT_EQ(cluster.Produce(BatchOf({"c"}))->base_offset, 2);
  EXPECT_EQ(cluster.ReadAll(1).value(), (Values{"a", "b", "c"}));
}

TEST(PartitionTest, ThreeNodesCommitAndConverge) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 20);
  AwaitConvergence(&cluster);
  for (const int node : {1, 2, 3}) EXPECT_EQ(cluster.partition(node).high_watermark(), 20);
}

TEST(PartitionTest, PreferredLeaderOfANewGroupLeadsAtOnce) {
  TestCluster cluster;
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, kSecond / 2));
  EXPECT_EQ(cluster.Leader(), 1);
}

TEST(PartitionTest, LoneNodeLeadsAtOnceAfterARestart) {
  TestCluster cluster({.nodes = 1});
  ProduceNumbers(&cluster, 0, 3);
  cluster.Crash(1);
  cluster.Start(1);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != 0; }, kSecond / 5));
  EXPECT_EQ(cluster.ReadAll(1).value(), Numbers(0, 3));
}

TEST(PartitionTest, PipelinedAppendsGetOffsetsInOrder) {
  TestCluster cluster;
  const int leader = cluster.AwaitLeader();
  std::vector<TestCluster::Produced> answers;
  for (int i = 0; i < 50; ++i)
    answers.push_back(cluster.Append(leader, BatchOf({std::to_string(i)})));
  cluster.RunFor(kSecond);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(answers[i]->has_value());
    EXPECT_EQ((**answers[i])->base_offset, i);
  }
  EXPECT_EQ(cluster.ReadAll(leader).value(), Numbers(0, 50));
}

TEST(PartitionTest, KilledLeaderIsReplacedAndNothingAcknowledgedIsLost) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 10);
  const int first = cluster.Leader();
  cluster.Crash(first);
  const int64_t killed_us = cluster.world().now_us();
  const int second = cluster.AwaitLeader();
  EXPECT_LT(cluster.world().now_us() - killed_us, kSecond / 2);  // peers saw the connection refused
  EXPECT_NE(second, first);
  EXPECT_EQ(cluster.ReadAll(second).value(), Numbers(0, 10));
  ProduceNumbers(&cluster, 10, 20);
  cluster.Start(first);
  AwaitConvergence(&cluster);
  EXPECT_EQ(cluster.partition(first).high_watermark(), 20);
}

TEST(PartitionTest, EveryAcknowledgedRecordSurvivesPowerLossOfAllNodes) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TestCluster cluster({.seed = seed});
    const int leader = cluster.AwaitLeader();
    std::vector<TestCluster::Produced> answers;
    for (int i = 0; i < 30; ++i) {
      answers.push_back(cluster.Append(leader, BatchOf({std::to_string(i)})));
      cluster.RunFor(static_cast<int64_t>(100 * seed));
    }
    for (const int node : {1, 2, 3}) cluster.Crash(node);
    size_t acknowledged = 0;
    while (acknowledged < answers.size() && answers[acknowledged]->has_value()) ++acknowledged;
    for (const int node : {1, 2, 3}) cluster.Start(node);
    const Values there = cluster.ReadAll(cluster.AwaitLeader()).value();
    ASSERT_GE(there.size(), acknowledged) << "seed " << seed;
    EXPECT_EQ(there, Numbers(0, static_cast<int>(there.size()))) << "seed " << seed;
  }
}

TEST(PartitionTest, WhatOneNodeDidNotSyncIsNotAcknowledged) {
  TestCluster cluster({.nodes = 1});
  ProduceNumbers(&cluster, 0, 2);
  cluster.SetSyncDelay(1, kSecond);
  const auto answer = cluster.Append(1, BatchOf({"2"}));
  cluster.RunFor(kSecond / 2);
  EXPECT_FALSE(answer->has_value());
  cluster.Crash(1);
  cluster.SetSyncDelay(1, 1000);
  cluster.Start(1);
  EXPECT_EQ(cluster.ReadAll(cluster.AwaitLeader()).value(), Numbers(0, 2));
}

TEST(PartitionTest, WhatNoMajoritySyncedIsNotAcknowledged) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 2);
  const int leader = cluster.Leader();
  for (const int node : {1, 2, 3}) {
    if (node != leader) cluster.SetSyncDelay(node, kSecond);
  }
  const auto answer = cluster.Append(leader, BatchOf({"2"}));
  cluster.RunFor(kSecond / 2);  // both followers have it in memory
  EXPECT_FALSE(answer->has_value());
  cluster.RunFor(kSecond);
  EXPECT_TRUE(answer->has_value());
}

TEST(PartitionTest, VoteIsGivenOnlyOnceItIsSynced) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 2);
  AwaitConvergence(&cluster);
  const int old_leader = cluster.Leader();
  const int candidate = old_leader == 3 ? 2 : 3;
  for (const int node : {1, 2, 3}) {
    if (node != candidate) cluster.SetSyncDelay(node, kSecond);
  }
  ASSERT_TRUE(cluster.partition(old_leader).TransferLeadership(NodeId(candidate)).ok());
  const auto elected = [&] {
    return cluster.partition(candidate).replica().status().role == raft::Role::kLeader;
  };
  EXPECT_FALSE(cluster.RunUntil(elected, kSecond - 10'000));
  EXPECT_TRUE(cluster.RunUntil(elected, kSecond / 2));
}

TEST(PartitionTest, CleanRestartOfAllKeepsEverythingAndReplaysNothing) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 10);
  AwaitConvergence(&cluster);
  for (const int node : {1, 2, 3}) cluster.Stop(node);
  for (const int node : {1, 2, 3}) {
    cluster.Start(node);
    EXPECT_EQ(cluster.partition(node).high_watermark(), 10);  // from the checkpoint, at once
    EXPECT_EQ(cluster.partition(node).replica().unfolded_bytes(), 0u);
  }
  ProduceNumbers(&cluster, 10, 12);
  EXPECT_EQ(cluster.ReadAll(cluster.Leader()).value(), Numbers(0, 12));
}

TEST(PartitionTest, ReplicationAndTailReadsTouchNoStore) {
  TestCluster cluster;
  for (int i = 0; i < 30; ++i) {
    ProduceNumbers(&cluster, i, i + 1);
    ASSERT_EQ(cluster.Read(cluster.Leader(), i)->batches.size(), 1u);
  }
  AwaitConvergence(&cluster);
  for (const int node : {1, 2, 3}) EXPECT_EQ(cluster.store(node).reads(), 0u) << node;
}

TEST(PartitionTest, CommittedEntriesThatLeftTheCacheAreReadFromTheStore) {
  TestCluster cluster({.cache_bytes = 300});
  ProduceNumbers(&cluster, 0, 30);
  EXPECT_EQ(cluster.ReadAll(cluster.Leader()).value(), Numbers(0, 30));
  const int follower = cluster.Leader() == 3 ? 2 : 3;
  cluster.Crash(follower);
  ProduceNumbers(&cluster, 30, 60);
  cluster.Start(follower);  // it replays, and is sent, what no cache holds
  AwaitConvergence(&cluster);
}

// ---- who serves ----

TEST(PartitionTest, FollowerRefusesEveryCallAndNamesTheLeader) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 1);
  const int leader = cluster.Leader();
  const int follower = leader == 1 ? 2 : 1;
  ASSERT_TRUE(cluster.RunUntil(
      [&] { return cluster.partition(follower).replica().status().leader == NodeId(leader); }));
  const auto produced = cluster.Append(follower, BatchOf({"x"}));
  ASSERT_TRUE(produced->has_value());
  EXPECT_EQ((*produced)->error().code, ErrorCode::kNotLeader);
  EXPECT_NE((*produced)->error().message.find("node " + std::to_string(leader)), std::string::npos);
  EXPECT_EQ(cluster.Read(follower, 0).error().code, ErrorCode::kNotLeader);
  EXPECT_EQ(cluster.ListOffset(follower, server::kLatestOffset).error().code,
            ErrorCode::kNotLeader);
  EXPECT_EQ(cluster.DeleteRecords(follower, 1).error().code, ErrorCode::kNotLeader);
}

TEST(PartitionTest, LeaderWhoseNoOpIsNotCommittedServesNothing) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  AwaitConvergence(&cluster);
  const int old_leader = cluster.Leader();
  for (const int node : {1, 2, 3}) {
    if (node != old_leader) cluster.SetSyncDelay(node, kSecond / 10);  // votes and no-ops take long
  }
  cluster.Crash(old_leader);
  int elected = 0;
  ASSERT_TRUE(cluster.RunUntil([&] {
    for (const int node : {1, 2, 3}) {
      if (node != old_leader &&
          cluster.partition(node).replica().status().role == raft::Role::kLeader) {
        elected = node;
      }
    }
    return elected != 0;
  }));
  const auto produced = cluster.Append(elected, BatchOf({"x"}));
  ASSERT_TRUE(produced->has_value());
  EXPECT_EQ((*produced)->error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(cluster.Read(elected, 0).error().code, ErrorCode::kUnavailable);
  ProduceNumbers(&cluster, 3, 4);
}

TEST(PartitionTest, IsolatedLeaderAcknowledgesNothingAndItsRecordsGiveWay) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 5);
  const int old_leader = cluster.Leader();
  cluster.Isolate(old_leader);
  const auto lost = cluster.Append(old_leader, BatchOf({"lost"}));
  const int new_leader = cluster.AwaitLeader(old_leader);
  ProduceNumbers(&cluster, 5, 8);
  EXPECT_FALSE(lost->has_value());  // its fate is not known while the node is alone
  cluster.Heal();
  AwaitConvergence(&cluster);
  ASSERT_TRUE(lost->has_value());
  EXPECT_EQ((*lost)->error().code, ErrorCode::kNotLeader);  // surely not in the log
  EXPECT_EQ(cluster.ReadAll(new_leader).value(), Numbers(0, 8));
}

TEST(PartitionTest, ProposalThatCommitsUnderTheNextLeaderIsStillASuccess) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 5);
  const int old_leader = cluster.Leader();
  const auto answer = cluster.Append(old_leader, BatchOf({"5"}));
  cluster.RunFor(700);  // sent, not acknowledged
  ASSERT_FALSE(answer->has_value());
  cluster.Isolate(old_leader);
  const int new_leader = cluster.AwaitLeader(old_leader);
  EXPECT_EQ(cluster.ReadAll(new_leader).value(), Numbers(0, 6));
  EXPECT_FALSE(answer->has_value());
  cluster.Heal();
  AwaitConvergence(&cluster);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((**answer)->base_offset, 5);
}

TEST(PartitionTest, AppendWithoutAMajorityEndsWithUnknownFate) {
  TestCluster cluster({.proposal_timeout_us = kSecond / 2});
  const int leader = cluster.AwaitLeader();
  cluster.Isolate(leader);
  const auto answer = cluster.Append(leader, BatchOf({"x"}));
  ASSERT_TRUE(cluster.RunUntil([&] { return answer->has_value(); }, kSecond));
  EXPECT_EQ((*answer)->error().code, ErrorCode::kTimeout);
}

TEST(PartitionTest, TransferredLeadershipServesAtOnce) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  AwaitConvergence(&cluster);
  const int from = cluster.Leader();
  const int to = from == 3 ? 2 : 3;
  ASSERT_TRUE(cluster.partition(from).TransferLeadership(NodeId(to)).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() == to; }, kSecond / 2));
  ProduceNumbers(&cluster, 3, 5);
  EXPECT_EQ(cluster.Leader(), to);
}

TEST(PartitionTest, StopEndsPendingCallsAndKeepsWhatWasAcknowledged) {
  TestCluster cluster({.nodes = 1});
  ProduceNumbers(&cluster, 0, 3);
  const auto pending = cluster.Append(1, BatchOf({"3"}));
  cluster.Stop(1);
  ASSERT_TRUE(pending->has_value());
  EXPECT_EQ((*pending)->error().code, ErrorCode::kShuttingDown);
  cluster.Start(1);
  const Values there = cluster.ReadAll(cluster.AwaitLeader()).value();
  EXPECT_GE(there.size(), 3u);
  EXPECT_EQ(there, Numbers(0, static_cast<int>(there.size())));
}

TEST(PartitionTest, RemovedReplicaLeavesNothingInTheStore) {
  TestCluster cluster({.nodes = 1});
  ProduceNumbers(&cluster, 0, 3);
  std::optional<Status> removed;
  cluster.partition(1).Remove([&](const Status& status) { removed = status; });
  ASSERT_TRUE(cluster.RunUntil([&] { return removed.has_value(); }));
  EXPECT_TRUE(removed->ok());
  EXPECT_TRUE(cluster.store(1).Load()->empty());
}

// ---- what is let in ----

TEST(PartitionTest, BrokenAndOversizedBatchesAreRefused) {
  server::TopicConfig config;
  config.max_message_bytes = 200;
  TestCluster cluster({.nodes = 1, .config = config});
  std::string broken = BatchOf({"a"}).ToString();
  broken.back() ^= 1;
  EXPECT_EQ(cluster.Produce(Bytes(broken)).error().code, ErrorCode::kCorruptRecord);
  EXPECT_EQ(cluster.Produce(BatchOf({std::string(300, 'x')})).error().code,
            ErrorCode::kRecordTooLarge);
  EXPECT_EQ(cluster.Produce(BatchOf({"a"}))->base_offset, 0);
}

TEST(PartitionTest, LeaderStampsRecordsWhenTheTopicSaysSo) {
  server::TopicConfig config;
  config.timestamp_type = server::TimestampType::kLogAppendTime;
  TestCluster cluster({.nodes = 1, .config = config});
  cluster.AwaitLeader();
  const int64_t now_ms = cluster.executor(1).WallNowMs();
  const auto produced = cluster.Produce(BatchOf({"a"}, 5)).value();
  EXPECT_GE(produced.log_append_time_ms, now_ms);
  const auto batch = cluster.Read(1, 0)->batches.at(0);
  const auto records = storage::DecodeRecords(batch.bytes.view(), 0).value();
  EXPECT_EQ(records.at(0).timestamp_ms, produced.log_append_time_ms);
  cluster.partition(1).UpdateConfig({});  // from now on the producer's clock counts
  EXPECT_EQ(cluster.Produce(BatchOf({"b"}, 5))->log_append_time_ms, -1);
}

TEST(PartitionTest, FullDiskRefusesProduceAndRecoversWhenThereIsRoom) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  const int leader = cluster.Leader();
  cluster.store(leader).SetFull(true);
  EXPECT_EQ(cluster.Produce(BatchOf({"x"})).error().code, ErrorCode::kDiskFull);
  EXPECT_EQ(cluster.ReadAll(leader).value(), Numbers(0, 3));  // still serves
  cluster.store(leader).SetFull(false);
  ProduceNumbers(&cluster, 3, 6);
}

TEST(PartitionTest, FollowerWithAFullDiskHoldsUpNobodyAndCatchesUp) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  const int follower = cluster.Leader() == 3 ? 2 : 3;
  cluster.store(follower).SetFull(true);
  ProduceNumbers(&cluster, 3, 20);
  EXPECT_TRUE(cluster.fatal(follower).empty());
  cluster.store(follower).SetFull(false);
  AwaitConvergence(&cluster);
}

TEST(PartitionTest, FollowerWithAFullDiskFollowsOnInsteadOfStartingAgainForEveryRecord) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  AwaitConvergence(&cluster);
  const int leader = cluster.Leader();
  const int full = leader % 3 + 1;
  cluster.store(full).SetFull(true);
  const auto answer = cluster.Append(leader, BatchOf({"3"}));
  const auto follows_nobody = [&] {
    return cluster.partition(full).replica().status().leader != NodeId(leader);
  };
  EXPECT_FALSE(cluster.RunUntil(follows_nobody, 5 * kSecond));
  EXPECT_TRUE(answer->has_value());
}

TEST(PartitionTest, FollowerWithAFullDiskStillVotesForALeader) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  AwaitConvergence(&cluster);
  const int leader = cluster.Leader();
  const int full = leader % 3 + 1;
  cluster.store(full).SetFull(true);
  ProduceNumbers(&cluster, 3, 20);
  cluster.Crash(leader);
  const auto other_leads = [&] {
    return cluster.partition(6 - leader - full).replica().status().role == raft::Role::kLeader;
  };
  EXPECT_TRUE(cluster.RunUntil(other_leads)) << "records that it has no room for hold up no vote";
  cluster.store(full).SetFull(false);  // two whole copies again
  ProduceNumbers(&cluster, 20, 30);
  EXPECT_EQ(cluster.ReadAll(cluster.Leader()).value(), Numbers(0, 30));
}

TEST(PartitionTest, LeaderWhoseDiskFillsUnderItForgetsWhatItCouldNotWriteAndLoosensItsHold) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  AwaitConvergence(&cluster);
  const int leader = cluster.Leader();
  const auto unwritten = cluster.Append(leader, BatchOf({"x"}));  // taken while there was room
  for (int node = 1; node <= 3; ++node) cluster.store(node).SetFull(true);
  cluster.RunFor(20 * kSecond);
  EXPECT_NE(cluster.Leader(), 0) << "somebody leads, and serves what there is";
  EXPECT_EQ(cluster.ReadAll(cluster.Leader()).value(), Numbers(0, 3));
  for (int node = 1; node <= 3; ++node) cluster.store(node).SetFull(false);
  EXPECT_FALSE(unwritten->has_value() && (*unwritten)->ok()) << "it was acknowledged by nobody";
  ProduceNumbers(&cluster, 3, 20);
  AwaitConvergence(&cluster);
}

TEST(PartitionTest, NodeWithAFullDiskTrimsAndLeadsOn) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 20);
  AwaitConvergence(&cluster);
  for (int node = 1; node <= 3; ++node) cluster.store(node).SetFull(true);
  const int leader = cluster.Leader();
  EXPECT_TRUE(cluster.DeleteRecords(leader, 10).ok()) << "a decision that makes room needs none";
  EXPECT_EQ(cluster.Read(leader, 0).error().code, ErrorCode::kOffsetOutOfRange);
}

TEST(PartitionTest, FailedSyncIsFatalForTheNodeAndAcknowledgesNothing) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  AwaitConvergence(&cluster);
  const int leader = cluster.Leader();
  cluster.store(leader).FailNextSync({ErrorCode::kIoError, "fdatasync failed: EIO"});
  const auto answer = cluster.Append(leader, BatchOf({"x"}));
  ASSERT_TRUE(cluster.RunUntil([&] { return !cluster.fatal(leader).empty(); }));
  EXPECT_EQ(cluster.fatal(leader)[0].code, ErrorCode::kIoError);
  ASSERT_TRUE(answer->has_value());
  EXPECT_FALSE((*answer)->ok());
}

TEST(PartitionTest, BrokenAndStaleMessagesChangeNothing) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  const int leader = cluster.Leader();
  const raft::Term term = cluster.partition(leader).replica().status().term;
  const int follower = leader == 3 ? 2 : 3;
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    raft::AppendRequest append{{3, term}, {}, 100};
    for (raft::Index index = 4; index <= 6; ++index) {
      append.entries.push_back({index, term, raft::EntryType::kRecords,
                                static_cast<int64_t>(index) - 1, 1, Bytes(std::string("x"))});
    }
    raft::Entry& entry = append.entries[random.Below(3)];
    raft::Message message{NodeId(leader), NodeId(follower), term, {}};
    switch (random.Below(6)) {  // each breaks it in another way
      case 0: entry.index += 1 + random.Below(5); break;
      case 1: entry.base_offset = static_cast<int64_t>(random.Below(100)) - 101; break;
      case 2: entry.record_count = -static_cast<int32_t>(random.Below(3)); break;
      case 3: entry.type = static_cast<raft::EntryType>(4 + random.Below(200)); break;
      case 4: message.term = 0; break;
      default: entry.type = raft::EntryType::kMembership;
    }
    message.body = append;
    if (random.Chance(1, 4)) {
      message.body =
          raft::InstallSnapshot{{{100, term}, {}}, Bytes(std::string(random.Below(200), 'y'))};
    }
    cluster.partition(follower).Step(message);
  }
  ProduceNumbers(&cluster, 3, 6);
  AwaitConvergence(&cluster);
  EXPECT_EQ(cluster.partition(follower).high_watermark(), 6);
}

TEST(PartitionTest, ViewTellsHowEachReplicaStands) {
  TestCluster cluster;
  ProduceNumbers(&cluster, 0, 3);
  AwaitConvergence(&cluster);
  const int leader = cluster.Leader();
  const int follower = leader == 3 ? 2 : 3;
  cluster.Crash(follower);
  cluster.RunFor(3 * kSecond);
  const server::PartitionView view = cluster.partition(leader).View();
  EXPECT_TRUE(view.from_leader);
  EXPECT_EQ(view.leader, NodeId(leader));
  EXPECT_EQ(view.high_watermark, 3);
  ASSERT_EQ(view.replicas.size(), 3u);
  for (const server::ReplicaView& replica : view.replicas) {
    EXPECT_TRUE(replica.voter);
    EXPECT_EQ(replica.live, replica.node != NodeId(follower)) << replica.node;
    EXPECT_EQ(replica.caught_up, replica.node != NodeId(follower)) << replica.node;
  }
}

}  // namespace
}  // namespace jangada::testing
