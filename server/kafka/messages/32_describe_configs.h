// DescribeConfigs, key 32: the settings of topics and nodes.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

/// What a setting belongs to, in all requests about configs.
enum class ResourceType : int8_t { kUnknown = 0, kTopic = 2, kBroker = 4, kBrokerLogger = 8 };

/// Where a value comes from.
enum class ConfigSource : int8_t {
  kUnknown = 0,
  kTopic = 1,
  kDynamicBroker = 2,
  kDynamicDefaultBroker = 3,
  kStaticBroker = 4,
  kDefault = 5,
};

struct DescribeConfigsResponse {
  struct Synonym {
    std::string name;
    std::optional<std::string> value;
    ConfigSource source = ConfigSource::kUnknown;
    static void Fields(auto& m, auto& v) {
      v(m.name), v(m.value, {.nullable_since = 0}), v(m.source);
    }
  };
  struct Config {
    std::string name;
    std::optional<std::string> value;
    bool read_only = false;
    bool is_default = false;  // v0 only; later the source says it
    ConfigSource source = ConfigSource::kUnknown;
    bool is_sensitive = false;
    std::vector<Synonym> synonyms;
    int8_t type = 0;
    std::optional<std::string> documentation;
    static void Fields(auto& m, auto& v) {
      v(m.name), v(m.value, {.nullable_since = 0}), v(m.read_only);
      v(m.is_default, {.until = 0});
      v(m.source, {.since = 1});
      v(m.is_sensitive);
      v(m.synonyms, {.since = 1});
      v(m.type, {.since = 3});
      v(m.documentation, {.since = 3, .nullable_since = 3});
    }
  };
  struct Result {
    Code error_code = Code::kNone;
    std::optional<std::string> error_message;
    ResourceType resource_type = ResourceType::kUnknown;
    std::string resource_name;
    std::vector<Config> configs;
    static void Fields(auto& m, auto& v) {
      v(m.error_code), v(m.error_message, {.nullable_since = 0});
      v(m.resource_type), v(m.resource_name), v(m.configs);
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms), v(m.results); }
};

struct DescribeConfigsRequest {
  static constexpr int16_t kKey = 32;
  static constexpr int16_t kFlexibleSince = 4;
  using Response = DescribeConfigsResponse;

  struct Resource {
    ResourceType type = ResourceType::kUnknown;
    std::string name;
    std::optional<std::vector<std::string>> keys;  // null: all
    static void Fields(auto& m, auto& v) { v(m.type), v(m.name), v(m.keys, {.nullable_since = 0}); }
  };

  std::vector<Resource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;
  static void Fields(auto& m, auto& v) {
    v(m.resources);
    v(m.include_synonyms, {.since = 1});
    v(m.include_documentation, {.since = 3});
  }
};

}  // namespace jangada::server::kafka
