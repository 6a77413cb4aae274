// ListOffsets, key 2: the offset at a time, or one of the two ends.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct ListOffsetsResponse {
  struct Partition {
    int32_t index = 0;
    Code error_code = Code::kNone;
    int64_t timestamp = -1;
    int64_t offset = -1;  // -1: no record at or after the time
    int32_t leader_epoch = -1;
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.error_code);
      v(m.timestamp, {.since = 1});
      v(m.offset, {.since = 1});
      v(m.leader_epoch, {.since = 4});
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

struct ListOffsetsRequest {
  static constexpr int16_t kKey = 2;
  static constexpr int16_t kFlexibleSince = 6;
  using Response = ListOffsetsResponse;

  struct Partition {
    int32_t index = 0;
    int32_t current_leader_epoch = -1;
    int64_t timestamp = 0;  // or -1: the end, -2: the beginning, -3: the greatest timestamp
    static void Fields(auto& m, auto& v) {
      v(m.index), v(m.current_leader_epoch, {.since = 4}), v(m.timestamp);
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int32_t replica_id = -1;
  int8_t isolation_level = 0;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) {
    v(m.replica_id), v(m.isolation_level, {.since = 2}), v(m.topics);
  }
};

}  // namespace jangada::server::kafka
