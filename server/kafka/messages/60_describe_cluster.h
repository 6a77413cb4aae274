// DescribeCluster, key 60: the nodes of the cluster.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

inline constexpr int8_t kBrokerEndpoints = 1;

struct DescribeClusterResponse {
  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  std::optional<std::string> error_message;
  int8_t endpoint_type = kBrokerEndpoints;
  std::string cluster_id;
  int32_t controller_id = -1;
  std::vector<NodeEndpoint> brokers;
  int32_t cluster_authorized_operations = kOperationsNotAsked;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms), v(m.error_code), v(m.error_message, {.nullable_since = 0});
    v(m.endpoint_type, {.since = 1});
    v(m.cluster_id), v(m.controller_id), v(m.brokers), v(m.cluster_authorized_operations);
  }
};

struct DescribeClusterRequest {
  static constexpr int16_t kKey = 60;
  static constexpr int16_t kFlexibleSince = 0;
  using Response = DescribeClusterResponse;

  bool include_cluster_authorized_operations = false;
  int8_t endpoint_type = kBrokerEndpoints;
  static void Fields(auto& m, auto& v) {
    v(m.include_cluster_authorized_operations), v(m.endpoint_type, {.since = 1});
  }
};

}  // namespace jangada::server::kafka
