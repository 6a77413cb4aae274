// What a cluster tells of itself and is asked about: topics, partitions, nodes, offsets. Plain
// values; any thread. Meanings and units are those of proto/jangada/v1/admin.proto and log.proto.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace jangada::client {

struct TopicPartition {
  std::string topic = {};
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  friend std::ostream& operator<<(std::ostream& out, const TopicPartition& where) {
    return out << where.topic << "/" << where.partition;
  }
};

struct NodeView {
  int32_t id = 0;
  std::string rack;
  std::string grpc_address;  // host:port; empty: the node was added and has not registered yet
  std::string kafka_address;
  std::string http_address;
  std::string peer_address;
  bool live = false;  // heard from recently by the node that answered
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
    std::vector<int32_t> replicas;  // desired; the first is the preferred leader
    int32_t leader = 0;             // where the node that answered believes it; 0: not known
    uint64_t group = 0;             // the Raft group, as the logs name it
  };
  std::string name;
  std::string id;  // UUID: a topic that is deleted and made anew has another one
  int32_t replication_factor = 0;
  std::vector<Partition> partitions;           // index = partition
  std::map<std::string, std::string> configs;  // only what was set
};

struct TopicsView {
  std::vector<TopicView> topics;
  std::vector<NodeView> nodes;  // all nodes of the cluster
};

struct ClusterView {
  std::string cluster_id;
  int32_t answered_by = 0;
  int32_t controller = 0;  // leader of group 0; 0: not known
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
  bool caught_up = false;    // live, and close to the leader's end
  uint64_t match_index = 0;  // last Raft index known to be on its disk
  uint64_t lag_entries = 0;  // behind the best replica, in Raft entries
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
  int32_t leader = 0;         // 0: not known
  uint64_t leader_epoch = 0;  // the Raft term
  bool from_leader = false;   // the leader said so just now; else what it alone knows is empty
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
  std::string name = {};
  int32_t partitions = 0;          // 0: the cluster's default, 1
  int32_t replication_factor = 0;  // 0: the cluster's default, 3 or as many as there are nodes
  std::map<std::string, std::string> configs = {};  // keys and units are Kafka's: retention.ms, ...
  /// Placement by hand: the nodes of each partition, the preferred leader first. The two numbers
  /// above must then be 0.
  std::vector<std::vector<int32_t>> assignment = {};
  bool validate_only = false;  // check everything, change nothing
};

/// What a topic's configs should become: all of it, or nothing.
struct ConfigChanges {
  std::map<std::string, std::string> set = {};
  std::vector<std::string> reset = {};  // back to the default; no key may be in both
};

/// A place in a partition: a point in time, an end, or the record with the greatest timestamp.
struct OffsetQuery {
  enum class At {
    kEarliest,   // the log start offset
    kLatest,     // the high watermark: the offset of the record that comes next
    kTimestamp,  // the first record at or after timestamp_ms
    kMaxTimestamp,
  };
  TopicPartition where = {};
  At at = At::kEarliest;
  int64_t timestamp_ms = 0;  // kTimestamp: since 1970 UTC
};

struct OffsetAnswer {
  int64_t offset = -1;        // -1: no record at or after the timestamp
  int64_t timestamp_ms = -1;  // of that record; -1 where the question was not about a time
  int32_t leader_epoch = 0;
};

}  // namespace jangada::client
