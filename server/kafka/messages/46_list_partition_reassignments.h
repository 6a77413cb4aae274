// ListPartitionReassignments, key 46: which partitions are on the move.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct ListPartitionReassignmentsResponse {
  struct Partition {
    int32_t index = 0;
    std::vector<int32_t> replicas;
    std::vector<int32_t> adding_replicas;
    std::vector<int32_t> removing_replicas;
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.replicas), v(m.adding_replicas), v(m.removing_replicas);
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

struct ListPartitionReassignmentsRequest {
  static constexpr int16_t kKey = 46;
  static constexpr int16_t kFlexibleSince = 0;
  using Response = ListPartitionReassignmentsResponse;

  struct Topic {
    std::string name;
    std::vector<int32_t> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int32_t timeout_ms = 60'000;
  std::optional<std::vector<Topic>> topics;  // null: all
  static void Fields(auto& m, auto& v) { v(m.timeout_ms), v(m.topics, {.nullable_since = 0}); }
};

}  // namespace jangada::server::kafka
