// Wire: the calls of the gRPC API (proto/jangada/v1) as plain C++, one node and one try at a time.
// Everything above it (routing, retries, order) is free of gRPC; tests may put another Wire in its
// place.
//
// Every call returns at once and ends in one call of `done`, posted to the executor that the Wire
// was made with. Meanings, units and errors are those of the .proto files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/callback.h"
#include "base/executor.h"
#include "base/result.h"

namespace jangada::client {

/// Why a try failed, with what a program needs to go on.
struct Failure {
  Error error = {};
  bool fate_unknown = false;  // it may have been done, or may yet be
  bool retriable = false;
  bool disconnected =
      false;  // made by gRPC here: the node was not reached, or did not answer in time
  /// kNotLeader: who leads, as far as that node knows.
  int32_t leader_node_id = 0;
  std::string leader_address = {};
};

template <class T>
class Reply {
 public:
  Reply(T value) : state_(std::move(value)) {}            // NOLINT(google-explicit-constructor)
  Reply(Failure failure) : state_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  const Failure& failure() const { return std::get<Failure>(state_); }

 private:
  std::variant<T, Failure> state_;
};

struct Nothing {};

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  friend std::ostream& operator<<(std::ostream& out, const TopicPartition& where) {
    return out << where.topic << "/" << where.partition;
  }
};

struct NodeView {
  int32_t id = 0;
  std::string rack;
  std::string grpc_address;
  std::string kafka_address;
  std::string http_address;
  std::string peer_address;
  bool live = false;
  // What it told last of itself; nothing of a node that is gone.
  bool draining = false;
  bool disk_full = false;  // it accepts no records
  int64_t disk_free_bytes = 0;
  int64_t disk_total_bytes = 0;
  int32_t refilling_replicas = 0;  // damaged, and being refilled from their peers
  int64_t refilled_replicas = 0;   // ... ended, since its process began
  std::string version;
};

struct TopicView {
  struct Partition {
    std::vector<int32_t> replicas;
    int32_t leader = 0;  // 0: not known
    uint64_t group = 0;
  };
  std::string name;
  std::string id;
  int32_t replication_factor = 0;
  std::vector<Partition> partitions;  // index = partition
  std::map<std::string, std::string> configs;
};

struct TopicsView {
  std::vector<TopicView> topics;
  std::vector<NodeView> nodes;
};

struct ClusterView {
  std::string cluster_id;
  int32_t answered_by = 0;
  int32_t controller = 0;  // 0: not known
  std::vector<NodeView> nodes;
};

struct TopicEntry {
  std::string name;
  std::string id;
  int32_t partitions = 0;
  int32_t replication_factor = 0;
};

struct ReplicaStateView {
  int32_t node = 0;
  bool voter = false;
  bool live = false;
  bool caught_up = false;
  uint64_t match_index = 0;
  uint64_t lag_entries = 0;
};

/// admin.proto says what each means.
enum class ReplicaCondition {
  kUnspecified,
  kNodeUnknown,
  kNodeDead,
  kRefilling,
  kDiskFull,
  kJoining,
  kNotHeard,
  kCatchingUp,
};

struct ReplicaProblemView {
  int32_t node = 0;
  ReplicaCondition condition = ReplicaCondition::kUnspecified;
  uint64_t lag_entries = 0;
};

enum class PartitionHealth { kUnspecified, kHealthy, kShortOfReplicas, kReadOnly, kWithoutLeader };

struct PartitionStateView {
  TopicPartition where;
  uint64_t group = 0;
  int32_t leader = 0;  // 0: not known
  uint64_t leader_epoch = 0;
  bool from_leader = false;
  std::vector<ReplicaStateView> replicas;
  int64_t log_start_offset = 0;
  int64_t high_watermark = 0;
  bool reassigning = false;
  std::vector<int32_t> desired_replicas;
  PartitionHealth health = PartitionHealth::kUnspecified;
  std::vector<ReplicaProblemView> problems;  // desired replicas that are not whole
  std::string why;                           // one sentence; empty where it is healthy
};

struct LogLevelView {
  int32_t node = 0;
  std::string level;  // trace, debug, info, warn or error
};

struct ConfigView {
  struct Option {
    std::string key;
    std::string value;
    std::string default_value;  // empty: none
    std::string unit;
    std::string help;
  };
  int32_t node = 0;
  std::vector<Option> options;
};

struct NewTopic {
  std::string name;
  int32_t partitions = 0;          // 0: the cluster's default
  int32_t replication_factor = 0;  // 0: the cluster's default
  std::map<std::string, std::string> configs;
  /// Manual placement, a list of nodes a partition, the preferred leader first; the two numbers
  /// above must then be 0.
  std::vector<std::vector<int32_t>> assignment = {};
  bool validate_only = false;  // check everything, change nothing
};

/// What a topic's configs should become: all of it, or nothing.
struct ConfigChanges {
  std::map<std::string, std::string> set;
  std::vector<std::string> reset;  // back to the default
};

struct ProducerIdentity {
  int64_t producer_id = -1;
  int16_t epoch = 0;
};

struct ProduceAck {
  int64_t base_offset = -1;
  bool duplicate = false;
};

struct Fetched {
  std::vector<Bytes> batches;  // RecordBatch v2, offsets filled in
  int64_t next_offset = 0;
  int64_t high_watermark = 0;
  int64_t log_start_offset = 0;
};

/// A place in a partition: a point in time, an end, or the record with the greatest timestamp.
struct OffsetQuery {
  enum class At { kEarliest, kLatest, kTimestamp, kMaxTimestamp };
  TopicPartition where;
  At at = At::kEarliest;
  int64_t timestamp_ms = 0;  // kTimestamp: the first record at or after it
};

struct OffsetAnswer {
  int64_t offset = -1;        // -1: no record at or after the timestamp
  int64_t timestamp_ms = -1;  // of that record; -1 where the question was not about a time
  int32_t leader_epoch = 0;
};

/// A pipelined produce to one node. Dropping it cancels what is under way; no callback comes after
/// that.
class ProduceStream {
 public:
  /// `number` comes back with the answer. Answers of one partition come in the order of the sends.
  virtual void Send(int64_t number, const TopicPartition& where, const Bytes& batch,
                    int64_t timeout_ms) = 0;
  virtual ~ProduceStream() = default;
};

struct ProduceStreamEvents {
  Callback<int64_t, Reply<ProduceAck>> on_answer;
  /// Once, and the last: nothing that was not answered will be; its fate is unknown.
  Callback<Failure> on_broken;
};

template <class T>
using Done = Callback<Reply<T>>;

class Wire {
 public:
  virtual ~Wire() = default;

  // ---- Log ----
  virtual std::unique_ptr<ProduceStream> OpenProduceStream(const std::string& node,
                                                           ProduceStreamEvents events) = 0;
  virtual void InitProducer(const std::string& node, int64_t timeout_ms,
                            Done<ProducerIdentity> done) = 0;
  /// Only from the leader itself; never forwarded.
  virtual void Fetch(const std::string& node, const TopicPartition& where, int64_t offset,
                     int32_t max_bytes, int64_t max_wait_ms, int64_t timeout_ms,
                     Done<Fetched> done) = 0;
  /// One answer a query, in their order.
  virtual void ListOffsets(const std::string& node, const std::vector<OffsetQuery>& queries,
                           int64_t timeout_ms, Done<std::vector<Reply<OffsetAnswer>>> done) = 0;

  // ---- Admin ----
  virtual void CreateTopic(const std::string& node, const NewTopic& topic, int64_t timeout_ms,
                           Done<std::string> done) = 0;  // answers the topic's id
  virtual void DeleteTopic(const std::string& node, const std::string& name, int64_t timeout_ms,
                           Done<Nothing> done) = 0;
  virtual void AlterTopicConfigs(const std::string& node, const std::string& topic,
                                 const ConfigChanges& changes, int64_t timeout_ms,
                                 Done<Nothing> done) = 0;
  virtual void CreatePartitions(const std::string& node, const std::string& topic, int32_t total,
                                int64_t timeout_ms, Done<Nothing> done) = 0;
  virtual void ListTopics(const std::string& node, int64_t timeout_ms,
                          Done<std::vector<TopicEntry>> done) = 0;
  virtual void DescribeTopics(const std::string& node, const std::vector<std::string>& names,
                              int64_t timeout_ms, Done<TopicsView> done) = 0;
  virtual void DescribeCluster(const std::string& node, int64_t timeout_ms,
                               Done<ClusterView> done) = 0;
  virtual void DescribePartitions(const std::string& node, const std::vector<std::string>& topics,
                                  int64_t timeout_ms,
                                  Done<std::vector<PartitionStateView>> done) = 0;
  virtual void TransferLeadership(const std::string& node, const TopicPartition& where, int32_t to,
                                  int64_t timeout_ms, Done<Nothing> done) = 0;
  virtual void MovePartition(const std::string& node, const TopicPartition& where,
                             const std::vector<int32_t>& replicas, int64_t timeout_ms,
                             Done<Nothing> done) = 0;
  /// Answers the log start offset.
  virtual void DeleteRecords(const std::string& node, const TopicPartition& where,
                             int64_t before_offset, int64_t timeout_ms, Done<int64_t> done) = 0;
  virtual void AddNode(const std::string& node, int32_t id, int64_t timeout_ms,
                       Done<Nothing> done) = 0;
  virtual void RemoveNode(const std::string& node, int32_t id, int64_t timeout_ms,
                          Done<Nothing> done) = 0;
  virtual void GetLogLevel(const std::string& node, int64_t timeout_ms,
                           Done<LogLevelView> done) = 0;
  /// Answers the level that it replaced.
  virtual void SetLogLevel(const std::string& node, const std::string& level, int64_t timeout_ms,
                           Done<LogLevelView> done) = 0;
  virtual void DescribeConfig(const std::string& node, int64_t timeout_ms,
                              Done<ConfigView> done) = 0;
};

/// The real one. `events` is where callbacks are posted; it outlives the Wire. The destructor
/// cancels what is under way and waits for gRPC to let go.
std::unique_ptr<Wire> MakeGrpcWire(Executor& events);

}  // namespace jangada::client
