// OffsetDelete, key 47: forgets offsets of a group, of partitions that it no longer reads.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct OffsetDeleteResponse {
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

  Code error_code = Code::kNone;
  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.error_code), v(m.throttle_time_ms), v(m.topics); }
};

struct OffsetDeleteRequest {
  static constexpr int16_t kKey = 47;
  static constexpr int16_t kFlexibleSince = kNoVersion;
  using Response = OffsetDeleteResponse;

  struct Partition {
    int32_t index = 0;
    static void Fields(auto& m, auto& v) { v(m.index); }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.partitions); }
  };

  std::string group_id;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.group_id), v(m.topics); }
};

}  // namespace jangada::server::kafka
