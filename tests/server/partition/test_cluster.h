// TestCluster: one partition on several nodes, all on one thread in virtual time: real Partition,
// Replica and Raft, on stores that forget what was not synced and a network that delays, loses and
// cuts. The simulator grows from here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "server/partition/partition.h"
#include "server/partition/pulses.h"
#include "storage/entry_cache.h"
#include "storage/mem_log_store.h"
#include "storage/record_batch.h"
#include "tests/server/partition/virtual_world.h"

namespace jangada::testing {

struct ClusterOptions {
  int nodes = 3;
  int founders = 0;  // only the first so many found the group and start; 0: all
  uint64_t seed = 1;
  size_t cache_bytes = 16 << 20;
  int64_t sync_us = 1'000;
  int64_t network_us = 300;                           // and up to twice that
  server::TopicConfig config = {.retention_ms = -1};  // the tests' records are old
  size_t checkpoint_every_bytes = 64 << 20;
  int64_t proposal_timeout_us = 30'000'000;
  int64_t trim_interval_us = 100'000;
  size_t max_producers = 10'000;
  size_t max_append_bytes = 1 << 20;
  int64_t producer_expiry_check_us = 60'000'000;
  bool pulses = true;
};

class TestCluster {
 public:
  static constexpr GroupId kGroup{7};
  static constexpr int64_t kSecond = 1'000'000;

  explicit TestCluster(ClusterOptions options = {});
  ~TestCluster();

  // ---- nodes: 1, 2, ... ----
  /// Starts a node from what its store holds; a new group is founded by `founders`.
  void Start(int node, const std::vector<int>& founders = {});
  /// kill -9: what was not synced is lost. Peers see the connection refused a moment later.
  void Crash(int node);
  /// A clean stop, to its end.
  void Stop(int node);
  bool IsUp(int node) const { return slot(node).partition != nullptr; }

  server::Partition& partition(int node) { return *slot(node).partition; }
  storage::MemLogStore& store(int node) { return *slot(node).store; }
  VirtualExecutor& executor(int node) { return *slot(node).executor; }
  /// Fatal errors that the node was told of.
  const std::vector<Error>& fatal(int node) const { return slot(node).fatal; }
  /// Which followers the node, as their leader, told to lag last, and how often it told.
  const std::vector<NodeId>& lagging(int node) const { return slot(node).lagging; }
  int lag_reports(int node) const { return slot(node).lag_reports; }

  // ---- faults ----
  /// Messages between the two are lost, both ways.
  void Cut(int a, int b);
  void Isolate(int node);
  /// Messages from `a` to `b` are lost, those back are not.
  void CutOneWay(int a, int b) { cut_.insert({a, b}); }
  void Heal() { cut_.clear(); }
  /// So many of a hundred pulses are lost.
  void LosePulses(uint64_t percent) { lost_pulses_percent_ = percent; }
  /// Raft messages sent so far, by all nodes.
  size_t messages_sent() const { return messages_sent_; }
  size_t pulses_sent() const { return pulses_sent_; }
  void SetSyncDelay(int node, int64_t delay_us) { slot(node).disk->SetPostDelay(delay_us); }

  // ---- time ----
  VirtualWorld& world() { return world_; }
  bool RunUntil(const std::function<bool()>& condition, int64_t limit_us = 20 * kSecond) {
    return world_.RunUntil(condition, limit_us);
  }
  void RunFor(int64_t duration_us) { world_.RunFor(duration_us); }

  // ---- the partition ----
  /// The ready leader of the highest term; 0 if nobody is ready.
  int Leader() const;
  /// Waits for a ready leader that is not `other_than`. CHECKs that one comes.
  int AwaitLeader(int other_than = 0);
  /// All nodes that are up have applied the same, and as much as the leader's log holds.
  bool Converged();

  using Produced = std::shared_ptr<std::optional<Result<server::ProduceResult>>>;
  /// Begins an append at `node`; the answer comes while time runs.
  Produced Append(int node, const Bytes& batch);
  /// Appends at the present leader and waits for the answer.
  Result<server::ProduceResult> Produce(const Bytes& batch);
  /// Values of all records that the node serves from `offset` on. CHECKs that offsets have no hole.
  Result<std::vector<std::string>> ReadAll(int node, int64_t offset = 0);
  Result<server::FetchResult> Read(int node, int64_t offset, size_t max_bytes = 1 << 20);
  Result<server::ListedOffset> ListOffset(int node, int64_t timestamp_ms);
  Result<int64_t> DeleteRecords(int node, int64_t offset);
  /// Changes the group's membership through its leader and waits for the end of it.
  Status ChangeMembership(const std::vector<int>& voters, const std::vector<int>& learners = {});

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
    std::unique_ptr<server::Pulses> pulses;
    std::unique_ptr<server::Partition> partition;
    std::vector<Error> fatal;
    std::vector<NodeId> lagging;
    int lag_reports = 0;
  };

  Slot& slot(int node) { return slots_.at(static_cast<size_t>(node) - 1); }
  const Slot& slot(int node) const { return slots_.at(static_cast<size_t>(node) - 1); }
  void Deliver(GroupId group, raft::Message message);
  void DeliverPulse(int from, int to, server::Pulse pulse);
  /// Runs `arrive` at `to` after the network's delay, if the link is up then and the node too.
  void Carry(int from, int to, Callback<> arrive);
  server::PartitionOptions OptionsOf(int node) const;

  const ClusterOptions options_;
  VirtualWorld world_;
  Random random_;
  std::set<std::pair<int, int>> cut_;
  uint64_t lost_pulses_percent_ = 0;
  size_t messages_sent_ = 0;
  size_t pulses_sent_ = 0;
  std::vector<Slot> slots_;
};

// ---- batches ----

/// One batch of one record for each value, all stamped `timestamp_ms`.
Bytes BatchOf(const std::vector<std::string>& values, int64_t timestamp_ms = 1000);
/// The same by an idempotent producer.
Bytes BatchFrom(int64_t producer_id, int16_t epoch, int32_t sequence,
                const std::vector<std::string>& values);

}  // namespace jangada::testing
