// What the commands about topics and partitions share: which partitions are meant, and the table of
// them.
#pragma once

#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/context.h"
#include "client/cli/health.h"
#include "client/cli/table.h"

namespace jangada::client {

/// --partition N, which may be repeated.
Option PartitionOption(std::vector<int32_t>* partitions);

/// The partitions `asked` for, or all of the topic's. kUnknownTopic, kNotFound.
Result<std::vector<int32_t>> PartitionsOf(const Context& context, const std::string& topic,
                                          const std::vector<int32_t>& asked);

/// In which colour it is shown.
Tone ToneOf(Standing standing);

/// A row a partition.
std::string PartitionTable(const std::vector<PartitionReport>& reports, bool with_topic,
                           bool color);

/// The state of one partition, as its leader tells it. kUnknownTopic, kNotFound.
Result<PartitionStateView> DescribePartition(const Context& context, const TopicPartition& where,
                                             int64_t timeout_ms);

/// A partition in JSON (Command::json).
inline constexpr const char* kPartitionShape = R"(
  {"topic": "string", "partition": "integer",
   "state": "string", "why": "string|null",
   "leader": "integer|null", "leader_epoch": "integer|null",
   "desired_replicas": ["integer"], "voters": ["integer"], "caught_up": ["integer"],
   "start": "integer|null", "end": "integer|null",
   "replicas": [{"node": "integer", "voter": "boolean", "live": "boolean",
                 "caught_up": "boolean", "lag_entries": "integer"}]})";

}  // namespace jangada::client
