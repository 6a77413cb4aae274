// SyncGroup, key 14: the leader of a group hands in who reads what, and each member is told its
// part.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct SyncGroupResponse {
  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  Bytes assignment;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms, {.since = 1}), v(m.error_code);
    v(m.protocol_type, {.since = 5, .nullable_since = 5});
    v(m.protocol_name, {.since = 5, .nullable_since = 5});
    v(m.assignment);
  }
};

struct SyncGroupRequest {
  static constexpr int16_t kKey = 14;
  static constexpr int16_t kFlexibleSince = 4;
  using Response = SyncGroupResponse;

  struct Assignment {
    std::string member_id;
    Bytes assignment;  // the group's own; nothing that we read
    static void Fields(auto& m, auto& v) { v(m.member_id), v(m.assignment); }
  };

  std::string group_id;
  int32_t generation_id = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::vector<Assignment> assignments;  // of the leader; empty from all others
  static void Fields(auto& m, auto& v) {
    v(m.group_id), v(m.generation_id), v(m.member_id);
    v(m.group_instance_id, {.since = 3, .nullable_since = 3});
    v(m.protocol_type, {.since = 5, .nullable_since = 5});
    v(m.protocol_name, {.since = 5, .nullable_since = 5});
    v(m.assignments);
  }
};

}  // namespace jangada::server::kafka
