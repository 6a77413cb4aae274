// jangada offsets: where partitions begin and end, and where a point in time lies in them.
#include <memory>
#include <utility>

#include "client/cli/context.h"
#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/partition_table.h"
#include "client/cli/start_position.h"
#include "client/cli/table.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

using At = OffsetQuery::At;

struct OffsetsOptions {
  std::string topic;
  std::vector<int32_t> partitions;
  std::string at;  // empty: both ends
};

Status ShowEnds(const Context& context, const OffsetsOptions& options,
                const std::vector<int32_t>& partitions) {
  std::vector<OffsetQuery> queries;
  for (const int32_t partition : partitions) {
    queries.push_back({.where = {options.topic, partition}, .at = At::kEarliest});
    queries.push_back({.where = {options.topic, partition}, .at = At::kLatest});
  }
  TRY_ASSIGN(const auto answers, context.client.ListOffsets(queries, context.timeout_ms));
  std::vector<json::PartitionOffsets> ends;
  Table table({"PARTITION", "EARLIEST", "LATEST", "RECORDS"});
  for (size_t i = 0; i < partitions.size(); ++i) {
    ends.push_back({partitions[i], answers[2 * i], answers[2 * i + 1]});
    const int64_t first = answers[2 * i].offset, end = answers[2 * i + 1].offset;
    table.Add({partitions[i], first, end, end - first});
  }
  return context.output.Print(context.output.json ? json::Ends(options.topic, ends)
                                                  : table.ToString(context.output.color));
}

/// earliest, latest, max-timestamp, @milliseconds or a time.
Result<OffsetQuery> ParseAt(const std::string& text) {
  if (text == "max-timestamp") return OffsetQuery{.where = {}, .at = At::kMaxTimestamp};
  const auto position = ParseStartPosition(text);
  using Kind = StartPosition::Kind;
  if (position.ok() && position->kind == Kind::kBeginning) {
    return OffsetQuery{.where = {}, .at = At::kEarliest};
  }
  if (position.ok() && position->kind == Kind::kEnd) {
    return OffsetQuery{.where = {}, .at = At::kLatest};
  }
  if (position.ok() && position->kind == Kind::kTime) {
    return OffsetQuery{.where = {}, .at = At::kTimestamp, .timestamp_ms = position->time_ms};
  }
  return Error{ErrorCode::kInvalidArgument,
               "'" + text +
                   "' is no point in a topic; use earliest, latest, max-timestamp, "
                   "@milliseconds, or a time such as 2026-11-22T04:00:00Z"};
}

Status ShowOffsetsAt(const Context& context, const OffsetsOptions& options,
                     const OffsetQuery& query, const std::vector<int32_t>& partitions) {
  std::vector<OffsetQuery> queries(partitions.size(), query);
  for (size_t i = 0; i < partitions.size(); ++i) queries[i].where = {options.topic, partitions[i]};
  TRY_ASSIGN(const auto answers, context.client.ListOffsets(queries, context.timeout_ms));
  std::map<int32_t, OffsetAnswer> by_partition;
  Table table({"PARTITION", "OFFSET", "TIMESTAMP"});
  for (size_t i = 0; i < partitions.size(); ++i) {
    const OffsetAnswer& answer = answers[i];
    by_partition[partitions[i]] = answer;
    table.Add({partitions[i], answer.offset < 0 ? "" : std::to_string(answer.offset),
               answer.timestamp_ms < 0 ? "" : TimeText(answer.timestamp_ms)});
  }
  return context.output.Print(context.output.json
                                  ? json::OffsetsAt(options.topic, options.at, by_partition)
                                  : table.ToString(context.output.color));
}

Status ShowOffsets(const Context& context, const OffsetsOptions& options) {
  OffsetQuery query;
  if (!options.at.empty()) {
    TRY_ASSIGN(query, ParseAt(options.at));
  }
  TRY_ASSIGN(const auto partitions, PartitionsOf(context, options.topic, options.partitions));
  if (options.at.empty()) return ShowEnds(context, options, partitions);
  return ShowOffsetsAt(context, options, query, partitions);
}

}  // namespace

Command OffsetsRow() {
  const auto options = std::make_shared<OffsetsOptions>();
  return {
      .name = "offsets",
      .about = "Where a topic's partitions begin and end, and where a time lies in them",
      .more =
          "Without --at: both ends, and how many records lie between them. LATEST is the offset "
          "that the next record will have. A partition without a record at or after the time "
          "shows none.",
      .arguments = {TopicArgument(&options->topic)},
      .options = {{.names = "--at",
                   .value = "WHEN",
                   .target = &options->at,
                   .help = "earliest, latest, max-timestamp (the record with the greatest "
                           "timestamp), @milliseconds since 1970, or a time such as "
                           "2026-11-22T04:00:00Z: the first record then or later"},
                  PartitionOption(&options->partitions)},
      .examples = {{"Both ends", "jangada offsets events"},
                   {"Where the morning begins",
                    "jangada offsets events --at 2026-11-22T08:00:00+01:00"}},
      .json = R"({"topic": "string", "partitions": [
  {"partition": "integer", "earliest": "integer", "latest": "integer", "records": "integer"}]}
# with --at:
{"topic": "string", "at": "string", "partitions": [
  {"partition": "integer", "offset": "integer|null", "timestamp_ms": "integer|null"}]})",
      .also = {"offset", "list-offsets", "get-offsets"},
      .run = [options](const Context& context) { return ShowOffsets(context, *options); }};
}

}  // namespace jangada::client
