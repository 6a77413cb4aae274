// server/shard_host: what is commanded for one group takes effect in its order, however slow the
// disk is.
#include "server/shard_host.h"

#include <gtest/gtest.h>

#include "storage/mem_log_store.h"
#include "tests/server/lonely_host.h"
#include "tests/storage/manual_executor.h"

namespace jangada::server {
namespace {

constexpr GroupId kGroup{7};
const raft::Membership kAlone{.voters = {NodeId(1)}, .outgoing = {}, .learners = {}};

class ShardHostTest : public testing::Test {
 protected:
  void Start(const raft::Membership& bootstrap) {
    PartitionOptions options;
    options.where = {"topic", 0};
    options.replica.group = kGroup;
    options.replica.raft.self = NodeId(1);
    storage::GroupState nothing;
    nothing.group = kGroup;
    host_.StartPartition(options, nothing, bootstrap);
  }
  void RunShard() {
    for (int i = 0; i < 10; ++i) shard_.RunOnce();
  }
  void RunAll() {
    for (int i = 0; i < 20; ++i) {
      RunShard();
      disk_.RunOnce();
    }
  }
  bool IsStored() {
    const auto loaded = store_.Load();
    return loaded.ok() && !loaded->empty();
  }

  storage::ManualExecutor shard_;
  storage::ManualExecutor disk_;
  storage::MemLogStore store_{disk_};
  NoTransport transport_;
  NoObserver observer_;
  ShardHost host_{{}, shard_, store_, transport_, observer_};
};

/// It was moved away and back while the disk hung.
TEST_F(ShardHostTest, GroupThatComesBackStartsOnceItsOldReplicaIsErased) {
  Start(kAlone);
  RunAll();
  ASSERT_TRUE(IsStored());
  host_.Find(kGroup)->replica().TakeCheckpoint(nullptr);
  RunShard();
  ASSERT_GT(disk_.waiting(), 0u) << "a write is under way";

  host_.ErasePartition(kGroup);
  Start(kAlone);  // as the only voter, so that it writes without having to hear of others
  RunShard();
  EXPECT_EQ(host_.Find(kGroup), nullptr) << "two replicas of one group would write at once";
  RunAll();
  EXPECT_NE(host_.Find(kGroup), nullptr);
  EXPECT_TRUE(IsStored()) << "the old one's erasure took what the new one had written";
}

TEST_F(ShardHostTest, GroupThatComesBackAndGoesAgainMeanwhileDoesNotStart) {
  Start(kAlone);
  RunAll();
  host_.Find(kGroup)->replica().TakeCheckpoint(nullptr);
  RunShard();

  host_.ErasePartition(kGroup);
  Start({});
  host_.ErasePartition(kGroup);
  RunAll();
  EXPECT_EQ(host_.Find(kGroup), nullptr);
  EXPECT_FALSE(IsStored());
}

}  // namespace
}  // namespace jangada::server
