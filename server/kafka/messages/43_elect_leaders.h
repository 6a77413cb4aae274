// ElectLeaders, key 43: leadership goes back to the preferred replicas.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct ElectLeadersResponse {
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
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms), v(m.error_code, {.since = 1}), v(m.topics);
  }
};

struct ElectLeadersRequest {
  static constexpr int16_t kKey = 43;
  static constexpr int16_t kFlexibleSince = 2;
  using Response = ElectLeadersResponse;

  struct Topic {
    std::string name;
    std::vector<int32_t> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int8_t election_type = 0;                  // 0: preferred, 1: unclean
  std::optional<std::vector<Topic>> topics;  // null: all
  int32_t timeout_ms = 60'000;
  static void Fields(auto& m, auto& v) {
    v(m.election_type, {.since = 1}), v(m.topics, {.nullable_since = 0}), v(m.timeout_ms);
  }
};

}  // namespace jangada::server::kafka
