// DeleteRecords, key 21: the records below an offset go.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct DeleteRecordsResponse {
  struct Partition {
    int32_t index = 0;
    int64_t low_watermark = -1;
    Code error_code = Code::kNone;
    static void Fields(auto& m, auto& v) { v(m.index), v(m.low_watermark), v(m.error_code); }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms), v(m.topics); }
};

struct DeleteRecordsRequest {
  static constexpr int16_t kKey = 21;
  static constexpr int16_t kFlexibleSince = 2;
  using Response = DeleteRecordsResponse;

  struct Partition {
    int32_t index = 0;
    int64_t offset = 0;  // -1: the high watermark
    static void Fields(auto& m, auto& v) { v(m.index), v(m.offset); }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 0;
  static void Fields(auto& m, auto& v) { v(m.topics), v(m.timeout_ms); }
};

}  // namespace jangada::server::kafka
