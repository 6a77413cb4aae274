// Produce, key 0: record batches for partitions, and where they went.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct ProduceResponse {
  struct RecordError {
    int32_t batch_index = 0;
    std::optional<std::string> message;
    static void Fields(auto& m, auto& v) { v(m.batch_index), v(m.message, {.nullable_since = 0}); }
  };
  struct Partition {
    int32_t index = 0;
    Code error_code = Code::kNone;
    int64_t base_offset = -1;
    int64_t log_append_time_ms = -1;  // -1: the records keep their producer's timestamps
    int64_t log_start_offset = -1;
    std::vector<RecordError> record_errors;
    std::optional<std::string> error_message;
    std::optional<LeaderIdAndEpoch> current_leader;
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.error_code), v(m.base_offset);
      v(m.log_append_time_ms, {.since = 2});
      v(m.log_start_offset, {.since = 5});
      v(m.record_errors, {.since = 8});
      v(m.error_message, {.since = 8, .nullable_since = 8});
      v.Tagged(0, m.current_leader, {.since = 10});
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  std::vector<Topic> topics;
  int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints;
  static void Fields(auto& m, auto& v) {
    v(m.topics), v(m.throttle_time_ms, {.since = 1});
    v.Tagged(0, m.node_endpoints, {.since = 10});
  }
};

struct ProduceRequest {
  static constexpr int16_t kKey = 0;
  static constexpr int16_t kFlexibleSince = 9;
  using Response = ProduceResponse;

  struct Partition {
    int32_t index = 0;
    std::optional<Records> records;
    static void Fields(auto& m, auto& v) { v(m.index), v(m.records, {.nullable_since = 0}); }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  std::optional<std::string> transactional_id;
  int16_t acks = 0;
  int32_t timeout_ms = 0;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) {
    v(m.transactional_id, {.since = 3, .nullable_since = 3});
    v(m.acks), v(m.timeout_ms), v(m.topics);
  }
};

}  // namespace jangada::server::kafka
