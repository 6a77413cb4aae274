// jangada group list | describe | reset-offsets | delete
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "client/cli/context.h"
#include "client/cli/group_names.h"
#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/partition_table.h"
#include "client/cli/start_position.h"
#include "client/cli/table.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

Option GroupArgument(std::string* group) {
  return {.names = "GROUP", .target = group, .help = "The consumer group's name", .required = true};
}

/// "-" where nothing is known.
std::string NumberOrNothing(int64_t number) { return number < 0 ? "" : std::to_string(number); }

// ---- list ----

Status ListGroups(const Context& context) {
  TRY_ASSIGN(const GroupListView view, context.client.ListGroups(context.timeout_ms));
  if (context.output.json) {
    TRY(context.output.Print(json::Groups(view)));
  } else {
    Table table({"GROUP", "STATE", "DOOR", "COORDINATOR"});
    for (const GroupEntry& group : view.groups) {
      table.Add({group.group, NameOf(group.state), NameOf(group.door), group.coordinator});
    }
    TRY(context.output.Print(table.ToString(context.output.color)));
  }
  if (view.unanswered.empty()) return {};
  return Error{
      ErrorCode::kUnavailable,
      "these nodes did not answer, so that groups may be missing: " + JoinNumbers(view.unanswered)};
}

Command ListRow() {
  return {
      .name = "list",
      .about = "All consumer groups, of both doors",
      .more =
          "STATE: stable; empty (no members: what was committed is kept); "
          "preparing-rebalance and completing-rebalance (who reads what is being decided). DOOR: "
          "kafka or grpc, by which its members come.",
      .examples = {{"What there is", "jangada group list"}},
      .json = R"({"groups": [{"group": "string", "state": "string", "door": "string|null",
 "coordinator": "integer"}],
 "unanswered": ["integer"]})",
      .also = {"ls", "show"},
      .run = ListGroups};
}

// ---- describe ----

struct DescribeOptions {
  std::string group;
  bool members = false;
};

std::string MembersTable(const GroupView& group, bool color) {
  Table table({"MEMBER", "CLIENT", "HOST", "PARTITIONS"});
  for (const GroupMemberView& member : group.members) {
    std::map<std::string, std::vector<int32_t>> by_topic;
    for (const TopicPartition& where : member.partitions) {
      by_topic[where.topic].push_back(where.partition);
    }
    std::vector<std::string> topics;
    for (const auto& [topic, partitions] : by_topic) {
      topics.push_back(topic + "[" + JoinNumbers(partitions) + "]");
    }
    table.Add({member.member_id, member.client_id, member.client_host, Joined(topics, " ")});
  }
  return table.ToString(color);
}

std::string LagTable(const GroupView& group, bool color) {
  Table table({"TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "LAG-SECONDS", "MEMBER"});
  for (const GroupPartitionView& partition : group.partitions) {
    const bool answered = partition.error.empty();
    table.Add({partition.where.topic, partition.where.partition,
               NumberOrNothing(partition.committed_offset),
               answered ? std::to_string(partition.log_end_offset) : "",
               NumberOrNothing(partition.lag_records),
               partition.lag_ms < 0 ? "" : Fixed(static_cast<double>(partition.lag_ms) / 1000, 1),
               partition.member_id});
  }
  return table.ToString(color);
}

Status DescribeGroup(const Context& context, const DescribeOptions& options) {
  TRY_ASSIGN(const GroupView group,
             context.client.DescribeGroup(options.group, context.timeout_ms));
  if (context.output.json) return context.output.Print(json::Group(group));
  const bool color = context.output.color;
  return context.output.Print(options.members ? MembersTable(group, color)
                                              : LagTable(group, color));
}

Command DescribeRow() {
  const auto options = std::make_shared<DescribeOptions>();
  return {
      .name = "describe",
      .about = "What a group has committed, how far it is behind, and who reads what",
      .more =
          "LAG: records from the committed offset to the partition's end. LAG-SECONDS: how long "
          "ago "
          "the first of them happened. A partition in which nothing is committed shows neither.",
      .arguments = {GroupArgument(&options->group)},
      .options = {{.names = "--members",
                   .target = &options->members,
                   .help = "Its members, in place of its partitions; -o json prints both"}},
      .examples = {{"How far it is behind", "jangada group describe payments"},
                   {"Who is in it", "jangada group describe payments --members"}},
      .json = R"({"group": "string", "state": "string", "door": "string|null",
 "coordinator": "integer", "assignor": "string|null",
 "lag_records": "integer|null", "lag_seconds": "number|null",
 "members": [{"member": "string", "instance": "string|null", "client": "string", "host": "string",
              "partitions": [{"topic": "string", "partition": "integer"}]}],
 "partitions": [{"topic": "string", "partition": "integer",
                 "committed": "integer|null", "metadata": "string|null",
                 "start": "integer|null", "end": "integer|null",
                 "lag_records": "integer|null", "lag_seconds": "number|null",
                 "member": "string|null", "error": "string|null"}]})",
      .also = {"lag", "status", "info"},
      .run = [options](const Context& context) { return DescribeGroup(context, *options); }};
}

// ---- reset-offsets ----

struct ResetOptions {
  std::string group;
  std::string topic;
  std::vector<int32_t> partitions;  // none: all
  std::string to;
  bool dry_run = false;
};

/// Both ends of each partition, and the offset at the time if one is asked for.
struct Place {
  int64_t start = 0;
  int64_t end = 0;
  int64_t at_time = -1;
};

Result<std::vector<Place>> FindPlaces(const Context& context, const ResetOptions& options,
                                      const StartPosition& to,
                                      const std::vector<int32_t>& partitions) {
  using At = OffsetQuery::At;
  const bool by_time = to.kind == StartPosition::Kind::kTime;
  std::vector<OffsetQuery> queries;
  for (const int32_t partition : partitions) {
    const TopicPartition where{options.topic, partition};
    queries.push_back({.where = where, .at = At::kEarliest});
    queries.push_back({.where = where, .at = At::kLatest});
    if (by_time) {
      queries.push_back({.where = where, .at = At::kTimestamp, .timestamp_ms = to.time_ms});
    }
  }
  TRY_ASSIGN(const auto answers, context.client.ListOffsets(queries, context.timeout_ms));
  std::vector<Place> places;
  for (size_t i = 0; i < answers.size(); i += by_time ? 3 : 2) {
    places.push_back({.start = answers[i].offset,
                      .end = answers[i + 1].offset,
                      .at_time = by_time ? answers[i + 2].offset : -1});
  }
  return places;
}

Result<int64_t> OffsetAt(const StartPosition& to, const Place& place, const TopicPartition& where) {
  switch (to.kind) {
    case StartPosition::Kind::kBeginning: return place.start;
    case StartPosition::Kind::kEnd: return place.end;
    case StartPosition::Kind::kLast: return std::max(place.start, place.end - to.offset);
    case StartPosition::Kind::kTime: return place.at_time < 0 ? place.end : place.at_time;
    case StartPosition::Kind::kOffset: break;
  }
  if (to.offset >= place.start && to.offset <= place.end) return to.offset;
  return Error{ErrorCode::kOffsetOutOfRange,
               Shown(where) + " holds the offsets " + std::to_string(place.start) + " to " +
                   std::to_string(place.end) + ", not " + std::to_string(to.offset)};
}

Status ResetOffsets(const Context& context, const ResetOptions& options) {
  TRY_ASSIGN(const StartPosition to, ParseStartPosition(options.to));
  TRY_ASSIGN(const std::vector<int32_t> partitions,
             PartitionsOf(context, options.topic, options.partitions));
  TRY_ASSIGN(const std::vector<Place> places, FindPlaces(context, options, to, partitions));
  std::vector<GroupOffset> offsets;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const TopicPartition where{options.topic, partitions[i]};
    TRY_ASSIGN(const int64_t offset, OffsetAt(to, places[i], where));
    offsets.push_back({.where = where, .offset = offset});
  }
  if (!options.dry_run) {
    TRY(Confirm(context, "let " + options.group + " go on at " + options.to + " in " +
                             Counted(static_cast<int64_t>(offsets.size()), "partition") + " of " +
                             options.topic + "?"));
    TRY(context.client.CommitOffsets(options.group, offsets, context.timeout_ms));
  }
  if (context.output.json) {
    return context.output.Print(json::ResetOffsets(options.group, offsets, options.dry_run));
  }
  Table table({"TOPIC", "PARTITION", "OFFSET"});
  for (const GroupOffset& offset : offsets) {
    table.Add({offset.where.topic, offset.where.partition, offset.offset});
  }
  return context.output.Print(table.ToString(context.output.color));
}

Command ResetRow() {
  const auto options = std::make_shared<ResetOptions>();
  return {
      .name = "reset-offsets",
      .about = "Let a group go on elsewhere in a topic",
      .more =
          "The group must have no members, and need not have existed. A time without a record at "
          "or after it means the end.",
      .arguments = {GroupArgument(&options->group), TopicArgument(&options->topic)},
      .options = {{.names = "--to",
                   .value = "WHERE",
                   .target = &options->to,
                   .help =
                       "beginning, end, an offset, -N (the last N records), @milliseconds since "
                       "1970, or a time such as 2026-11-22T04:00:00Z",
                   .required = true},
                  PartitionOption(&options->partitions),
                  {.names = "--dry-run",
                   .target = &options->dry_run,
                   .help = "Show where it would go on, and change nothing"}},
      .examples = {{"Read all again", "jangada group reset-offsets payments orders --to beginning"},
                   {"From this morning on, only shown",
                    "jangada group reset-offsets payments orders --to 2026-11-22T06:00:00Z "
                    "--dry-run"},
                   {"Skip one record that can't be processed",
                    "jangada group reset-offsets payments orders --partition 3 --to 1042 --yes"}},
      .json = R"({"group": "string", "changed": "boolean",
 "partitions": [{"topic": "string", "partition": "integer", "offset": "integer"}]})",
      .also = {"reset", "seek", "set-offsets", "rewind"},
      .run = [options](const Context& context) { return ResetOffsets(context, *options); }};
}

// ---- delete ----

Status DeleteGroup(const Context& context, const std::string& group) {
  TRY(Confirm(context, "delete the consumer group " + group + " with all that it has committed?"));
  TRY(context.client.DeleteGroup(group, context.timeout_ms));
  return Answer(context, json::DeletedGroup(group), "deleted group " + group);
}

Command DeleteRow() {
  const auto group = std::make_shared<std::string>();
  return {.name = "delete",
          .about = "Delete a group without members, with what it has committed",
          .arguments = {GroupArgument(group.get())},
          .examples = {{"Without a question", "jangada group delete payments --yes"}},
          .json = R"({"group": "string", "deleted": "boolean"})",
          .also = {"rm", "remove", "drop"},
          .run = [group](const Context& context) { return DeleteGroup(context, *group); }};
}

}  // namespace

Command GroupCommands() {
  return {.name = "group",
          .about = "List consumer groups, see how far they are behind, set them back, delete them",
          .examples = {{"What there is", "jangada group list"}},
          .also = {"groups", "consumer-groups"},
          .commands = {ListRow(), DescribeRow(), ResetRow(), DeleteRow()}};
}

}  // namespace jangada::client
