#include "client/cli/partition_table.h"

#include <algorithm>
#include <utility>

#include "client/cli/table.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

Error NoSuchPartition(const std::string& topic, int32_t partition, size_t count) {
  return {ErrorCode::kNotFound,
          "topic '" + topic + "' has " + Counted(static_cast<int64_t>(count), "partition") +
              ", counted from 0; " + std::to_string(partition) + " is none of them"};
}

}  // namespace

Tone ToneOf(Standing standing) {
  switch (standing) {
    case Standing::kServing: return Tone::kGood;
    case Standing::kMoving:
    case Standing::kShortOfReplicas: return Tone::kWarning;
    case Standing::kReadOnly:
    case Standing::kNoLeader: return Tone::kBad;
  }
  return Tone::kPlain;
}

Option PartitionOption(std::vector<int32_t>* partitions) {
  return {.names = "--partition",
          .value = "N",
          .target = partitions,
          .help = "Only this partition; may be repeated, or a list: 0,3,5",
          .at_least = 0,
          .comma_separated = true};
}

Result<std::vector<int32_t>> PartitionsOf(const Context& context, const std::string& topic,
                                          const std::vector<int32_t>& asked) {
  TRY_ASSIGN(const TopicsView view, context.client.DescribeTopics({topic}, context.timeout_ms));
  const size_t count = view.topics.empty() ? 0 : view.topics.front().partitions.size();
  std::vector<int32_t> partitions = asked;
  for (const int32_t partition : asked) {
    if (static_cast<size_t>(partition) >= count) return NoSuchPartition(topic, partition, count);
  }
  for (size_t i = 0; asked.empty() && i < count; ++i) {
    partitions.push_back(static_cast<int32_t>(i));
  }
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  return partitions;
}

std::string PartitionTable(const std::vector<PartitionReport>& reports, bool with_topic,
                           bool color) {
  std::vector<std::string> header{"PARTITION", "LEADER", "EPOCH", "REPLICAS", "VOTERS",
                                  "CAUGHT-UP", "START",  "END",   "STATE",    "WHY"};
  if (with_topic) header.insert(header.begin(), "TOPIC");
  Table table(header);
  for (const PartitionReport& report : reports) {
    const PartitionStateView& state = *report.state;
    const auto known = [&](int64_t number) {
      return state.from_leader ? std::to_string(number) : std::string();
    };
    std::vector<Table::Cell> row{state.where.partition,
                                 known(state.leader),
                                 known(static_cast<int64_t>(state.leader_epoch)),
                                 JoinNumbers(state.desired_replicas),
                                 JoinNumbers(VotersOf(state)),
                                 JoinNumbers(CaughtUpIn(state)),
                                 known(state.log_start_offset),
                                 known(state.high_watermark),
                                 {NameOf(report.standing), ToneOf(report.standing)},
                                 report.why};
    if (with_topic) row.insert(row.begin(), state.where.topic);
    table.Add(std::move(row));
  }
  return table.ToString(color);
}

Result<PartitionStateView> DescribePartition(const Context& context, const TopicPartition& where,
                                             int64_t timeout_ms) {
  TRY_ASSIGN(const auto states, context.client.DescribePartitions({where.topic}, timeout_ms));
  const auto number = static_cast<size_t>(where.partition);
  if (number >= states.size()) return NoSuchPartition(where.topic, where.partition, states.size());
  return states[number];
}

}  // namespace jangada::client
