// TopicConfig: how a topic may be called, and what it may set, under Kafka's own names, with
// defaults and bounds. One table says which keys there are; the controller refuses the others with
// it, the admin doors describe topics with it, and a partition acts on the parsed values. Plain
// functions and values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jangada::server {

/// [a-zA-Z0-9._-]{1,249}, not "." or "..". kInvalidArgument.
Status CheckTopicName(std::string_view name);

enum class TimestampType : uint8_t { kCreateTime, kLogAppendTime };

/// The effective values of one topic.
struct TopicConfig {
  /// False (cleanup.policy=compact): no retention at all, whatever else is set.
  bool deletes_old = true;
  int64_t retention_ms = 604'800'000;     // 7 days; -1: for ever
  int64_t retention_bytes = -1;           // per partition; -1: no limit
  int64_t max_message_bytes = 1'048'588;  // of one record batch
  TimestampType timestamp_type = TimestampType::kCreateTime;
  /// Accepted and described. Every acknowledged record is synced on a majority of the replicas in
  /// any case.
  int32_t min_insync_replicas = 1;
  int64_t producer_id_expiration_ms = 86'400'000;  // 24 hours

  friend bool operator==(const TopicConfig&, const TopicConfig&) = default;
};

/// The effective values of a topic that set `overrides`. kInvalidArgument names the key, what is
/// wrong with it and what would be right.
Result<TopicConfig> ParseTopicConfig(const std::map<std::string, std::string>& overrides);

/// Whether one key may be set to that value; the same errors as ParseTopicConfig.
Status ValidateTopicConfig(std::string_view key, std::string_view value);

/// Whether a topic of so many replicas may ask for so many in sync: no more than a majority, by
/// which records are acknowledged. kInvalidArgument.
Status CheckMinInsyncReplicas(int32_t wanted, int32_t replication_factor);

/// One row of `topic describe`.
struct TopicConfigRow {
  std::string name;
  std::string value;  // in force
  std::string default_value;
  bool is_default = true;  // not set on the topic
  std::string documentation;
};

/// Every key there is, in alphabetical order.
std::vector<TopicConfigRow> DescribeTopicConfig(
    const std::map<std::string, std::string>& overrides);

}  // namespace jangada::server
