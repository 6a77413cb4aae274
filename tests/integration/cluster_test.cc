// Three nodes as processes: what is acknowledged stays, whoever dies.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "tests/integration/load.h"
#include "tests/integration/test_cluster.h"

namespace jangada::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Who leads the partition, as the cluster says; 0: nobody.
int LeaderOf(client::Client& client, const std::string& topic, int partition) {
  const auto states = client.DescribePartitions({topic}, kCallMs);
  if (!states.ok()) return 0;
  for (const auto& state : *states) {
    if (state.where.partition == partition && state.from_leader) return state.leader;
  }
  return 0;
}

/// Every replica of every partition of the topic is live and caught up.
bool AllCaughtUp(client::Client& client, const std::string& topic, size_t replicas) {
  const auto states = client.DescribePartitions({topic}, kCallMs);
  return states.ok() && !states->empty() &&
         std::all_of(states->begin(), states->end(), [replicas](const auto& state) {
           return state.from_leader && state.replicas.size() == replicas &&
                  std::all_of(state.replicas.begin(), state.replicas.end(),
                              [](const auto& replica) { return replica.caught_up; });
         });
}

TEST(ClusterTest, EveryNodeServesWhatWasProducedThroughAnother) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 6, 3);
  ASSERT_TRUE(load.Produce(2'000));
  for (int node : cluster.nodes()) {
    EXPECT_EQ(load.Judge(*cluster.MakeClient({node})), "") << "through node " << node;
  }
}

TEST(ClusterTest, LeaderKilledUnderLoadLosesNothingAcknowledged) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 3, 3);
  load.Run();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(load.WaitForMore(300));
    const int leader = LeaderOf(load.client(), "t", 0);
    ASSERT_NE(leader, 0);
    const auto killed_at = steady_clock::now();
    cluster.Kill(leader);
    ASSERT_TRUE(load.WaitForMore(300)) << "nothing is acknowledged after the kill";
    std::cout << "300 acknowledgements after the kill of a leader in "
              << std::chrono::duration_cast<milliseconds>(steady_clock::now() - killed_at).count()
              << " ms\n";
    cluster.Start(leader);
    ASSERT_TRUE(cluster.WaitServing({leader}));
  }
  ASSERT_TRUE(load.Stop());
  EXPECT_EQ(load.failed(), 0);
  EXPECT_EQ(load.Judge(load.client()), "");
  EXPECT_TRUE(Eventually([&] { return AllCaughtUp(load.client(), "t", 3); }));
}

TEST(ClusterTest, LeaderThatWasPausedAcknowledgesNothingThatIsLost) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 3, 3);
  load.Run();
  ASSERT_TRUE(load.WaitForMore(300));
  const int leader = LeaderOf(load.client(), "t", 0);
  ASSERT_NE(leader, 0);
  cluster.Pause(leader);
  EXPECT_TRUE(load.WaitForMore(2'000)) << "the other two go on without it";
  cluster.Resume(leader);
  EXPECT_TRUE(load.WaitForMore(300));
  ASSERT_TRUE(load.Stop());
  EXPECT_EQ(load.failed(), 0);
  EXPECT_EQ(load.Judge(load.client()), "");
}

TEST(ClusterTest, AllKilledAtOnceKeepWhatWasAcknowledged) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 6, 3);
  load.Run();
  ASSERT_TRUE(load.WaitForMore(1'000));
  for (int node : cluster.nodes()) cluster.Kill(node);
  for (int node : cluster.nodes()) cluster.Start(node);
  ASSERT_TRUE(cluster.WaitServing(cluster.nodes()));
  EXPECT_TRUE(load.WaitForMore(300));
  ASSERT_TRUE(load.Stop());
  EXPECT_EQ(load.Judge(load.client()), "");
}

TEST(ClusterTest, SigtermDrainsAndLeavesNoAcknowledgedRecordBehind) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 6, 3);
  load.Run();
  for (int node : cluster.nodes()) {
    ASSERT_TRUE(load.WaitForMore(200));
    EXPECT_EQ(cluster.Terminate(node), 0) << "a clean stop ends with 0";
    ASSERT_TRUE(load.WaitForMore(200));
    cluster.Start(node);
    ASSERT_TRUE(cluster.WaitServing({node}));
  }
  ASSERT_TRUE(load.Stop());
  EXPECT_EQ(load.failed(), 0);
  EXPECT_EQ(load.Judge(load.client()), "");
  for (int node : cluster.nodes()) EXPECT_EQ(cluster.Terminate(node), 0);
  ASSERT_TRUE(cluster.StartAndServe());
  EXPECT_EQ(load.Judge(load.client()), "") << "after all three were stopped";
}

/// How often the node of this log gave a leadership up after it was told to stop, while it ran.
int HandedOver(const std::string& log) {
  int count = 0;
  for (size_t at = log.find("received signal=SIGTERM"); at != std::string::npos; ++count) {
    at = log.find("role=follower", at + 1);
  }
  return count - 1;
}

TEST(ClusterTest, SigtermHandsOverEveryLeadershipBeforeTheNodeEnds) {
  constexpr int kPartitions = 6;
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", kPartitions, 3);
  ASSERT_TRUE(load.Produce(100));
  const auto led = [&](int node) {
    int count = 0;
    for (int p = 0; p < kPartitions; ++p) count += LeaderOf(load.client(), "t", p) == node;
    return count;
  };
  ASSERT_TRUE(Eventually([&] { return led(1) == 2 && led(2) == 2 && led(3) == 2; }))
      << "leaderships are spread";
  EXPECT_EQ(cluster.Terminate(2), 0);
  EXPECT_GE(HandedOver(cluster.Log(2)), 2);
  EXPECT_EQ(cluster.Log(2).find("stops while it leads"), std::string::npos);
}

TEST(ClusterTest, FirstRecordOfANewNodeIsAcknowledgedWithinASecondOrTwo) {
  TestCluster cluster(1);
  const auto before = steady_clock::now();
  cluster.Start(1);
  // No waiting for anything: the client is there before the node is.
  Load load(cluster, "t", 1, 1);
  ASSERT_TRUE(load.Produce(1));
  const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - before);
  std::cout << "cold start to the first acknowledged record: " << took.count() << " ms\n";
  // The promise is one second; a machine that builds and tests beside this one gets twice that.
  EXPECT_LT(took, milliseconds(2'000));
}

}  // namespace
}  // namespace jangada::integration
