// jangada node add | remove, log-level
#include <memory>
#include <optional>
#include <utility>

#include "client/cli/context.h"
#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/table.h"

namespace jangada::client {
namespace {

// ---- node add, node remove ----

Option NodeArgument(int32_t* node) {
  return {.names = "NODE",
          .target = node,
          .help = "The node's id, from 1 on",
          .required = true,
          .at_least = 1,
          .completion = Completion::kNodes};
}

Command AddRow() {
  const auto node = std::make_shared<int32_t>(0);
  return {
      .name = "add",
      .about = "Admit a node: a new one, or one that was removed because its disk was lost",
      .arguments = {NodeArgument(node.get())},
      .examples = {{"Node 3 has a new, empty disk", "jangada node remove 3 && jangada node add 3"}},
      .json = R"({"node": "integer", "state": "string"})",
      .also = {"admit", "join", "new", "create"},
      .run = [node](const Context& context) -> Status {
        TRY(context.client.AddNode(*node, context.timeout_ms));
        return Answer(
            context, json::NodeChange(*node, "admitted"),
            "node " + std::to_string(*node) + " is admitted; start it with an empty data folder");
      }};
}

Command RemoveRow() {
  const auto node = std::make_shared<int32_t>(0);
  return {.name = "remove",
          .about = "Take a node out of the cluster for good",
          .more =
              "Its replicas move to other nodes where there is room. Its data folder can't come "
              "back under any id. Asks first on a terminal; --yes answers beforehand.",
          .arguments = {NodeArgument(node.get())},
          .examples = {{"Node 3 goes", "jangada node remove 3"}},
          .json = R"({"node": "integer", "state": "string"})",
          .also = {"rm", "delete", "drop", "decommission"},
          .run = [node](const Context& context) -> Status {
            const std::string name = "node " + std::to_string(*node);
            TRY(Confirm(context, "take " + name + " out of the cluster, for good?"));
            TRY(context.client.RemoveNode(*node, context.timeout_ms));
            return Answer(context, json::NodeChange(*node, "removing"),
                          name +
                              " is being removed; `jangada partition list` shows its replicas "
                              "move");
          }};
}

// ---- log-level ----

struct LogLevelOptions {
  std::string level;  // empty: only look
  std::vector<int32_t> nodes;
};

/// The nodes that were named, or all of the cluster's.
Result<std::vector<int32_t>> NodesToAsk(const Context& context, const LogLevelOptions& options) {
  if (!options.nodes.empty()) return options.nodes;
  TRY_ASSIGN(const ClusterView cluster, context.client.DescribeCluster(context.timeout_ms));
  std::vector<int32_t> nodes;
  for (const NodeView& node : cluster.nodes) nodes.push_back(node.id);
  return nodes;
}

/// One node's level, after it was set if it is to be.
Result<json::NodeLevel> LevelOf(const Context& context, const LogLevelOptions& options,
                                int32_t node) {
  if (options.level.empty()) {
    TRY_ASSIGN(const LogLevelView view, context.client.GetLogLevel(node, context.timeout_ms));
    return json::NodeLevel{node, view.level, {}};
  }
  TRY_ASSIGN(const LogLevelView before,
             context.client.SetLogLevel(node, options.level, context.timeout_ms));
  return json::NodeLevel{node, options.level, before.level};
}

/// A node that does not answer keeps nobody else from being asked.
Status LogLevel(const Context& context, const LogLevelOptions& options) {
  TRY_ASSIGN(const std::vector<int32_t> nodes, NodesToAsk(context, options));
  std::vector<json::NodeLevel> levels;
  std::optional<Error> error;
  for (const int32_t node : nodes) {
    auto level = LevelOf(context, options, node);
    if (level.ok()) {
      levels.push_back(*std::move(level));
    } else if (!error) {
      error = level.error();
    }
  }
  if (levels.empty() && error) return *error;
  Table table({"NODE", "LEVEL", "BEFORE"});
  for (const json::NodeLevel& level : levels) table.Add({level.node, level.level, level.before});
  TRY(context.output.Print(context.output.json ? json::LogLevels(levels)
                                               : table.ToString(context.output.color)));
  return error ? Status(*error) : Status();
}

}  // namespace

Command NodeCommands() {
  return {.name = "node",
          .about = "Admit nodes to the cluster, or take them out",
          .examples = {{"A fourth node", "jangada node add 4"}},
          .also = {"nodes", "broker", "member"},
          .commands = {AddRow(), RemoveRow()}};
}

Command LogLevelRow() {
  const auto options = std::make_shared<LogLevelOptions>();
  return {.name = "log-level",
          .about = "How much nodes log: look, or change it while they run",
          .more =
              "From the most to the least: trace, debug, info, warn, error. Takes effect at once "
              "and lasts until the node's process ends; log.level of its configuration is what it "
              "begins with.",
          .arguments = {{.names = "LEVEL",
                         .target = &options->level,
                         .help = "From now on",
                         .one_of = {"trace", "debug", "info", "warn", "error"}}},
          .options = {{.names = "--node",
                       .value = "NODE",
                       .target = &options->nodes,
                       .help = "Only this node; may be repeated, or a list: 1,3",
                       .at_least = 1,
                       .comma_separated = true,
                       .default_text = "all nodes",
                       .completion = Completion::kNodes}},
          .examples = {{"What they log", "jangada log-level"},
                       {"More of node 2, and back again",
                        "jangada log-level debug --node 2 && jangada log-level info --node 2"}},
          .json = R"({"nodes": [{"node": "integer", "level": "string", "before": "string|null"}]})",
          .also = {"loglevel", "log", "logging", "verbosity"},
          .run = [options](const Context& context) { return LogLevel(context, *options); }};
}

}  // namespace jangada::client
