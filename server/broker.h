// Broker: the only door for listeners (gRPC, Kafka). It knows which shard owns what and who leads
// it; listeners know protocols. Every call may come from any thread, returns at once, and ends in
// one call of `done`, on an unspecified thread, which must not block.
//
// Errors of every partition call: kUnknownTopic (no such topic or partition), kNotLeader (surely
// not done; see LeaderOf), kUnavailable (this node is about to lead, surely not done, try again),
// kShuttingDown, kTimeout (fate unknown).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
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

struct FetchRequest {
  TopicPartition where;
  int64_t offset = 0;
  size_t max_bytes = 1 << 20;  // at least one batch is answered all the same
  size_t min_bytes = 0;        // wait for this much ...
  int64_t max_wait_us = 0;     // ... but no longer than this, then answer what there is
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
};

struct CreateTopic {
  std::string name;
  int32_t partitions = 1;
  int32_t replication_factor = 1;
  /// Optional manual placement, one list a partition; partitions and replication_factor are then
  /// ignored.
  std::vector<std::vector<NodeId>> assignment;
  std::map<std::string, std::string> configs;
  int64_t timeout_us = 10'000'000;  // for the leaders to be ready to serve
  bool validate_only = false;
};

struct ProducerIdentity {
  int64_t producer_id = -1;
  int16_t epoch = 0;
};

class Broker {
 public:
  virtual ~Broker() = default;

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

  // ---- soft state of this node; immediate ----
  virtual ClusterImagePtr image() const = 0;
  virtual NodeId self() const = 0;
  /// Where this node believes the leader to be.
  virtual std::optional<NodeId> LeaderOf(const TopicPartition& where) const = 0;
  virtual std::optional<NodeId> ControllerLeader() const = 0;
  /// Nodes heard from recently, this one included.
  virtual std::vector<NodeId> LiveNodes() const = 0;
  /// What the nodes told of themselves, this one included; a node that was never heard from is
  /// missing. About a second old.
  virtual std::map<NodeId, NodeView> Nodes() const = 0;

  // ---- cluster; any node forwards to the controller's leader. Errors: kUnavailable (no leader;
  // surely not done), kTimeout, and the call's own ----
  virtual void CreateTopic(server::CreateTopic request, Callback<Result<Uuid>> done) = 0;
  virtual void DeleteTopic(std::string name, Callback<Status> done) = 0;
  virtual void CreatePartitions(std::string topic, int32_t total, Callback<Status> done) = 0;
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
