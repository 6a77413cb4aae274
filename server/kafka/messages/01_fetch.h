// Fetch, key 1: record batches from partitions. Topics are named up to v12, by id from v13 on.
#pragma once

#include <limits>
#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct FetchResponse {
  struct EpochEndOffset {
    int32_t epoch = -1;
    int64_t end_offset = -1;
    static void Fields(auto& m, auto& v) { v(m.epoch), v(m.end_offset); }
  };
  struct SnapshotId {
    int64_t end_offset = -1;
    int32_t epoch = -1;
    static void Fields(auto& m, auto& v) { v(m.end_offset), v(m.epoch); }
  };
  struct AbortedTransaction {
    int64_t producer_id = 0;
    int64_t first_offset = 0;
    static void Fields(auto& m, auto& v) { v(m.producer_id), v(m.first_offset); }
  };
  struct Partition {
    int32_t index = 0;
    Code error_code = Code::kNone;
    int64_t high_watermark = -1;
    int64_t last_stable_offset = -1;
    int64_t log_start_offset = -1;
    std::optional<EpochEndOffset> diverging_epoch;
    std::optional<LeaderIdAndEpoch> current_leader;
    std::optional<SnapshotId> snapshot_id;
    std::optional<std::vector<AbortedTransaction>> aborted_transactions;
    int32_t preferred_read_replica = -1;
    std::optional<Records> records;
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.error_code), v(m.high_watermark);
      v(m.last_stable_offset, {.since = 4});
      v(m.log_start_offset, {.since = 5});
      v(m.aborted_transactions, {.since = 4, .nullable_since = 4});
      v(m.preferred_read_replica, {.since = 11});
      v(m.records, {.nullable_since = 0});
      v.Tagged(0, m.diverging_epoch, {.since = 12});
      v.Tagged(1, m.current_leader, {.since = 12});
      v.Tagged(2, m.snapshot_id, {.since = 12});
    }
  };
  struct Topic {
    std::string name;
    Uuid id;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) {
      v(m.name, {.until = 12}), v(m.id, {.since = 13}), v(m.partitions);
    }
  };

  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  int32_t session_id = 0;
  std::vector<Topic> topics;
  std::vector<NodeEndpoint> node_endpoints;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms, {.since = 1});
    v(m.error_code, {.since = 7});
    v(m.session_id, {.since = 7});
    v(m.topics);
    v.Tagged(0, m.node_endpoints, {.since = 16});
  }
};

struct FetchRequest {
  static constexpr int16_t kKey = 1;
  static constexpr int16_t kFlexibleSince = 12;
  using Response = FetchResponse;

  struct ReplicaState {
    int32_t replica_id = -1;
    int64_t replica_epoch = -1;
    static void Fields(auto& m, auto& v) { v(m.replica_id), v(m.replica_epoch); }
  };
  struct Partition {
    int32_t index = 0;
    int32_t current_leader_epoch = -1;
    int64_t fetch_offset = 0;
    int32_t last_fetched_epoch = -1;
    int64_t log_start_offset = -1;  // of a follower
    int32_t max_bytes = 0;
    static void Fields(auto& m, auto& v) {
      v(m.index);
      v(m.current_leader_epoch, {.since = 9});
      v(m.fetch_offset);
      v(m.last_fetched_epoch, {.since = 12});
      v(m.log_start_offset, {.since = 5});
      v(m.max_bytes);
    }
  };
  struct Topic {
    std::string name;
    Uuid id;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) {
      v(m.name, {.until = 12}), v(m.id, {.since = 13}), v(m.partitions);
    }
  };
  struct ForgottenTopic {
    std::string name;
    Uuid id;
    std::vector<int32_t> partitions;
    static void Fields(auto& m, auto& v) {
      v(m.name, {.until = 12}), v(m.id, {.since = 13}), v(m.partitions);
    }
  };

  std::optional<std::string> cluster_id;
  int32_t replica_id = -1;  // -1: a consumer
  std::optional<ReplicaState> replica_state;
  int32_t max_wait_ms = 0;
  int32_t min_bytes = 0;
  int32_t max_bytes = std::numeric_limits<int32_t>::max();
  int8_t isolation_level = 0;
  int32_t session_id = 0;
  int32_t session_epoch = -1;
  std::vector<Topic> topics;
  std::vector<ForgottenTopic> forgotten_topics;
  std::string rack_id;
  static void Fields(auto& m, auto& v) {
    v(m.replica_id, {.until = 14});
    v(m.max_wait_ms), v(m.min_bytes);
    v(m.max_bytes, {.since = 3});
    v(m.isolation_level, {.since = 4});
    v(m.session_id, {.since = 7});
    v(m.session_epoch, {.since = 7});
    v(m.topics);
    v(m.forgotten_topics, {.since = 7});
    v(m.rack_id, {.since = 11});
    v.Tagged(0, m.cluster_id, {.since = 12, .nullable_since = 12});
    v.Tagged(1, m.replica_state, {.since = 15});
  }
};

}  // namespace jangada::server::kafka
