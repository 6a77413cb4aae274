// ListGroups, key 16: the groups that the node that is asked looks after.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct ListGroupsResponse {
  struct Group {
    std::string group_id;
    std::string protocol_type;
    std::string group_state;
    std::string group_type;
    static void Fields(auto& m, auto& v) {
      v(m.group_id), v(m.protocol_type);
      v(m.group_state, {.since = 4}), v(m.group_type, {.since = 5});
    }
  };

  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  std::vector<Group> groups;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms, {.since = 1}), v(m.error_code), v(m.groups);
  }
};

struct ListGroupsRequest {
  static constexpr int16_t kKey = 16;
  static constexpr int16_t kFlexibleSince = 3;
  using Response = ListGroupsResponse;

  std::vector<std::string> states_filter;  // empty: all
  std::vector<std::string> types_filter;   // empty: all
  static void Fields(auto& m, auto& v) {
    v(m.states_filter, {.since = 4}), v(m.types_filter, {.since = 5});
  }
};

}  // namespace jangada::server::kafka
