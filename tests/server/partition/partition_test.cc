// A partition on one and on three nodes: records in, records out, through the failures of its
// nodes.
#include "server/partition/partition.h"

#include <gtest/gtest.h>

#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {
namespace {

using Values = std::vector<std::string>;

TEST(PartitionTest, OneNodeCommitsAndServesRecords) {
  TestCluster cluster({.nodes = 1});
  EXPECT_EQ(cluster.Produce(BatchOf({"a", "b"}))->base_offset, 0);
  EXPECT_EQ(cluster.Produce(BatchOf({"c"}))->base_offset, 2);
  EXPECT_EQ(cluster.ReadAll(1).value(), (Values{"a", "b", "c"}));
}

TEST(PartitionTest, ThreeNodesCommitAndConverge) {
  TestCluster cluster;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(cluster.Produce(BatchOf({std::to_string(i)}))->base_offset, i);
  }
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
  for (const int node : {1, 2, 3}) EXPECT_EQ(cluster.partition(node).high_watermark(), 20);
}

}  // namespace
}  // namespace jangada::testing
