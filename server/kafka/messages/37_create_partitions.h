// CreatePartitions, key 37: a topic gets more partitions.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct CreatePartitionsResponse {
  struct Result {
    std::string name;
    Code error_code = Code::kNone;
    std::optional<std::string> error_message;
    static void Fields(auto& m, auto& v) {
      v(m.name), v(m.error_code), v(m.error_message, {.nullable_since = 0});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms), v(m.results); }
};

struct CreatePartitionsRequest {
  static constexpr int16_t kKey = 37;
  static constexpr int16_t kFlexibleSince = 2;
  using Response = CreatePartitionsResponse;

  struct Assignment {
    std::vector<int32_t> nodes;
    static void Fields(auto& m, auto& v) { v(m.nodes); }
  };
  struct Topic {
    std::string name;
    int32_t count = 0;  // afterwards
    std::optional<std::vector<Assignment>> assignments;
    static void Fields(auto& m, auto& v) {
      v(m.name), v(m.count), v(m.assignments, {.nullable_since = 0});
    }
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 0;
  bool validate_only = false;
  static void Fields(auto& m, auto& v) { v(m.topics), v(m.timeout_ms), v(m.validate_only); }
};

}  // namespace jangada::server::kafka
