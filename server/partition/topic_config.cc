#include "server/partition/topic_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "server/limits.h"

namespace jangada::server {
namespace {

constexpr int64_t kMaxBatchBytes = 16 << 20;  // a batch must fit the window to one follower
constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();

/// One key: how its text becomes a part of TopicConfig, and what it means.
struct Key {
  std::string_view name;
  std::string_view default_value;
  std::string_view allowed;  // ends the sentence "... must be"
  bool (*set)(std::string_view value, TopicConfig* config);
  std::string_view documentation;
};

template <class Int>
bool SetNumber(std::string_view text, int64_t low, int64_t high, Int* to) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  if (value < low || value > high) return false;
  *to = static_cast<Int>(value);
  return true;
}

bool SetTimestampType(std::string_view text, TopicConfig* config) {
  if (text == "CreateTime") {
    config->timestamp_type = TimestampType::kCreateTime;
  } else if (text == "LogAppendTime") {
    config->timestamp_type = TimestampType::kLogAppendTime;
  } else {
    return false;
  }
  return true;
}

bool SetCleanupPolicy(std::string_view text, TopicConfig* config) {
  config->deletes_old = text != "compact";
  return text == "delete" || text == "compact" || text == "compact,delete" ||
         text == "delete,compact";
}

// ---- keys of Kafka that tools set, and that change nothing here ----

constexpr std::string_view kNoEffect =
    "Accepted for compatibility with Kafka's tools; changes nothing here.";

constexpr Key IgnoredNumber(std::string_view name, std::string_view default_value) {
  return {name, default_value, "a number of 0 or more",
          [](std::string_view text, TopicConfig*) {
            int64_t ignored = 0;
            return SetNumber(text, 0, kInt64Max, &ignored);
          },
          kNoEffect};
}

constexpr Key IgnoredFlag(std::string_view name) {
  return {name, "false", "true or false",
          [](std::string_view text, TopicConfig*) { return text == "true" || text == "false"; },
          kNoEffect};
}

constexpr Key IgnoredText(std::string_view name, std::string_view default_value) {
  return {name, default_value, "text", [](std::string_view, TopicConfig*) { return true; },
          kNoEffect};
}

/// Alphabetical. The only place that knows which keys there are.
constexpr std::array kKeys = {
    Key{"cleanup.policy", "delete", "delete, compact, or both with a comma between",
        SetCleanupPolicy,
        "How old records go: delete removes them by age and size; compact alone removes nothing, "
        "since there is no compaction yet."},
    Key{"compression.type", "producer", "producer (batches are stored as their producer made them)",
        [](std::string_view text, TopicConfig*) { return text == "producer"; },
        "Batches stay compressed, or not, as their producer sent them."},
    IgnoredNumber("delete.retention.ms", "86400000"),
    IgnoredNumber("file.delete.delay.ms", "60000"),
    IgnoredNumber("flush.messages", "9223372036854775807"),
    IgnoredNumber("flush.ms", "9223372036854775807"),
    IgnoredText("follower.replication.throttled.replicas", ""),
    IgnoredNumber("index.interval.bytes", "4096"),
    IgnoredText("leader.replication.throttled.replicas", ""),
    IgnoredNumber("max.compaction.lag.ms", "9223372036854775807"),
    Key{"max.message.bytes", "1048588", "a number of bytes from 128 to 16777216",
        [](std::string_view text, TopicConfig* config) {
          return SetNumber(text, 128, kMaxBatchBytes, &config->max_message_bytes);
        },
        "Largest record batch that is accepted, in bytes, as it was sent."},
    Key{"message.timestamp.type", "CreateTime", "CreateTime or LogAppendTime", SetTimestampType,
        "Whose clock stamps a record: the producer's, or the leader's when it appends it."},
    IgnoredText("min.cleanable.dirty.ratio", "0.5"),
    IgnoredNumber("min.compaction.lag.ms", "0"),
    Key{"min.insync.replicas", "1", "a number from 1 to 99",
        [](std::string_view text, TopicConfig* config) {
          return SetNumber(text, 1, 99, &config->min_insync_replicas);
        },
        "Accepted for compatibility: a record is acknowledged when a majority of the replicas has "
        "synced it, whatever is set here."},
    IgnoredFlag("preallocate"),
    Key{"producer.id.expiration.ms", "86400000", "a number of milliseconds of 1 or more",
        [](std::string_view text, TopicConfig* config) {
          return SetNumber(text, 1, kInt64Max, &config->producer_id_expiration_ms);
        },
        "An idempotent producer that sent nothing for so long is forgotten, in milliseconds."},
    Key{"retention.bytes", "-1", "a number of bytes per partition, or -1 for no limit",
        [](std::string_view text, TopicConfig* config) {
          return SetNumber(text, -1, kInt64Max, &config->retention_bytes);
        },
        "The oldest records of a partition beyond this size are removed, in bytes; -1: no limit."},
    Key{"retention.ms", "604800000", "a number of milliseconds, or -1 for no limit",
        [](std::string_view text, TopicConfig* config) {
          return SetNumber(text, -1, kInt64Max, &config->retention_ms);
        },
        "Records older than this are removed, in milliseconds; -1: never."},
    IgnoredNumber("segment.bytes", "1073741824"),
    IgnoredNumber("segment.index.bytes", "10485760"),
    IgnoredNumber("segment.jitter.ms", "0"),
    IgnoredNumber("segment.ms", "604800000"),
    IgnoredFlag("unclean.leader.election.enable"),
};

std::string KnownKeys() {
  std::string names;
  for (const Key& key : kKeys) {
    if (!names.empty()) names += ", ";
    names += key.name;
  }
  return names;
}

Status SetOne(std::string_view name, std::string_view value, TopicConfig* config) {
  for (const Key& key : kKeys) {
    if (key.name != name) continue;
    if (key.set(value, config)) return Status();
    return Error{ErrorCode::kInvalidArgument, "topic config " + std::string(name) + " is '" +
                                                  std::string(value) + "' but must be " +
                                                  std::string(key.allowed)};
  }
  return Error{ErrorCode::kInvalidArgument,
               "unknown topic config '" + std::string(name) + "'; there are: " + KnownKeys()};
}

}  // namespace

Status CheckTopicName(std::string_view name) {
  const auto is_legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > kMaxTopicNameBytes || name == "." || name == ".." ||
      !std::all_of(name.begin(), name.end(), is_legal)) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + std::string(name.substr(0, kMaxTopicNameBytes)) +
                     "' is no topic name: use 1 to 249 of the letters a-z and A-Z, digits, '.', "
                     "'_' and '-', but not '.' or '..' alone"};
  }
  return {};
}

Result<TopicConfig> ParseTopicConfig(const std::map<std::string, std::string>& overrides) {
  TopicConfig config;
  for (const auto& [name, value] : overrides) TRY(SetOne(name, value, &config));
  if (!config.deletes_old) config.retention_ms = config.retention_bytes = -1;
  return config;
}

Status ValidateTopicConfig(std::string_view key, std::string_view value) {
  TopicConfig ignored;
  return SetOne(key, value, &ignored);
}

Status CheckMinInsyncReplicas(int32_t wanted, int32_t replication_factor) {
  const int32_t majority = replication_factor / 2 + 1;
  if (wanted <= majority) return {};
  return Error{ErrorCode::kInvalidArgument,
               "min.insync.replicas is " + std::to_string(wanted) +
                   ", but records are acknowledged when a majority of the " +
                   std::to_string(replication_factor) + " replicas has them: set at most " +
                   std::to_string(majority)};
}

std::vector<TopicConfigRow> DescribeTopicConfig(
    const std::map<std::string, std::string>& overrides) {
  std::vector<TopicConfigRow> rows;
  for (const Key& key : kKeys) {
    TopicConfigRow row{.name = std::string(key.name),
                       .value = std::string(key.default_value),
                       .default_value = std::string(key.default_value),
                       .is_default = true,
                       .documentation = std::string(key.documentation)};
    if (auto it = overrides.find(row.name); it != overrides.end()) {
      row.value = it->second;
      row.is_default = false;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace jangada::server
