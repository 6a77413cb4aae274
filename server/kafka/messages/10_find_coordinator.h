// FindCoordinator, key 10: the node that looks after a group.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct FindCoordinatorResponse {
  struct Coordinator {
    std::string key;
    int32_t node_id = -1;
    std::string host;
    int32_t port = -1;
    Code error_code = Code::kNone;
    std::optional<std::string> error_message;
    static void Fields(auto& m, auto& v) {
      v(m.key), v(m.node_id), v(m.host), v(m.port);
      v(m.error_code), v(m.error_message, {.nullable_since = 4});
    }
  };

  int32_t throttle_time_ms = 0;
  // Up to version 3 there is one coordinator, without its key.
  Code error_code = Code::kNone;
  std::optional<std::string> error_message;
  int32_t node_id = -1;
  std::string host;
  int32_t port = -1;
  std::vector<Coordinator> coordinators;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms, {.since = 1});
    v(m.error_code, {.until = 3});
    v(m.error_message, {.since = 1, .until = 3, .nullable_since = 1});
    v(m.node_id, {.until = 3}), v(m.host, {.until = 3}), v(m.port, {.until = 3});
    v(m.coordinators, {.since = 4});
  }
};

struct FindCoordinatorRequest {
  static constexpr int16_t kKey = 10;
  static constexpr int16_t kFlexibleSince = 3;
  using Response = FindCoordinatorResponse;

  std::string key;      // up to version 3
  int8_t key_type = 0;  // 0: a group, 1: a transactional id
  std::vector<std::string> coordinator_keys;
  static void Fields(auto& m, auto& v) {
    v(m.key, {.until = 3}), v(m.key_type, {.since = 1}), v(m.coordinator_keys, {.since = 4});
  }
};

}  // namespace jangada::server::kafka
