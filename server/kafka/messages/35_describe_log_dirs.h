// DescribeLogDirs, key 35: what the disk of the node that is asked holds.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct DescribeLogDirsResponse {
  struct Partition {
    int32_t index = 0;
    int64_t size = 0;  // bytes
    int64_t offset_lag = 0;
    bool is_future = false;
    static void Fields(auto& m, auto& v) { v(m.index), v(m.size), v(m.offset_lag), v(m.is_future); }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };
  struct Result {
    Code error_code = Code::kNone;
    std::string log_dir;
    std::vector<Topic> topics;
    int64_t total_bytes = -1;
    int64_t usable_bytes = -1;
    static void Fields(auto& m, auto& v) {
      v(m.error_code), v(m.log_dir), v(m.topics);
      v(m.total_bytes, {.since = 4}), v(m.usable_bytes, {.since = 4});
    }
  };

  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  std::vector<Result> results;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms), v(m.error_code, {.since = 3}), v(m.results);
  }
};

struct DescribeLogDirsRequest {
  static constexpr int16_t kKey = 35;
  static constexpr int16_t kFlexibleSince = 2;
  using Response = DescribeLogDirsResponse;

  struct Topic {
    std::string name;
    std::vector<int32_t> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  std::optional<std::vector<Topic>> topics;  // null: all
  static void Fields(auto& m, auto& v) { v(m.topics, {.nullable_since = 0}); }
};

}  // namespace jangada::server::kafka
