// DescribeGroups, key 15: the state of groups and their members.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct DescribeGroupsResponse {
  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    Bytes member_metadata;    // as the member sent it
    Bytes member_assignment;  // as the leader made it
    static void Fields(auto& m, auto& v) {
      v(m.member_id), v(m.group_instance_id, {.since = 4, .nullable_since = 4});
      v(m.client_id), v(m.client_host), v(m.member_metadata), v(m.member_assignment);
    }
  };
  struct Group {
    Code error_code = Code::kNone;
    std::string group_id;
    std::string group_state;  // "Stable", "PreparingRebalance", ...; "Dead" where there is none
    std::string protocol_type;
    std::string protocol_data;  // the protocol that was chosen
    std::vector<Member> members;
    int32_t authorized_operations = kOperationsNotAsked;
    static void Fields(auto& m, auto& v) {
      v(m.error_code), v(m.group_id), v(m.group_state), v(m.protocol_type), v(m.protocol_data);
      v(m.members), v(m.authorized_operations, {.since = 3});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> groups;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms, {.since = 1}), v(m.groups); }
};

struct DescribeGroupsRequest {
  static constexpr int16_t kKey = 15;
  static constexpr int16_t kFlexibleSince = 5;
  using Response = DescribeGroupsResponse;

  std::vector<std::string> groups;
  bool include_authorized_operations = false;
  static void Fields(auto& m, auto& v) {
    v(m.groups), v(m.include_authorized_operations, {.since = 3});
  }
};

}  // namespace jangada::server::kafka
