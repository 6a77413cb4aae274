// jangada topic create | list | describe | alter | trim | delete
#include <algorithm>
#include <map>
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

// ---- create ----

struct CreateOptions {
  std::string name;
  int32_t partitions = 1;
  int32_t replicas = 0;  // 0: the cluster's choice
  std::vector<std::string> configs;
  std::vector<std::string> assignment;  // "1,2,3" a partition
  bool dry_run = false;
};

Result<std::vector<std::vector<int32_t>>> ParseAssignment(const std::vector<std::string>& lists) {
  std::vector<std::vector<int32_t>> assignment;
  for (const std::string& list : lists) {
    std::vector<int32_t>& nodes = assignment.emplace_back();
    for (const std::string& word : SplitAt(list, ',')) {
      const auto node = ParseInteger(word);
      if (!node || *node < 1 || *node > INT32_MAX) {
        return Error{ErrorCode::kInvalidArgument,
                     "'" + list + "' is no list of nodes; give --assignment 1,2,3 a partition"};
      }
      nodes.push_back(static_cast<int32_t>(*node));
    }
  }
  return assignment;
}

Status CreateTopic(const Context& context, const CreateOptions& options) {
  NewTopic topic{.name = options.name,
                 .partitions = options.partitions,
                 .replication_factor = options.replicas,
                 .configs = {}};
  TRY_ASSIGN(topic.configs, ParsePairs(options.configs, "--config"));
  TRY_ASSIGN(topic.assignment, ParseAssignment(options.assignment));
  topic.validate_only = options.dry_run;
  if (!topic.assignment.empty()) {
    if (options.partitions != 1 || options.replicas != 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "--assignment says how many partitions and replicas there are; leave "
                   "--partitions and --replicas out"};
    }
    topic.partitions = 0;
  }
  TRY_ASSIGN(const std::string id, context.client.CreateTopic(topic, context.timeout_ms));
  return Answer(context, json::CreatedTopic(options.name, id, options.dry_run),
                options.dry_run ? "topic " + options.name + " could be created; nothing was done"
                                : "created topic " + options.name + " (" + id + ")");
}

Command CreateRow() {
  const auto options = std::make_shared<CreateOptions>();
  return {
      .name = "create",
      .about = "Make a topic; returns once all of its partitions serve",
      .more =
          "Settings have Kafka's names: retention.ms, retention.bytes, max.message.bytes, "
          "message.timestamp.type and their like. An unknown one is refused with the list.",
      .arguments = {{.names = "TOPIC",
                     .target = &options->name,
                     .help = "Letters, digits, '.', '_' and '-'; at most 249",
                     .required = true}},
      .options = {{.names = "--partitions",
                   .value = "N",
                   .target = &options->partitions,
                   .help = "How many partitions",
                   .at_least = 1},
                  {.names = "--replicas",
                   .value = "N",
                   .target = &options->replicas,
                   .help = "Copies of each partition, each on a node of its own",
                   .at_least = 1,
                   .default_text = "3, or the number of nodes where there are fewer"},
                  {.names = "--config",
                   .value = "KEY=VALUE",
                   .target = &options->configs,
                   .help = "A setting of the topic; may be repeated"},
                  {.names = "--assignment",
                   .value = "NODE,...",
                   .target = &options->assignment,
                   .help = "The nodes of a partition, the preferred leader first; once for each "
                           "partition, from 0 on, in place of --partitions and --replicas"},
                  {.names = "--dry-run",
                   .value = "",
                   .target = &options->dry_run,
                   .help = "Check everything, create nothing"}},
      .examples = {{"Six partitions, three copies of each",
                    "jangada topic create events --partitions 6 --replicas 3"},
                   {"Keep a day, or 1 GiB a partition, whichever is less",
                    "jangada topic create logs --config retention.ms=86400000 --config "
                    "retention.bytes=1073741824"}},
      .json = R"({"topic": "string", "id": "string|null", "created": "boolean"})",
      .also = {"new", "add", "make"},
      .run = [options](const Context& context) { return CreateTopic(context, *options); }};
}

// ---- list, describe, delete ----

Status ListTopics(const Context& context) {
  TRY_ASSIGN(const auto topics, context.client.ListTopics(context.timeout_ms));
  if (context.output.json) return context.output.Print(json::Topics(topics));
  Table table({"TOPIC", "PARTITIONS", "REPLICAS", "ID"});
  for (const TopicEntry& topic : topics) {
    table.Add({topic.name, topic.partitions, topic.replication_factor, topic.id});
  }
  return context.output.Print(table.ToString(context.output.color));
}

Command ListRow() {
  return {.name = "list",
          .about = "All topics",
          .examples = {{"Names only", "jangada topic list -o json | jq -r '.topics[].topic'"}},
          .json = R"({"topics": [
  {"topic": "string", "id": "string", "partitions": "integer", "replicas": "integer"}]})",
          .also = {"ls", "show", "topics"},
          .run = ListTopics};
}

Status DescribeTopic(const Context& context, const std::string& name) {
  TRY_ASSIGN(const TopicsView view, context.client.DescribeTopics({name}, context.timeout_ms));
  if (view.topics.empty()) {
    return Error{ErrorCode::kUnknownTopic, "there is no topic '" + name + "'"};
  }
  TRY_ASSIGN(const auto states, context.client.DescribePartitions({name}, context.timeout_ms));
  const auto reports = Examine(states);
  const TopicView& topic = view.topics.front();
  if (context.output.json) return context.output.Print(json::Topic(topic, reports));
  std::string out = "topic       " + topic.name + "\nid          " + topic.id + "\npartitions  " +
                    std::to_string(topic.partitions.size()) + "\nreplicas    " +
                    std::to_string(topic.replication_factor) + "\n";
  for (const auto& [key, value] : topic.configs) out += "config      " + key + "=" + value + "\n";
  return context.output.Print(out + "\n" + PartitionTable(reports, false, context.output.color));
}

Command DescribeRow() {
  const auto name = std::make_shared<std::string>();
  return {.name = "describe",
          .about = "A topic, its settings and its partitions",
          .more =
              "REPLICAS are the nodes that should hold a partition, VOTERS those that do, "
              "CAUGHT-UP those that hold all of it. START and END are offsets: of the first "
              "record, and of the next one to come.",
          .arguments = {TopicArgument(name.get())},
          .examples = {{"Who leads which partition, who has caught up",
                        "jangada topic describe events"}},
          .json = R"({"topic": "string", "id": "string", "replicas": "integer",
 "configs": {"*": "string"},
 "partitions": [)" +
                  std::string(kPartitionShape) + "]}",
          .also = {"info", "get", "desc"},
          .run = [name](const Context& context) { return DescribeTopic(context, *name); }};
}

Command DeleteRow() {
  const auto name = std::make_shared<std::string>();
  return {.name = "delete",
          .about = "Delete a topic with all its records, for good",
          .more = "Asks first on a terminal; --yes answers beforehand.",
          .arguments = {TopicArgument(name.get())},
          .examples = {{"Without a question", "jangada topic delete events --yes"}},
          .json = R"({"topic": "string", "deleted": "boolean"})",
          .also = {"rm", "remove", "drop", "destroy"},
          .run = [name](const Context& context) -> Status {
            TRY(Confirm(context, "delete topic " + *name + " with all its records, for good?"));
            TRY(context.client.DeleteTopic(*name, context.timeout_ms));
            return Answer(context, json::DeletedTopic(*name), "deleted topic " + *name);
          }};
}

// ---- alter ----

struct AlterOptions {
  std::string name;
  std::vector<std::string> set;
  std::vector<std::string> reset;
  int32_t partitions = 0;  // 0: as they are
};

Status AlterTopic(const Context& context, const AlterOptions& options) {
  ConfigChanges changes{.set = {}, .reset = options.reset};
  TRY_ASSIGN(changes.set, ParsePairs(options.set, "--set"));
  const bool alters_configs = !changes.set.empty() || !changes.reset.empty();
  if (!alters_configs && options.partitions == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "nothing to alter; give --set KEY=VALUE, --reset KEY or --partitions N"};
  }
  std::vector<std::string> done;
  if (alters_configs) {
    TRY(context.client.AlterTopicConfigs(options.name, changes, context.timeout_ms));
    for (const auto& [key, value] : changes.set) done.push_back(key + "=" + value);
    for (const std::string& key : changes.reset) done.push_back(key + " back to its default");
  }
  if (options.partitions > 0) {
    const Status raised =
        context.client.CreatePartitions(options.name, options.partitions, context.timeout_ms);
    if (!raised.ok() && !done.empty()) {
      return Error{raised.error().code, raised.error().message + " (the settings were altered: " +
                                            Joined(done, ", ") + ")"};
    }
    TRY(raised);
    done.push_back(Counted(options.partitions, "partition"));
  }
  return Answer(
      context,
      json::AlteredTopic(options.name, changes,
                         options.partitions > 0 ? std::optional(options.partitions) : std::nullopt),
      "altered topic " + options.name + ": " + Joined(done, ", "));
}

Command AlterRow() {
  const auto options = std::make_shared<AlterOptions>();
  return {.name = "alter",
          .about = "Change a topic's settings, or raise its number of partitions",
          .more =
              "Settings change all together or not at all. The number of partitions never "
              "sinks; when it rises, keys may belong to other partitions than before.",
          .arguments = {TopicArgument(&options->name)},
          .options = {{.names = "--set",
                       .value = "KEY=VALUE",
                       .target = &options->set,
                       .help = "A setting; may be repeated"},
                      {.names = "--reset",
                       .value = "KEY",
                       .target = &options->reset,
                       .help = "A setting that goes back to its default; may be repeated"},
                      {.names = "--partitions",
                       .value = "N",
                       .target = &options->partitions,
                       .help = "How many partitions there are afterwards",
                       .at_least = 1}},
          .examples = {{"Keep a week, and give up the limit of size",
                        "jangada topic alter events --set retention.ms=604800000 --reset "
                        "retention.bytes"},
                       {"More partitions", "jangada topic alter events --partitions 12"}},
          .json = R"({"topic": "string", "set": {"*": "string"}, "reset": ["string"],
 "partitions": "integer|null"})",
          .also = {"config", "set", "configure", "update", "add-partitions", "alter-config"},
          .run = [options](const Context& context) { return AlterTopic(context, *options); }};
}

// ---- trim ----

struct TrimOptions {
  std::string name;
  std::vector<int32_t> partitions;  // none: all
  std::string before;
};

/// Where each partition is to begin.
Result<std::map<int32_t, int64_t>> FindCuts(const Context& context, const TrimOptions& options,
                                            const std::vector<int32_t>& partitions) {
  TRY_ASSIGN(const StartPosition before, ParseStartPosition(options.before));
  std::map<int32_t, int64_t> cuts;
  using Kind = StartPosition::Kind;
  if (before.kind == Kind::kBeginning || before.kind == Kind::kLast) {
    return Error{
        ErrorCode::kInvalidArgument,
        "--before takes an offset, 'end', @milliseconds or a time, not '" + options.before + "'"};
  }
  if (before.kind == Kind::kOffset && partitions.size() > 1) {
    return Error{ErrorCode::kInvalidArgument,
                 "an offset means something in one partition only; name it with --partition"};
  }
  for (const int32_t partition : partitions) {
    cuts[partition] = before.kind == Kind::kOffset ? before.offset : -1;
  }
  if (before.kind != Kind::kTime) return cuts;
  std::vector<OffsetQuery> queries;
  for (const int32_t partition : partitions) {
    queries.push_back({.where = {options.name, partition},
                       .at = OffsetQuery::At::kTimestamp,
                       .timestamp_ms = before.time_ms});
  }
  TRY_ASSIGN(const auto offsets, context.client.ListOffsets(queries, context.timeout_ms));
  for (size_t i = 0; i < partitions.size(); ++i) cuts[partitions[i]] = offsets[i].offset;
  return cuts;
}

Status TrimTopic(const Context& context, const TrimOptions& options) {
  TRY_ASSIGN(const std::vector<int32_t> partitions,
             PartitionsOf(context, options.name, options.partitions));
  TRY_ASSIGN(const auto cuts, FindCuts(context, options, partitions));
  TRY(Confirm(context, "delete the records of " + options.name + " before " + options.before +
                           " (" + Counted(static_cast<int64_t>(cuts.size()), "partition") +
                           "), for good?"));
  std::map<int32_t, int64_t> starts;
  for (const auto& [partition, cut] : cuts) {
    const auto start =
        context.client.DeleteRecords({options.name, partition}, cut, context.timeout_ms);
    if (!start.ok()) {
      const std::string already =
          starts.empty() ? ""
                         : " (" + Counted(static_cast<int64_t>(starts.size()), "partition") +
                               " of " + std::to_string(cuts.size()) + " were trimmed)";
      return Error{start.error().code, start.error().message + already};
    }
    starts[partition] = *start;
  }
  if (context.output.json) return context.output.Print(json::Trimmed(options.name, starts));
  Table table({"PARTITION", "START"});
  for (const auto& [partition, start] : starts) table.Add({partition, start});
  return context.output.Print(table.ToString(context.output.color));
}

Command TrimRow() {
  const auto options = std::make_shared<TrimOptions>();
  return {
      .name = "trim",
      .about = "Delete a topic's oldest records (Kafka's DeleteRecords)",
      .more =
          "They are gone for readers at once, and from the disks later. Prints where the "
          "partitions begin now. Asks first on a terminal; --yes answers beforehand.",
      .arguments = {TopicArgument(&options->name)},
      .options = {{.names = "--before",
                   .value = "PLACE",
                   .target = &options->before,
                   .help = "The first record that stays: an offset, 'end' (none stays), "
                           "@milliseconds since 1970, or a time such as 2026-11-22T04:00:00Z",
                   .required = true},
                  PartitionOption(&options->partitions)},
      .examples = {{"What is older than the morning, in all partitions",
                    "jangada topic trim events --before 2026-11-22T08:00:00Z"},
                   {"Up to an offset of one partition",
                    "jangada topic trim events --partition 3 --before 120000"}},
      .json =
          R"({"topic": "string", "partitions": [{"partition": "integer", "start": "integer"}]})",
      .also = {"trim-prefix", "delete-records", "truncate", "purge", "prune"},
      .run = [options](const Context& context) { return TrimTopic(context, *options); }};
}

}  // namespace

Option TopicArgument(std::string* topic) {
  return {.names = "TOPIC",
          .target = topic,
          .help = "The topic's name",
          .required = true,
          .completion = Completion::kTopics};
}

Command TopicCommands() {
  return {.name = "topic",
          .about = "Create, list, describe, alter, trim or delete topics",
          .examples = {{"What there is", "jangada topic list"},
                       {"All about a command", "jangada topic create --help"}},
          .also = {"topics"},
          .commands = {CreateRow(), ListRow(), DescribeRow(), AlterRow(), TrimRow(), DeleteRow()}};
}

}  // namespace jangada::client
