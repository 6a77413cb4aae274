// jangada cluster nodes | leaders | config; `status` has a file of its own.
#include <map>
#include <memory>
#include <utility>

#include "client/cli/cluster_rows.h"
#include "client/cli/context.h"
#include "client/cli/groups.h"
#include "client/cli/health.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

// ---- nodes, leaders ----

Status ShowNodes(const Context& context) {
  TRY_ASSIGN(const ClusterView cluster, context.client.DescribeCluster(context.timeout_ms));
  if (context.output.json) return context.output.Print(json::Nodes(cluster.nodes));
  Table table(
      {"NODE", "STATE", "RACK", "CLIENTS", "PEERS", "KAFKA", "HTTP", "FREE", "VERSION", "NOTE"});
  for (const NodeView& node : cluster.nodes) {
    table.Add({node.id, StateOf(node), node.rack, node.grpc_address, node.peer_address,
               node.kafka_address, node.http_address, FreeOf(node), node.version, NoteOf(node)});
  }
  return context.output.Print(table.ToString(context.output.color));
}

Command NodesRow() {
  return {.name = "nodes",
          .about = "All nodes with their addresses, disks and versions",
          .examples = {{"Those that are down",
                        "jangada cluster nodes -o json | jq '.nodes[] | select(.live | not)'"}},
          .json = R"({"nodes": [
  {"node": "integer", "live": "boolean", "rack": "string|null", "clients": "string|null",
   "peers": "string|null", "kafka": "string|null", "http": "string|null",
   "version": "string|null", "draining": "boolean", "disk_full": "boolean",
   "disk_free_bytes": "integer|null", "disk_total_bytes": "integer|null",
   "refilling_replicas": "integer", "refilled_replicas": "integer"}]})",
          .also = {"members", "brokers", "list"},
          .run = ShowNodes};
}

Status ShowLeaders(const Context& context) {
  TRY_ASSIGN(const TopicsView view, context.client.DescribeTopics({}, context.timeout_ms));
  if (context.output.json) return context.output.Print(json::Leaders(view));
  std::map<int32_t, const NodeView*> nodes;
  for (const NodeView& node : view.nodes) nodes[node.id] = &node;
  Table table({"TOPIC", "PARTITION", "LEADER", "CLIENTS", "REPLICAS"});
  for (const TopicView& topic : view.topics) {
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      const TopicView::Partition& partition = topic.partitions[i];
      // What a node believes of a leader that it hears nothing from is worth nothing.
      const auto leader = nodes.find(partition.leader);
      const bool known = leader != nodes.end() && leader->second->live;
      table.Add({topic.name, static_cast<int64_t>(i), known ? std::to_string(partition.leader) : "",
                 known ? leader->second->grpc_address : "", JoinNumbers(partition.replicas)});
    }
  }
  return context.output.Print(table.ToString(context.output.color));
}

Command LeadersRow() {
  return {.name = "leaders",
          .about = "Who leads which partition, as far as the asked node knows",
          .more = "Quick, for it asks one node only. `jangada partition list` asks the leaders.",
          .examples = {{"Of all topics", "jangada cluster leaders"}},
          .json = R"({"partitions": [
  {"topic": "string", "partition": "integer", "leader": "integer|null",
   "clients": "string|null", "replicas": ["integer"]}]})",
          .run = ShowLeaders};
}

// ---- config ----

struct ConfigOptions {
  int32_t node = 0;  // whichever answers
  bool changed = false;
};

Status ShowConfig(const Context& context, const ConfigOptions& options) {
  TRY_ASSIGN(ConfigView config, context.client.DescribeConfig(options.node, context.timeout_ms));
  const auto is_changed = [](const ConfigView::Option& option) {
    return option.value != option.default_value;
  };
  if (options.changed) {
    std::erase_if(config.options, [&](const auto& option) { return !is_changed(option); });
  }
  if (context.output.json) return context.output.Print(json::Config(config));
  Table table({"OPTION", "VALUE", "DEFAULT", "UNIT"});
  for (const ConfigView::Option& option : config.options) {
    table.Add({option.key,
               {option.value, is_changed(option) ? Tone::kWarning : Tone::kPlain},
               option.default_value,
               option.unit});
  }
  return context.output.Print("node  " + std::to_string(config.node) + "\n\n" +
                              table.ToString(context.output.color));
}

Command ConfigRow() {
  const auto options = std::make_shared<ConfigOptions>();
  return {
      .name = "config",
      .about = "The options that a node runs with: its file, its command line and the defaults",
      .more =
          "Options are changed in the node's configuration file, and take effect when it "
          "starts; deploy/jangada.yaml explains each. The settings of topics: `jangada topic "
          "describe`.",
      .options = {{.names = "--node",
                   .value = "NODE",
                   .target = &options->node,
                   .help = "Which node's",
                   .at_least = 1,
                   .default_text = "of the one that answers",
                   .completion = Completion::kNodes},
                  {.names = "--changed",
                   .target = &options->changed,
                   .help = "Only those that are not the default"}},
      .examples = {{"What is special about node 2", "jangada cluster config --node 2 --changed"}},
      .json = R"({"node": "integer", "options": [
  {"key": "string", "value": "string", "default": "string|null", "unit": "string|null",
   "help": "string"}]})",
      .also = {"options", "settings", "configuration"},
      .run = [options](const Context& context) { return ShowConfig(context, *options); }};
}

}  // namespace

Table::Cell StateOf(const NodeView& node) {
  if (node.grpc_address.empty() && !node.live) return {"never-seen", Tone::kWarning};
  return node.live ? Table::Cell("live", Tone::kGood) : Table::Cell("DEAD", Tone::kBad);
}

std::string FreeOf(const NodeView& node) {
  return node.disk_total_bytes == 0 ? "" : BytesText(node.disk_free_bytes);
}

Command ClusterCommands() {
  return {.name = "cluster",
          .about = "Look at the cluster: its health, its nodes and their options, who leads what",
          .examples = {{"Is all well?", "jangada cluster status"}},
          .commands = {StatusRow(), NodesRow(), LeadersRow(), ConfigRow()}};
}

}  // namespace jangada::client
