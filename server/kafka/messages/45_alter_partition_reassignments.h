// AlterPartitionReassignments, key 45: partitions move to other nodes.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct AlterPartitionReassignmentsResponse {
  struct Partition {
    int32_t index = 0;
    Code error_code = Code::kNone;
    std::optional<std::string> error_message;
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.error_code), v(m.error_message, {.nullable_since = 0});
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  std::optional<std::string> error_message;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms), v(m.error_code), v(m.error_message, {.nullable_since = 0});
    v(m.topics);
  }
};

struct AlterPartitionReassignmentsRequest {
  static constexpr int16_t kKey = 45;
  static constexpr int16_t kFlexibleSince = 0;
  using Response = AlterPartitionReassignmentsResponse;

  struct Partition {
    int32_t index = 0;
    std::optional<std::vector<int32_t>> replicas;  // null: a move under way is given up
    static void Fields(auto& m, auto& v) { v(m.index), v(m.replicas, {.nullable_since = 0}); }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int32_t timeout_ms = 60'000;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.timeout_ms), v(m.topics); }
};

}  // namespace jangada::server::kafka
