// DeleteGroups, key 42: removes groups without members, and their offsets.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct DeleteGroupsResponse {
  struct Result {
    std::string group_id;
    Code error_code = Code::kNone;
    static void Fields(auto& m, auto& v) { v(m.group_id), v(m.error_code); }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms), v(m.results); }
};

struct DeleteGroupsRequest {
  static constexpr int16_t kKey = 42;
  static constexpr int16_t kFlexibleSince = 2;
  using Response = DeleteGroupsResponse;

  std::vector<std::string> groups_names;
  static void Fields(auto& m, auto& v) { v(m.groups_names); }
};

}  // namespace jangada::server::kafka
