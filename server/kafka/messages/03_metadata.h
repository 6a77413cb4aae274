// Metadata, key 3: the nodes of the cluster, its topics, and who leads which partition.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct MetadataResponse {
  struct Broker {
    int32_t node_id = 0;
    std::string host;
    int32_t port = 0;
    std::optional<std::string> rack;
    static void Fields(auto& m, auto& v) {
      v(m.node_id), v(m.host), v(m.port), v(m.rack, {.since = 1, .nullable_since = 1});
    }
  };
  struct Partition {
    Code error_code = Code::kNone;
    int32_t index = 0;
    int32_t leader_id = -1;
    int32_t leader_epoch = -1;
    std::vector<int32_t> replica_nodes;
    std::vector<int32_t> isr_nodes;
    std::vector<int32_t> offline_replicas;
    static void Fields(auto& m, auto& v) {
      v(m.error_code), v(m.index), v(m.leader_id);
      v(m.leader_epoch, {.since = 7});
      v(m.replica_nodes), v(m.isr_nodes);
      v(m.offline_replicas, {.since = 5});
    }
  };
  struct Topic {
    Code error_code = Code::kNone;
    std::optional<std::string> name;  // null: asked for by an id that nothing has
    Uuid id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    int32_t authorized_operations = kOperationsNotAsked;
    static void Fields(auto& m, auto& v) {
      v(m.error_code);
      v(m.name, {.nullable_since = 12});
      v(m.id, {.since = 10});
      v(m.is_internal, {.since = 1});
      v(m.partitions);
      v(m.authorized_operations, {.since = 8});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers;
  std::optional<std::string> cluster_id;
  int32_t controller_id = -1;
  std::vector<Topic> topics;
  int32_t cluster_authorized_operations = kOperationsNotAsked;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms, {.since = 3});
    v(m.brokers);
    v(m.cluster_id, {.since = 2, .nullable_since = 2});
    v(m.controller_id, {.since = 1});
    v(m.topics);
    v(m.cluster_authorized_operations, {.since = 8, .until = 10});
  }
};

struct MetadataRequest {
  static constexpr int16_t kKey = 3;
  static constexpr int16_t kFlexibleSince = 9;
  using Response = MetadataResponse;

  struct Topic {
    Uuid id;
    std::optional<std::string> name;
    static void Fields(auto& m, auto& v) {
      v(m.id, {.since = 10}), v(m.name, {.nullable_since = 10});
    }
  };

  std::optional<std::vector<Topic>> topics;  // null (v0: empty): all
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;
  static void Fields(auto& m, auto& v) {
    v(m.topics, {.nullable_since = 1});
    v(m.allow_auto_topic_creation, {.since = 4});
    v(m.include_cluster_authorized_operations, {.since = 8, .until = 10});
    v(m.include_topic_authorized_operations, {.since = 8});
  }
};

}  // namespace jangada::server::kafka
