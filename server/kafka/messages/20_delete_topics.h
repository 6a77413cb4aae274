// DeleteTopics, key 20: by name, from v6 on also by id.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct DeleteTopicsResponse {
  struct Topic {
    std::optional<std::string> name;
    Uuid id;
    Code error_code = Code::kNone;
    std::optional<std::string> error_message;
    static void Fields(auto& m, auto& v) {
      v(m.name, {.nullable_since = 6});
      v(m.id, {.since = 6});
      v(m.error_code);
      v(m.error_message, {.since = 5, .nullable_since = 5});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms, {.since = 1}), v(m.topics); }
};

struct DeleteTopicsRequest {
  static constexpr int16_t kKey = 20;
  static constexpr int16_t kFlexibleSince = 4;
  using Response = DeleteTopicsResponse;

  struct Topic {
    std::optional<std::string> name;  // null: the id says which
    Uuid id;
    static void Fields(auto& m, auto& v) { v(m.name, {.nullable_since = 6}), v(m.id); }
  };

  std::vector<Topic> topics;
  std::vector<std::string> topic_names;  // before v6
  int32_t timeout_ms = 0;
  static void Fields(auto& m, auto& v) {
    v(m.topics, {.since = 6}), v(m.topic_names, {.until = 5}), v(m.timeout_ms);
  }
};

}  // namespace jangada::server::kafka
