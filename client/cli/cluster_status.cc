// jangada cluster status: the first look at 3 a.m.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "client/cli/cluster_rows.h"
#include "client/cli/context.h"
#include "client/cli/json.h"
#include "client/cli/partition_table.h"
#include "client/cli/table.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

/// Asking every partition's leader is a courtesy of `status`: it must not make it slow.
constexpr int64_t kPartitionsTimeoutMs = 4000;

using NodeCounts = std::map<int32_t, json::NodeCounts>;

NodeCounts CountUp(const std::vector<PartitionStateView>& partitions) {
  NodeCounts counts;
  for (const PartitionStateView& partition : partitions) {
    for (const int32_t node : partition.desired_replicas) ++counts[node].replicas;
    if (!partition.from_leader) continue;
    ++counts[partition.leader].leads;
    for (const ReplicaStateView& replica : partition.replicas) {
      if (!replica.caught_up) ++counts[replica.node].behind;
    }
  }
  return counts;
}

int64_t CountOf(const std::vector<PartitionReport>& reports, Standing standing) {
  return std::count_if(reports.begin(), reports.end(),
                       [&](const auto& report) { return report.standing == standing; });
}

std::string NodeTable(const ClusterView& cluster, const std::optional<NodeCounts>& counts,
                      bool color) {
  Table table({"NODE", "STATE", "CLIENTS", "LEADS", "REPLICAS", "BEHIND", "FREE", "NOTE"});
  for (const NodeView& node : cluster.nodes) {
    json::NodeCounts own;
    if (counts && counts->contains(node.id)) own = counts->at(node.id);
    const auto shown = [&](int64_t count) { return counts ? std::to_string(count) : ""; };
    table.Add({node.id, StateOf(node), node.grpc_address, shown(own.leads), shown(own.replicas),
               shown(own.behind), FreeOf(node), NoteOf(node)});
  }
  return table.ToString(color);
}

std::string StatusText(const ClusterView& cluster, const std::vector<PartitionReport>& reports,
                       const Result<std::vector<PartitionStateView>>& states,
                       const std::optional<NodeCounts>& counts, bool color) {
  const auto loud = [&](const std::string& text) {
    return color ? Colored(text, Tone::kBad) : text;
  };
  std::string out =
      "cluster         " + cluster.cluster_id + "\ncontroller      " +
      (cluster.controller == 0 ? loud("none") : "node " + std::to_string(cluster.controller)) +
      "\n";
  if (states.ok()) {
    const int64_t leaderless = CountOf(reports, Standing::kNoLeader);
    out += "partitions      " + Grouped(static_cast<int64_t>(reports.size())) +
           "\nwithout leader  " + (leaderless == 0 ? "0" : loud(Grouped(leaderless))) +
           "\nshort           " + Grouped(CountOf(reports, Standing::kShortOfReplicas)) +
           "\nread-only       " + Grouped(CountOf(reports, Standing::kReadOnly)) +
           "\nmoving          " + Grouped(CountOf(reports, Standing::kMoving)) + "\n\n";
  } else {
    out += "partitions      not known: " + states.error().message + "\n\n";
  }
  out += NodeTable(cluster, counts, color);
  std::vector<PartitionReport> troubled = reports;
  std::erase_if(troubled, [](const auto& one) { return one.standing == Standing::kServing; });
  if (troubled.empty()) return out;
  std::stable_sort(troubled.begin(), troubled.end(), [](const auto& one, const auto& other) {
    return one.standing > other.standing;  // the worst first
  });
  Table table({"TOPIC", "PARTITION", "REPLICAS", "STATE", "WHY"});
  for (const PartitionReport& report : troubled) {
    table.Add({report.state->where.topic,
               report.state->where.partition,
               JoinNumbers(report.state->desired_replicas),
               {NameOf(report.standing), ToneOf(report.standing)},
               report.why});
  }
  return out + "\n" + table.ToString(color);
}

Status ShowStatus(const Context& context) {
  TRY_ASSIGN(const ClusterView cluster, context.client.DescribeCluster(context.timeout_ms));
  const auto states =
      context.client.DescribePartitions({}, std::min(context.timeout_ms, kPartitionsTimeoutMs));
  std::vector<PartitionReport> reports;
  std::optional<NodeCounts> counts;
  if (states.ok()) {
    reports = Examine(*states);
    counts = CountUp(*states);
  }
  TRY(context.output.Print(
      context.output.json ? json::ClusterStatus(cluster, reports, counts)
                          : StatusText(cluster, reports, states, counts, context.output.color)));
  if (cluster.controller != 0) return {};
  return Error{ErrorCode::kUnavailable,
               "node " + std::to_string(cluster.answered_by) +
                   " knows no controller; start the nodes that are down: a majority must run"};
}

}  // namespace

Command StatusRow() {
  return {
      .name = "status",
      .about = "The cluster's health: nodes, and every partition in trouble with the reason",
      .more =
          "Exits with 0 also when something is down, so long as there is a controller: `jangada "
          "wait` is for scripts that need to know. BEHIND counts replicas that have not caught "
          "up. healthy (in JSON): all nodes live and well, all partitions led and none short.",
      .examples = {{"The first look at 3 a.m.", "jangada cluster status"}},
      .json = R"({"cluster_id": "string", "answered_by": "integer", "controller": "integer|null",
 "healthy": "boolean",
 "nodes": [{"node": "integer", "live": "boolean", "clients": "string|null",
            "note": "string|null", "leads": "integer|null", "replicas": "integer|null",
            "behind": "integer|null"}],
 "partitions": {"total": "integer", "without_leader": "integer", "read_only": "integer",
                "short_of_replicas": "integer", "moving": "integer"},
 "troubled": [)" +
              std::string(kPartitionShape) + "]}",
      .also = {"health", "info", "describe", "show"},
      .run = ShowStatus};
}

}  // namespace jangada::client
