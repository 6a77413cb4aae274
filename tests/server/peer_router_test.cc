// server/peer_router: whom a node lets in, by what it knows of the cluster.
#include "server/peer_router.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace jangada::server {
namespace {

class PeerRouterTest : public testing::Test {
 protected:
  PeerRouterTest() {
    std::string root = testing::TempDir() + "peer_router_XXXXXX";
    EXPECT_NE(mkdtemp(root.data()), nullptr);
    root_ = root;
    folder_ = storage::DataFolder::Open(root_, NodeId(3), Id()).value();
    identity_ = std::make_unique<IdentityKeeper>(*folder_);
    EXPECT_TRUE(identity_->SaveCluster(cluster_).ok());
    ClusterImage image{.cluster_id = cluster_, .version = 5};
    image.nodes[NodeId(2)] = {.id = NodeId(2), .disk_id = Id()};
    image.nodes[NodeId(3)] = {.id = NodeId(3), .disk_id = identity_->Get().disk_id};
    image_.Set(std::make_shared<const ClusterImage>(image));
    router_ = std::make_unique<PeerRouter>(config_, *identity_, image_, leaders_);
  }
  ~PeerRouterTest() override {
    identity_.reset();
    folder_.reset();
    std::filesystem::remove_all(root_);
  }

  Uuid Id() { return Uuid::Make(random_); }
  PeerIdentity WithNewDisk() {
    PeerIdentity peer;
    peer.cluster_id = cluster_;
    peer.node = NodeId(2);
    peer.disk_id = Id();
    return peer;
  }

  Random random_{1};
  const Uuid cluster_ = Id();
  std::string root_;
  std::unique_ptr<storage::DataFolder> folder_;
  std::unique_ptr<IdentityKeeper> identity_;
  ImageHolder image_;
  LeaderTable leaders_;
  const Config config_;
  std::unique_ptr<PeerRouter> router_;
};

TEST_F(PeerRouterTest, APeerWithAnotherDiskIsRefusedByANodeThatIsUpToDate) {
  image_.SetCurrent(true);
  EXPECT_EQ(router_->CheckPeer(WithNewDisk()).error().code, ErrorCode::kPermissionDenied);
}

TEST_F(PeerRouterTest, ANodeThatIsBehindLetsInTheLeaderWhoseDiskWasReplaced) {
  // Another node said who leads; what this one knows is older.
  NodeStatus status{.from = NodeId(1), .full = true};
  status.leaders = {{.group = kControllerGroup, .leader = NodeId(2), .term = 9}};
  leaders_.Learn(status);
  EXPECT_TRUE(router_->CheckPeer(WithNewDisk()).ok());
}

}  // namespace
}  // namespace jangada::server
