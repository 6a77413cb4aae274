// GroupsCluster: one shard of the consumer groups on three nodes, all on one thread in virtual
// time: real Coordinator, Replica and Raft, on stores that forget what was not synced and a network
// that can be cut. Tests say what the cluster image is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "server/groups/coordinator.h"
#include "storage/entry_cache.h"
#include "storage/mem_log_store.h"
#include "tests/server/partition/virtual_world.h"

namespace jangada::server::groups::testing {

using jangada::testing::VirtualExecutor;
using jangada::testing::VirtualWorld;

class GroupsCluster {
 public:
  static constexpr GroupId kShard{9};
  static constexpr int64_t kSecond = 1'000'000;
  static constexpr int kNodes = 3;

  struct Options {
    uint64_t seed = 1;
    int64_t offsets_retention_ms = 3'600'000;
    size_t checkpoint_every_bytes = 1 << 20;
    int64_t initial_delay_us = 0;
  };

  explicit GroupsCluster(const Options& options);
  GroupsCluster() : GroupsCluster(Options()) {}
  ~GroupsCluster();

  void Start(int node, bool founds = false);
  /// kill -9: what was not synced is lost.
  void Crash(int node);
  bool IsUp(int node) const { return slot(node).coordinator != nullptr; }
  void Isolate(int node);
  void Heal() { cut_.clear(); }

  VirtualWorld& world() { return world_; }
  bool RunUntil(const std::function<bool()>& condition, int64_t limit_us = 60 * kSecond) {
    return world_.RunUntil(condition, limit_us);
  }
  void RunFor(int64_t us) { world_.RunFor(us); }

  /// The node that is ready to lead in the highest term. CHECKs that there comes one.
  int AwaitLeader(int other_than = 0);
  Coordinator& at(int node) { return *slot(node).coordinator; }
  Coordinator& leader() { return at(AwaitLeader()); }
  VirtualExecutor& executor(int node) { return *slot(node).executor; }
  const std::vector<Error>& fatal(int node) const { return slot(node).fatal; }
  /// All nodes that are up have folded the same.
  bool Converged();

  // ---- the topics that the nodes know of ----
  void AddTopic(const std::string& name, int32_t partitions);
  void RemoveTopic(const std::string& name);
  /// This node hears of no change of topics until it is told to.
  void FreezeImage(int node, bool frozen);

  // ---- calls; each runs until it is answered ----
  template <class Answer>
  Answer Await(const std::function<void(Callback<Answer>)>& call) {
    auto answer = std::make_shared<std::optional<Answer>>();
    call([answer](Answer got) { *answer = std::move(got); });
    RunUntil([&answer] { return answer->has_value(); });
    return answer->value();
  }
  OffsetErrors Commit(int node, const GroupMembership& member, const std::string& topic,
                      int32_t partition, int64_t offset);
  /// The same by nobody's membership; the one error that there is.
  GroupError CommitSimply(int node, const std::string& group, const std::string& topic,
                          int32_t partition, int64_t offset);
  FetchedOffsets Fetch(int node, const std::string& group);
  /// -1: none; the error otherwise as -100 less its number.
  int64_t Fetch(int node, const std::string& group, const std::string& topic, int32_t partition);
  /// One member joins alone and is assigned `assignment`.
  JoinedGroup JoinAlone(int node, const std::string& group, const std::string& topic = "t");
  GroupMembership MembershipOf(const std::string& group, const JoinedGroup& joined) const {
    return {.group = group,
            .generation = joined.generation,
            .member_id = joined.member_id,
            .instance_id = {}};
  }
  GroupError Heartbeat(int node, const std::string& group, const JoinedGroup& joined);
  GroupDescription Describe(int node, const std::string& group);

  static JoinGroup Asks(const std::string& group, std::string member_id = {},
                        const std::string& topic = "t");

 private:
  class NodeTransport;
  class NodeObserver;
  struct Slot {
    NodeId id;
    std::unique_ptr<VirtualExecutor> executor;
    std::unique_ptr<VirtualExecutor> disk;
    std::unique_ptr<storage::MemLogStore> store;
    std::unique_ptr<NodeTransport> transport;
    std::unique_ptr<NodeObserver> observer;
    std::unique_ptr<storage::EntryCache> cache;
    std::unique_ptr<Coordinator> coordinator;
    std::vector<Error> fatal;
    ClusterImagePtr frozen;  // nullptr: the newest
  };

  Slot& slot(int node) { return slots_.at(static_cast<size_t>(node) - 1); }
  const Slot& slot(int node) const { return slots_.at(static_cast<size_t>(node) - 1); }
  void Deliver(GroupId group, raft::Message message);
  CoordinatorOptions OptionsOf(int node);
  void ChangeImage(const std::function<void(ClusterImage*)>& change);

  const Options options_;
  VirtualWorld world_;
  Random random_;
  std::set<std::pair<int, int>> cut_;
  ClusterImagePtr image_ = std::make_shared<const ClusterImage>();
  std::vector<Slot> slots_;
};

}  // namespace jangada::server::groups::testing
