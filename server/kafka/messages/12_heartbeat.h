// Heartbeat, key 12: a member of a group says that it lives, and hears of a rebalance.
#pragma once

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct HeartbeatResponse {
  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms, {.since = 1}), v(m.error_code); }
};

struct HeartbeatRequest {
  static constexpr int16_t kKey = 12;
  static constexpr int16_t kFlexibleSince = 4;
  using Response = HeartbeatResponse;

  std::string group_id;
  int32_t generation_id = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  static void Fields(auto& m, auto& v) {
    v(m.group_id), v(m.generation_id), v(m.member_id);
    v(m.group_instance_id, {.since = 3, .nullable_since = 3});
  }
};

}  // namespace jangada::server::kafka
