// IncrementalAlterConfigs, key 44: single settings of a topic or node changed.
#pragma once

#include <vector>

#include "server/kafka/messages/33_alter_configs.h"

namespace jangada::server::kafka {

struct IncrementalAlterConfigsRequest {
  static constexpr int16_t kKey = 44;
  static constexpr int16_t kFlexibleSince = 1;
  using Response = AlterConfigsResponse;

  enum class Operation : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };
  struct Config {
    std::string name;
    Operation operation = Operation::kSet;
    std::optional<std::string> value;
    static void Fields(auto& m, auto& v) {
      v(m.name), v(m.operation), v(m.value, {.nullable_since = 0});
    }
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
