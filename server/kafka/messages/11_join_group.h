// JoinGroup, key 11: a consumer enters its group, or begins the next generation of it.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct JoinGroupResponse {
  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    Bytes metadata;  // what the member sent for the protocol that was chosen
    static void Fields(auto& m, auto& v) {
      v(m.member_id);
      v(m.group_instance_id, {.since = 5, .nullable_since = 5});
      v(m.metadata);
    }
  };

  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  int32_t generation_id = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;  // up to version 6 never null: empty
  std::string leader;
  bool skip_assignment = false;  // a static leader that returned: the assignment stands
  std::string member_id;
  std::vector<Member> members;  // told to the leader only
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms, {.since = 2});
    v(m.error_code), v(m.generation_id);
    v(m.protocol_type, {.since = 7, .nullable_since = 7});
    v(m.protocol_name, {.nullable_since = 7});
    v(m.leader), v(m.skip_assignment, {.since = 9});
    v(m.member_id), v(m.members);
  }
};

struct JoinGroupRequest {
  static constexpr int16_t kKey = 11;
  static constexpr int16_t kFlexibleSince = 6;
  using Response = JoinGroupResponse;

  struct Protocol {
    std::string name;
    Bytes metadata;  // the group's own; nothing that we read
    static void Fields(auto& m, auto& v) { v(m.name), v(m.metadata); }
  };

  std::string group_id;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = -1;  // version 0: the session timeout
  std::string member_id;              // empty: a new member
  std::optional<std::string> group_instance_id;
  std::string protocol_type;
  std::vector<Protocol> protocols;  // the one that the member likes best comes first
  std::optional<std::string> reason;
  static void Fields(auto& m, auto& v) {
    v(m.group_id), v(m.session_timeout_ms), v(m.rebalance_timeout_ms, {.since = 1});
    v(m.member_id), v(m.group_instance_id, {.since = 5, .nullable_since = 5});
    v(m.protocol_type), v(m.protocols);
    v(m.reason, {.since = 8, .nullable_since = 8});
  }
};

}  // namespace jangada::server::kafka
