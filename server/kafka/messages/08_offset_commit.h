// OffsetCommit, key 8: how far a group has read. Version 0, which kept offsets in ZooKeeper, is not
// spoken.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct OffsetCommitResponse {
  struct Partition {
    int32_t index = 0;
    Code error_code = Code::kNone;
    static void Fields(auto& m, auto& v) { v(m.index), v(m.error_code); }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms, {.since = 3}), v(m.topics); }
};

struct OffsetCommitRequest {
  static constexpr int16_t kKey = 8;
  static constexpr int16_t kFlexibleSince = 8;
  using Response = OffsetCommitResponse;

  struct Partition {
    int32_t index = 0;
    int64_t committed_offset = 0;
    int32_t committed_leader_epoch = -1;
    int64_t commit_timestamp = -1;
    std::optional<std::string> committed_metadata;
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.committed_offset);
      v(m.committed_leader_epoch, {.since = 6});
      v(m.commit_timestamp, {.until = 1});
      v(m.committed_metadata, {.nullable_since = 0});
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  std::string group_id;
  int32_t generation_id = -1;  // -1 and no member: whoever keeps offsets without being a member
  std::string member_id;
  std::optional<std::string> group_instance_id;
  int64_t retention_time_ms = -1;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) {
    v(m.group_id), v(m.generation_id), v(m.member_id);
    v(m.group_instance_id, {.since = 7, .nullable_since = 7});
    v(m.retention_time_ms, {.since = 2, .until = 4});
    v(m.topics);
  }
};

}  // namespace jangada::server::kafka
