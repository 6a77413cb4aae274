// server/replica_router: replicas that are on the disk start before anybody says whose they are.
#include "server/replica_router.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "storage/mem_log_store.h"
#include "storage/record_batch.h"
#include "storage/thread_executor.h"

namespace jangada::server {
namespace {

constexpr GroupId kGroup{5};
constexpr NodeId kSelf{1};

class SilentTransport final : public Transport {
 public:
  void Send(GroupId, raft::Message) override {}
  void SendStatus(NodeId, const NodeStatus&) override {}
  void Call(NodeId, PeerCall, int64_t, Callback<Result<Bytes>>) override {}
};

class CountingObserver final : public HostObserver {
 public:
  void OnLeadership(GroupId, const raft::RoleChange&, bool ready) override { ready_ = ready; }
  void OnRefill(GroupId, RefillEvent) override {}
  void OnStoreFailed(const Error& error) override { ADD_FAILURE() << error; }
  bool ready() const { return ready_; }

 private:
  std::atomic<bool> ready_ = false;
};

std::shared_ptr<const TopicInfo> Topic() {
  auto topic = std::make_shared<TopicInfo>();
  topic->name = "t";
  PartitionInfo partition;
  partition.group = kGroup;
  partition.replicas = partition.founders = {kSelf};
  partition.revision = kFirstRevision;
  topic->partitions.push_back(partition);
  return topic;
}

/// One life of a node's replicas, on a disk that outlives it.
class Life {
 public:
  Life(const Config& config, storage::LogStore& store)
      : router_(config, store, transport_, observer_, store.Load().value()) {
    router_.StartShards();
  }
  ~Life() {
    std::promise<void> stopped;
    router_.StopReplicas([&stopped] { stopped.set_value(); });
    stopped.get_future().wait();
    router_.StopShards();
  }

  template <class T>
  T OnShard(std::function<T(ShardHost&)> ask) {
    std::promise<T> answer;
    ShardHost& host = router_.HostOf(kGroup);
    host.shard().Post([&] { answer.set_value(ask(host)); });
    return answer.get_future().get();
  }
  void OnController(const std::function<void(ReplicaRouter&)>& command) {
    OnShard<bool>([&](ShardHost&) {
      command(router_);
      return true;
    });
  }
  bool AwaitReady() {
    for (int i = 0; i < 2'000 && !observer_.ready(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return observer_.ready();
  }

 private:
  SilentTransport transport_;
  CountingObserver observer_;
  ReplicaRouter router_;
};

TEST(ReplicaRouter, ReplicaOnTheDiskLeadsAtOnceAndServesWhenItIsKnownWhoseItIs) {
  const Config config = ParseConfig("", "test", {"node.id=1", "shards=1"}).config;
  storage::ThreadExecutor disk("disk");
  storage::MemLogStore store(disk);
  {
    Life first(config, store);
    first.OnController([](ReplicaRouter& router) {
      router.StartPartition(Topic()->partitions[0], Topic(), /*bootstrap=*/true);
    });
    ASSERT_TRUE(first.AwaitReady());
  }
  Life second(config, store);
  second.OnController([](ReplicaRouter& router) { router.StartLoaded(); });
  ASSERT_TRUE(second.AwaitReady()) << "it is its group's only voter";
  EXPECT_TRUE(second.OnShard<bool>([](ShardHost& host) { return host.Find(kGroup) != nullptr; }));
  EXPECT_FALSE(
      second.OnShard<bool>([](ShardHost& host) { return host.FindServing(kGroup) != nullptr; }));
  second.OnController([](ReplicaRouter& router) {
    router.StartPartition(Topic()->partitions[0], Topic(), /*bootstrap=*/false);
  });
  const auto where = second.OnShard<TopicPartition>([](ShardHost& host) {
    Partition* serving = host.FindServing(kGroup);
    return serving != nullptr ? serving->View().where : TopicPartition{};
  });
  EXPECT_EQ(where, (TopicPartition{"t", 0}));
}

TEST(ReplicaRouter, GroupThatIsNobodysIsErasedThoughItRuns) {
  const Config config = ParseConfig("", "test", {"node.id=1", "shards=1"}).config;
  storage::ThreadExecutor disk("disk");
  storage::MemLogStore store(disk);
  {
    Life first(config, store);
    first.OnController([](ReplicaRouter& router) {
      router.StartPartition(Topic()->partitions[0], Topic(), /*bootstrap=*/true);
    });
    ASSERT_TRUE(first.AwaitReady());
  }
  {
    Life second(config, store);
    second.OnController([](ReplicaRouter& router) { router.StartLoaded(); });
    ASSERT_TRUE(second.AwaitReady());
    second.OnController([](ReplicaRouter& router) { router.ErasePartition(kGroup); });
    EXPECT_FALSE(
        second.OnShard<bool>([](ShardHost& host) { return host.Find(kGroup) != nullptr; }));
    std::promise<void> written;  // behind the erasure
    disk.Post([&written] { written.set_value(); });
    written.get_future().wait();
  }
  EXPECT_TRUE(store.Load().value().empty());
}

}  // namespace
}  // namespace jangada::server
