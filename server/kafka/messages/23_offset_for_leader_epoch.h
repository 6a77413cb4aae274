// OffsetForLeaderEpoch, key 23: where the records of a leader's term end, by which a client notices
// that a log was truncated.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct OffsetForLeaderEpochResponse {
  struct Partition {
    Code error_code = Code::kNone;
    int32_t index = 0;
    int32_t leader_epoch = -1;
    int64_t end_offset = -1;
    static void Fields(auto& m, auto& v) {
      v(m.error_code), v(m.index), v(m.leader_epoch, {.since = 1}), v(m.end_offset);
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms, {.since = 2}), v(m.topics); }
};

struct OffsetForLeaderEpochRequest {
  static constexpr int16_t kKey = 23;
  static constexpr int16_t kFlexibleSince = 4;
  using Response = OffsetForLeaderEpochResponse;

  struct Partition {
    int32_t index = 0;
    int32_t current_leader_epoch = -1;
    int32_t leader_epoch = 0;
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.current_leader_epoch, {.since = 2}), v(m.leader_epoch);
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int32_t replica_id = -2;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.replica_id, {.since = 3}), v(m.topics); }
};

}  // namespace jangada::server::kafka
