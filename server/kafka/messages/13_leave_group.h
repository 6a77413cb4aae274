// LeaveGroup, key 13: members leave their group, or are removed from it by an administrator.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct LeaveGroupResponse {
  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    Code error_code = Code::kNone;
    static void Fields(auto& m, auto& v) {
      v(m.member_id), v(m.group_instance_id, {.nullable_since = 3}), v(m.error_code);
    }
  };

  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  std::vector<Member> members;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms, {.since = 1}), v(m.error_code), v(m.members, {.since = 3});
  }
};

struct LeaveGroupRequest {
  static constexpr int16_t kKey = 13;
  static constexpr int16_t kFlexibleSince = 4;
  using Response = LeaveGroupResponse;

  struct Member {
    std::string member_id;  // may be empty where the instance is named
    std::optional<std::string> group_instance_id;
    std::optional<std::string> reason;
    static void Fields(auto& m, auto& v) {
      v(m.member_id), v(m.group_instance_id, {.nullable_since = 3});
      v(m.reason, {.since = 5, .nullable_since = 5});
    }
  };

  std::string group_id;
  std::string member_id;  // up to version 2
  std::vector<Member> members;
  static void Fields(auto& m, auto& v) {
    v(m.group_id), v(m.member_id, {.until = 2}), v(m.members, {.since = 3});
  }
};

}  // namespace jangada::server::kafka
