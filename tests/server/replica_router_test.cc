// server/replica_router: with what the reconciler's commands start a replica.
#include "server/replica_router.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "storage/mem_log_store.h"
#include "tests/server/lonely_host.h"
#include "tests/storage/manual_executor.h"

namespace jangada::server {
namespace {

constexpr GroupId kGroup{7};

class ReplicaRouterTest : public testing::Test {
 protected:
  ReplicaRouterTest() { config_.node.id = 1; }

  /// The node starts, from what is on its disk, and is commanded to found the group alone.
  void StartAndFound() {
    ReplicaRouter::Context context{.config = config_,
                                   .store = store_,
                                   .transport = transport_,
                                   .observer = observer_,
                                   .image = image_,
                                   .shards = {&shard_},
                                   .base = {}};
    router_.emplace(std::move(context), store_.Load().value());
    auto topic = std::make_shared<TopicInfo>();
    topic->name = "topic";
    topic->partitions = {{.partition = 0,
                          .group = kGroup,
                          .replicas = {NodeId(1)},
                          .founders = {NodeId(1)},
                          .revision = kFirstRevision,
                          .leaving = {}}};
    router_->StartPartition(topic->partitions.front(), topic, /*bootstrap=*/true);
    RunAll();
  }
  void RunAll() {
    for (int i = 0; i < 200; ++i) {
      shard_.RunOnce();
      disk_.RunOnce();
    }
  }
  raft::RaftStatus StatusOfReplica() {
    return router_->HostOf(kGroup).Find(kGroup)->replica().status();
  }

  Config config_;
  ImageHolder image_;
  storage::ManualExecutor shard_;
  storage::ManualExecutor disk_;
  storage::MemLogStore store_{disk_};
  NoTransport transport_;
  NoObserver observer_;
  std::optional<ReplicaRouter> router_;
};

/// The node lost its power, and with it the end of the controller's log, which says that the
/// partition was moved to another node (or deleted): what that one acknowledged would be lost.
TEST_F(ReplicaRouterTest, GroupThatWasErasedHereIsNeverFoundedAnew) {
  StartAndFound();
  EXPECT_EQ(StatusOfReplica().role, raft::Role::kLeader);
  router_->ErasePartition(kGroup);
  RunAll();
  ASSERT_TRUE(store_.Load().value().empty());

  StartAndFound();
  EXPECT_TRUE(StatusOfReplica().membership.membership.IsEmpty()) << "it waits to be added";
  EXPECT_NE(StatusOfReplica().role, raft::Role::kLeader);
}

}  // namespace
}  // namespace jangada::server
