// DescribeTopicPartitions, key 75: topics page by page.
#pragma once

#include <vector>

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

/// Where a page begins.
struct TopicCursor {
  std::string topic;
  int32_t partition = 0;
  static void Fields(auto& m, auto& v) { v(m.topic), v(m.partition); }
};

struct DescribeTopicPartitionsResponse {
  struct Partition {
    Code error_code = Code::kNone;
    int32_t index = 0;
    int32_t leader_id = -1;
    int32_t leader_epoch = -1;
    std::vector<int32_t> replica_nodes;
    std::vector<int32_t> isr_nodes;
    std::optional<std::vector<int32_t>> eligible_leader_replicas;
    std::optional<std::vector<int32_t>> last_known_elr;
    std::vector<int32_t> offline_replicas;
    static void Fields(auto& m, auto& v) {
      v(m.error_code), v(m.index), v(m.leader_id), v(m.leader_epoch);
      v(m.replica_nodes), v(m.isr_nodes);
      v(m.eligible_leader_replicas, {.nullable_since = 0});
      v(m.last_known_elr, {.nullable_since = 0});
      v(m.offline_replicas);
    }
  };
  struct Topic {
    Code error_code = Code::kNone;
    std::optional<std::string> name;
    Uuid id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    int32_t authorized_operations = kOperationsNotAsked;
    static void Fields(auto& m, auto& v) {
      v(m.error_code), v(m.name, {.nullable_since = 0}), v(m.id), v(m.is_internal);
      v(m.partitions), v(m.authorized_operations);
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  std::optional<TopicCursor> next_cursor;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms), v(m.topics), v(m.next_cursor, {.nullable_since = 0});
  }
};

struct DescribeTopicPartitionsRequest {
  static constexpr int16_t kKey = 75;
  static constexpr int16_t kFlexibleSince = 0;
  using Response = DescribeTopicPartitionsResponse;

  struct Topic {
    std::string name;
    static void Fields(auto& m, auto& v) { v(m.name); }
  };

  std::vector<Topic> topics;  // empty: all
  int32_t response_partition_limit = 2000;
  std::optional<TopicCursor> cursor;
  static void Fields(auto& m, auto& v) {
    v(m.topics), v(m.response_partition_limit), v(m.cursor, {.nullable_since = 0});
  }
};

}  // namespace jangada::server::kafka
