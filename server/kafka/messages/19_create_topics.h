// CreateTopics, key 19.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct CreateTopicsResponse {
  struct Config {
    std::string name;
    std::optional<std::string> value;
    bool read_only = false;
    int8_t config_source = -1;
    bool is_sensitive = false;
    static void Fields(auto& m, auto& v) {
      v(m.name), v(m.value, {.nullable_since = 0}), v(m.read_only), v(m.config_source);
      v(m.is_sensitive);
    }
  };
  struct Topic {
    std::string name;
    Uuid id;
    Code error_code = Code::kNone;
    std::optional<std::string> error_message;
    std::optional<Code> config_error_code;
    int32_t num_partitions = -1;
    int16_t replication_factor = -1;
    std::optional<std::vector<Config>> configs;
    static void Fields(auto& m, auto& v) {
      v(m.name);
      v(m.id, {.since = 7});
      v(m.error_code);
      v(m.error_message, {.since = 1, .nullable_since = 1});
      v(m.num_partitions, {.since = 5});
      v(m.replication_factor, {.since = 5});
      v(m.configs, {.since = 5, .nullable_since = 5});
      v.Tagged(0, m.config_error_code, {.since = 5});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void Fields(auto& m, auto& v) { v(m.throttle_time_ms, {.since = 2}), v(m.topics); }
};

struct CreateTopicsRequest {
  static constexpr int16_t kKey = 19;
  static constexpr int16_t kFlexibleSince = 5;
  using Response = CreateTopicsResponse;

  struct Assignment {
    int32_t partition = 0;
    std::vector<int32_t> nodes;
    static void Fields(auto& m, auto& v) { v(m.partition), v(m.nodes); }
  };
  struct Config {
    std::string name;
    std::optional<std::string> value;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.value, {.nullable_since = 0}); }
  };
  struct Topic {
    std::string name;
    int32_t num_partitions = 0;      // -1: the default
    int16_t replication_factor = 0;  // -1: the default
    std::vector<Assignment> assignments;
    std::vector<Config> configs;
    static void Fields(auto& m, auto& v) {
      v(m.name), v(m.num_partitions), v(m.replication_factor), v(m.assignments), v(m.configs);
    }
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 60'000;
  bool validate_only = false;
  static void Fields(auto& m, auto& v) {
    v(m.topics), v(m.timeout_ms), v(m.validate_only, {.since = 1});
  }
};

}  // namespace jangada::server::kafka
