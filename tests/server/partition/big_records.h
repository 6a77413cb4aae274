// Records of about 10 KB for the tests of one partition, and what they wait for.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {

using Values = std::vector<std::string>;
inline constexpr int64_t kSecond = TestCluster::kSecond;

/// Until the replica is told that it holds what it may once have held.
inline void AwaitWhole(TestCluster* cluster, int node) {
  CHECK(cluster->RunUntil([&] { return !cluster->partition(node).replica().vitals().refilling; }));
}

/// Records of about 10 KB each, so that sparse rows come every seven of them.
inline std::string Big(int i) { return std::to_string(i) + std::string(10'000, '.'); }

inline Values Bigs(int from, int to) {
  Values values;
  for (int i = from; i < to; ++i) values.push_back(Big(i));
  return values;
}

inline void ProduceBigs(TestCluster* cluster, int from, int to) {
  for (int i = from; i < to; ++i) {
    ASSERT_EQ(cluster->Produce(BatchOf({Big(i)})).value().base_offset, i);
  }
}

inline void AwaitConvergence(TestCluster* cluster) {
  ASSERT_TRUE(cluster->RunUntil([&] { return cluster->Converged(); }));
}

inline int OtherThan(int node) { return node == 3 ? 2 : 3; }

/// Makes `node` lead and reads everything from it.
inline Values ReadAllFrom(TestCluster* cluster, int node, int64_t offset) {
  const bool leads = cluster->RunUntil([&] {
    if (cluster->Leader() == node) return true;
    if (cluster->Leader() != 0) {
      (void)cluster->partition(cluster->Leader()).TransferLeadership(NodeId(node));
    }
    cluster->RunFor(kSecond / 2);
    return cluster->Leader() == node;
  });
  EXPECT_TRUE(leads) << "node " << node << " cannot be made leader";
  return leads ? cluster->ReadAll(node, offset).value() : Values{};
}

}  // namespace jangada::testing
