// ApiVersions, key 18: which keys and versions are spoken here. Its response header is never
// flexible, since the client that asks does not know yet what it may expect.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct ApiVersionsResponse {
  struct ApiVersion {
    int16_t key = 0;
    int16_t min_version = 0;
    int16_t max_version = 0;
    static void Fields(auto& m, auto& v) { v(m.key), v(m.min_version), v(m.max_version); }
  };
  struct SupportedFeature {
    std::string name;
    int16_t min_version = 0;
    int16_t max_version = 0;
    static void Fields(auto& m, auto& v) { v(m.name), v(m.min_version), v(m.max_version); }
  };
  struct FinalizedFeature {
    std::string name;
    int16_t max_version_level = 0;
    int16_t min_version_level = 0;
    static void Fields(auto& m, auto& v) {
      v(m.name), v(m.max_version_level), v(m.min_version_level);
    }
  };

  Code error_code = Code::kNone;
  std::vector<ApiVersion> api_keys;
  int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features;
  std::optional<int64_t> finalized_features_epoch;
  std::vector<FinalizedFeature> finalized_features;
  std::optional<bool> zk_migration_ready;
  static void Fields(auto& m, auto& v) {
    v(m.error_code), v(m.api_keys), v(m.throttle_time_ms, {.since = 1});
    v.Tagged(0, m.supported_features, {.since = 3});
    v.Tagged(1, m.finalized_features_epoch, {.since = 3});
    v.Tagged(2, m.finalized_features, {.since = 3});
    v.Tagged(3, m.zk_migration_ready, {.since = 3});
  }
};

struct ApiVersionsRequest {
  static constexpr int16_t kKey = 18;
  static constexpr int16_t kFlexibleSince = 3;
  using Response = ApiVersionsResponse;

  std::string client_software_name;
  std::string client_software_version;
  static void Fields(auto& m, auto& v) {
    v(m.client_software_name, {.since = 3}), v(m.client_software_version, {.since = 3});
  }
};

}  // namespace jangada::server::kafka
