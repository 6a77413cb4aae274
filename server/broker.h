// Broker: the only door for listeners (gRPC, Kafka). It knows which shard owns what and who leads
// it; listeners know protocols. Every call may come from any thread, returns at once, and ends in
// one call of `done`, on an unspecified thread, which must not block.
//
// Errors of every partition call: kUnknownTopic (no such topic or partition), kNotLeader (surely
// not done; see LeaderOf), kUnavailable (this node is about to lead, surely not done, try again),
// kShuttingDown, kTimeout (fate unknown).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/callback.h"
#include "base/result.h"
#include "server/controller/cluster_image.h"
#include "server/node_condition.h"

namespace jangada::server {

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

struct ProduceRequest {
  TopicPartition where;
  Bytes batch;                      // one RecordBatch v2, as its producer made it; checked here
  int64_t timeout_us = 10'000'000;  // then kTimeout
};

struct ProduceResult {
  int64_t base_offset = 0;
  int64_t log_append_time_ms = -1;  // -1 unless the topic stamps it
  int64_t log_start_offset = 0;
  bool duplicate = false;  // an idempotent producer's batch that was already in the log
};

/// Says that nobody waits for an answer any more. Any thread.
class Abandonment {
 public:
  /// Also given up once `whole` is, of which this is a part.
  explicit Abandonment(std::shared_ptr<const Abandonment> whole = nullptr)
      : whole_(std::move(whole)) {}
  void Set() { set_ = true; }
  bool IsSet() const { return set_ || (whole_ != nullptr && whole_->IsSet()); }

 private:
  const std::shared_ptr<const Abandonment> whole_;
  std::atomic<bool> set_ = false;
};

struct FetchRequest {
  TopicPartition where;
  int64_t offset = 0;
  size_t max_bytes = 1 << 20;
  bool at_least_one_batch = true;  // however large it is
  size_t min_bytes = 0;            // wait for this much ...
  int64_t max_wait_us = 0;         // ... but no longer than this, then answer what there is
  /// If it is given: once it is set the wait ends, sooner or later, with an answer for nobody.
  std::shared_ptr<const Abandonment> abandoned;
};

struct FetchedBatch {
  int64_t base_offset = 0;
  int32_t leader_epoch = 0;
  Bytes bytes;  // as stored: storage::WithBatchOffset makes what a client must see
};

struct FetchResult {
  std::vector<FetchedBatch> batches;  // the first may begin before `offset`
  int64_t high_watermark = 0;
  int64_t log_start_offset = 0;
};

/// A leader, the term that it leads in, and who of its followers lags (LeaderHint::lagging).
struct KnownLeader {
  NodeId node;
  int32_t epoch = 0;
  std::vector<NodeId> lagging = {};
  friend bool operator==(const KnownLeader&, const KnownLeader&) = default;
};

struct ListedOffset {
  int64_t offset = -1;  // -1: no record at or after the timestamp
  int64_t timestamp_ms = -1;
  int32_t leader_epoch = 0;
};

/// For ListOffsets in place of a timestamp.
inline constexpr int64_t kLatestOffset = -1;
inline constexpr int64_t kEarliestOffset = -2;
inline constexpr int64_t kMaxTimestampOffset = -3;

struct ReplicaView {
  NodeId node;
  bool voter = false;
  bool live = false;         // heard from recently
  bool caught_up = false;    // live, and close to the leader's end
  uint64_t match_index = 0;  // known at the leader
  static void Fields(auto& m, auto& v) {
    v(m.node), v(m.voter), v(m.live), v(m.caught_up), v(m.match_index);
  }
};

/// One partition as its leader sees it, or, where nobody leads, what this node knows of it.
struct PartitionView {
  TopicPartition where;
  GroupId group;
  std::vector<NodeId> desired_replicas;
  std::optional<NodeId> leader;
  uint64_t leader_epoch = 0;
  bool from_leader = false;  // the fields below were said by the leader just now
  std::vector<ReplicaView> replicas;
  int64_t log_start_offset = 0;
  int64_t high_watermark = 0;
  bool reassigning = false;
  static void Fields(auto& m, auto& v) {
    v(m.where.topic), v(m.where.partition), v(m.group), v(m.desired_replicas), v(m.leader);
    v(m.leader_epoch), v(m.from_leader), v(m.replicas), v(m.log_start_offset);
    v(m.high_watermark), v(m.reassigning);
  }
};

/// Where the records of a leader's term end: the offset after the last of them.
struct EpochEnd {
  int32_t epoch = -1;  // -1: no such term yet
  int64_t end_offset = -1;
};

/// What the disk of this node holds.
struct LogDirView {
  struct Replica {
    TopicPartition where;
    int64_t bytes = 0;  // of its log
  };

  std::string path;  // of the data folder
  int64_t total_bytes = 0;
  int64_t usable_bytes = 0;
  std::vector<Replica> replicas;  // ascending
};

struct CreateTopic {
  std::string name;
  /// Of kind kGroups there is one, kGroupsTopic, which the broker makes itself.
  TopicKind kind = TopicKind::kRecords;
  int32_t partitions = 1;
  int32_t replication_factor = 1;
  /// Optional manual placement, one list a partition; partitions and replication_factor are then
  /// ignored.
  std::vector<std::vector<NodeId>> assignment;
  std::map<std::string, std::string> configs;
  int64_t timeout_us = 10'000'000;  // for the leaders to be ready to serve
  bool validate_only = false;
};

/// More partitions for a topic.
struct NewPartitions {
  std::string topic;
  int32_t total = 0;  // afterwards
  /// Optional manual placement of the new ones, one list each, in order; empty: they are placed.
  std::vector<std::vector<NodeId>> assignment;
};

struct ProducerIdentity {
  int64_t producer_id = -1;
  int16_t epoch = 0;
};

class GroupBroker;

class Broker {
 public:
  virtual ~Broker() = default;

  /// Consumer groups (group_broker.h).
  virtual GroupBroker& groups() = 0;

  // ---- partitions (only the leader answers) ----
  virtual void Produce(ProduceRequest request, Callback<Result<ProduceResult>> done) = 0;
  virtual void Fetch(FetchRequest request, Callback<Result<FetchResult>> done) = 0;
  /// Linearizable: confirmed with a quorum. `timestamp_ms` or one of the constants above.
  virtual void ListOffset(TopicPartition where, int64_t timestamp_ms,
                          Callback<Result<ListedOffset>> done) = 0;
  virtual void DescribePartition(TopicPartition where, Callback<Result<PartitionView>> done) = 0;
  /// Records below `offset` go (Kafka's DeleteRecords); answers the new log start offset.
  virtual void DeleteRecords(TopicPartition where, int64_t offset,
                             Callback<Result<int64_t>> done) = 0;
  virtual void TransferLeadership(TopicPartition where, NodeId to, Callback<Status> done) = 0;

  /// Where term `epoch` ends, or the last one before it that wrote records. One that is older than
  /// all known is answered with itself and the log start offset.
  virtual void FindEpochEnd(TopicPartition where, int32_t epoch,
                            Callback<Result<EpochEnd>> done) = 0;

  // ---- partitions, asked of any node: one hop to the leader where that is another. Also
  // kUnavailable: nobody leads it, or its leader cannot be reached ----
  virtual void InspectPartition(TopicPartition where, Callback<Result<PartitionView>> done) = 0;
  /// The leader hands over to `to`; answered when that has begun.
  virtual void HandOver(TopicPartition where, NodeId to, Callback<Status> done) = 0;

  // ---- soft state of this node; immediate ----
  virtual ClusterImagePtr image() const = 0;
  virtual NodeId self() const = 0;
  /// Where this node believes the leader to be.
  virtual std::optional<KnownLeader> KnownLeaderOf(const TopicPartition& where) const = 0;
  std::optional<NodeId> LeaderOf(const TopicPartition& where) const {
    const std::optional<KnownLeader> known = KnownLeaderOf(where);
    return known ? std::optional(known->node) : std::nullopt;
  }
  virtual std::optional<NodeId> ControllerLeader() const = 0;
  /// Nodes heard from recently, this one included.
  virtual std::vector<NodeId> LiveNodes() const = 0;
  /// What the nodes told of themselves, this one included; a node that was never heard from is
  /// missing. About a second old.
  virtual std::map<NodeId, NodeView> Nodes() const = 0;
  /// As the store knows it: a look-up for each partition of the cluster, no read.
  virtual LogDirView LogDir() const = 0;

  // ---- cluster; any node forwards to the controller's leader. Errors: kUnavailable (no leader;
  // surely not done), kTimeout, and the call's own ----
  virtual void CreateTopic(server::CreateTopic request, Callback<Result<Uuid>> done) = 0;
  virtual void DeleteTopic(std::string name, Callback<Status> done) = 0;
  virtual void CreatePartitions(NewPartitions request, Callback<Status> done) = 0;
  /// nullopt value: back to the default. An unknown key or bad value changes nothing.
  virtual void AlterTopicConfigs(std::string topic,
                                 std::map<std::string, std::optional<std::string>> changes,
                                 Callback<Status> done) = 0;
  virtual void InitProducer(Callback<Result<ProducerIdentity>> done) = 0;
  /// Moves one partition by joint consensus; progress through DescribePartition.
  virtual void MovePartition(TopicPartition where, std::vector<NodeId> replicas,
                             Callback<Status> done) = 0;
  /// Admits a node (a new id, or an id whose disk was lost and which was removed before).
  virtual void AddNode(NodeId node, Callback<Status> done) = 0;
  /// Moves its replicas away where other nodes have room, and out of the groups where not.
  virtual void RemoveNode(NodeId node, Callback<Status> done) = 0;
};

}  // namespace jangada::server
