// server/identity_keeper: what a node was founded with comes back from its folder.
#include "server/identity_keeper.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace jangada::server {
namespace {

TEST(IdentityKeeper, FoundersAndClusterComeBackAfterARestart) {
  std::string root = testing::TempDir() + "identity_XXXXXX";
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  Random random(3);
  const std::vector<FounderDisk> founders = {
      {.node = NodeId(1), .peer = {"127.0.0.1", 6092}, .disk_id = Uuid::Make(random)},
      {.node = NodeId(2), .peer = {"node-2.example", 65535}, .disk_id = Uuid::Make(random)},
  };
  const Uuid cluster = Uuid::Make(random);
  {
    auto folder = storage::DataFolder::Open(root, NodeId(1), founders[0].disk_id);
    ASSERT_TRUE(folder.ok());
    IdentityKeeper keeper(**folder);
    EXPECT_TRUE(keeper.Get().IsEmpty());
    ASSERT_TRUE(keeper.SaveFounding(founders).ok());
    ASSERT_TRUE(keeper.SaveCluster(cluster).ok());
    EXPECT_EQ(keeper.Get().founding, founders);
  }
  {
    auto folder = storage::DataFolder::Open(root, NodeId(1), Uuid());
    ASSERT_TRUE(folder.ok());
    const IdentityKeeper keeper(**folder);
    EXPECT_EQ(keeper.Get().founding, founders);
    EXPECT_EQ(keeper.Get().cluster_id, cluster);
    EXPECT_EQ(keeper.Get().disk_id, founders[0].disk_id);
  }
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace jangada::server
