// OffsetFetch, key 9: how far groups have read. Version 0, which kept offsets in ZooKeeper, is not
// spoken.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct OffsetFetchResponse {
  struct Partition {
    int32_t index = 0;
    int64_t committed_offset = -1;  // -1: none
    int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata;
    Code error_code = Code::kNone;
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.committed_offset);
      v(m.committed_leader_epoch, {.since = 5});
      v(m.metadata, {.nullable_since = 0});
      v(m.error_code);
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };
  struct Group {
    std::string group_id;
    std::vector<Topic> topics;
    Code error_code = Code::kNone;
    static void Fields(auto& m, auto& v) { v(m.group_id), v(m.topics), v(m.error_code); }
  };

  int32_t throttle_time_ms = 0;
  // Up to version 7 there is one group, without its name.
  std::vector<Topic> topics;
  Code error_code = Code::kNone;
  std::vector<Group> groups;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms, {.since = 3});
    v(m.topics, {.until = 7}), v(m.error_code, {.since = 2, .until = 7});
    v(m.groups, {.since = 8});
  }
};

struct OffsetFetchRequest {
  static constexpr int16_t kKey = 9;
  static constexpr int16_t kFlexibleSince = 6;
  using Response = OffsetFetchResponse;

  struct Topic {
    std::string name;
    std::vector<int32_t> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };
  struct Group {
    std::string group_id;
    std::optional<std::string> member_id;
    int32_t member_epoch = -1;
    std::optional<std::vector<Topic>> topics;  // null: all
    static void Fields(auto& m, auto& v) {
      v(m.group_id), v(m.member_id, {.since = 9, .nullable_since = 9});
      v(m.member_epoch, {.since = 9}), v(m.topics, {.nullable_since = 8});
    }
  };

  // Up to version 7.
  std::string group_id;
  std::optional<std::vector<Topic>> topics;  // null: all
  std::vector<Group> groups;
  bool require_stable = false;  // without transactions every offset is
  static void Fields(auto& m, auto& v) {
    v(m.group_id, {.until = 7}), v(m.topics, {.until = 7, .nullable_since = 2});
    v(m.groups, {.since = 8}), v(m.require_stable, {.since = 7});
  }
};

}  // namespace jangada::server::kafka
