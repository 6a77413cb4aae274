// Three nodes as processes: who leads, after many topics were made, after a node came back, after
// all of them were started again.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/integration/test_cluster.h"

namespace jangada::integration {
namespace {

constexpr int kTopics = 6;
constexpr int kPartitions = 10;

std::vector<client::PartitionStateView> Partitions(client::Client& client) {
  auto states = client.DescribePartitions({}, kCallMs);
  return states.ok() ? *std::move(states) : std::vector<client::PartitionStateView>();
}

/// Every partition is led, and by the first of its desired replicas.
bool PreferredLead(client::Client& client) {
  const auto states = Partitions(client);
  return states.size() == kTopics * kPartitions &&
         std::all_of(states.begin(), states.end(), [](const auto& state) {
           return state.from_leader && !state.desired_replicas.empty() &&
                  state.leader == state.desired_replicas.front();
         });
}

std::map<int, int> LedByNode(client::Client& client) {
  std::map<int, int> led;
  for (const auto& state : Partitions(client)) ++led[state.leader];
  return led;
}

bool MakeTopics(client::Client& client) {
  for (int i = 0; i < kTopics; ++i) {
    client::NewTopic topic;
    topic.name = "t" + std::to_string(i);
    topic.partitions = kPartitions;
    topic.replication_factor = 3;
    if (!client.CreateTopic(topic, kCallMs).ok()) return false;
  }
  return true;
}

TEST(LeadershipTest, IsEvenAfterManyTopicsAndComesBackToANodeThatWasKilled) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  const auto client = cluster.MakeClient();
  ASSERT_TRUE(MakeTopics(*client));
  ASSERT_TRUE(Eventually([&] { return PreferredLead(*client); }));
  for (const auto& [node, led] : LedByNode(*client)) {
    EXPECT_EQ(led, kTopics * kPartitions / 3) << "node " << node;
  }
  cluster.Kill(1);
  const auto others = cluster.MakeClient({2, 3});
  ASSERT_TRUE(Eventually([&] {
    const std::map<int, int> led = LedByNode(*others);
    return !led.contains(0) && !led.contains(1);
  })) << "the others take over";
  cluster.Start(1);
  EXPECT_TRUE(Eventually([&] { return PreferredLead(*others); })) << "by itself";
}

}  // namespace
}  // namespace jangada::integration
