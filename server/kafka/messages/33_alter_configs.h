// AlterConfigs, key 33: all settings of a topic or node replaced at once.
#pragma once

#include <vector>

#include "server/kafka/messages/32_describe_configs.h"

namespace jangada::server::kafka {

struct AlterConfigsResponse {
  struct Resource {
    Code error_code = Code::kNone;
    std::optional<std::string> error_message;
    ResourceType type = ResourceType::kUnknown;
    std::string name;
    static void Fields(auto& m, auto& v) {
      v(m.error_code), v(m.error_message, {.nullable_since = 0}), v(m.type), v(m.name);
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Resource> resources;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms), v(m.resources); }
};

struct AlterConfigsRequest {
  static constexpr int16_t kKey = 33;
  static constexpr int16_t kFlexibleSince = 2;
  using Response = AlterConfigsResponse;

  struct Config {
    std::string name;
    std::optional<std::string> value;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.value, {.nullable_since = 0}); }
  };
  struct Resource {
    ResourceType type = ResourceType::kUnknown;
    std::string name;
    std::vector<Config> configs;
    static void Fields(auto& m, auto& v) { v(m.type), v(m.name), v(m.configs); }
  };

  std::vector<Resource> resources;
  bool validate_only = false;
  static void Fields(auto& m, auto& v) { v(m.resources), v(m.validate_only); }
};

}  // namespace jangada::server::kafka
