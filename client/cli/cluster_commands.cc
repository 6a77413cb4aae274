// jangada cluster status | nodes | leaders, node add | remove, partition move | transfer-leader
#include <algorithm>
#include <iostream>
#include <map>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/table.h"

namespace jangada::client {
namespace {

/// Asking every partition's leader is a courtesy of `status`: it must not make it slow.
constexpr int64_t kPartitionsTimeoutMs = 2000;

struct NodeLoad {
  int leads = 0;
  int replicas = 0;
  int behind = 0;
};

struct Totals {
  size_t partitions = 0;
  size_t without_leader = 0;
  size_t moving = 0;
  std::map<int32_t, NodeLoad> nodes;
};

Totals CountUp(const std::vector<PartitionStateView>& partitions) {
  Totals totals;
  totals.partitions = partitions.size();
  for (const PartitionStateView& partition : partitions) {
    for (const int32_t node : partition.desired_replicas) ++totals.nodes[node].replicas;
    if (partition.reassigning) ++totals.moving;
    if (!partition.from_leader) {
      ++totals.without_leader;
      continue;
    }
    ++totals.nodes[partition.leader].leads;
    for (const ReplicaStateView& replica : partition.replicas) {
      if (!replica.caught_up) ++totals.nodes[replica.node].behind;
    }
  }
  return totals;
}

std::string Live(bool live) { return live ? "live" : "DEAD"; }

}  // namespace

Status ClusterStatusCommand(const Context& context) {
  TRY_ASSIGN(const ClusterView cluster, context.client.DescribeCluster(context.timeout_ms));
  if (cluster.controller == 0) {
    return Error{ErrorCode::kUnavailable,
                 "node " + std::to_string(cluster.answered_by) +
                     " knows no controller: are most of the nodes running?"};
  }
  const int64_t wait_ms = std::min(context.timeout_ms, kPartitionsTimeoutMs);
  const auto partitions = context.client.DescribePartitions({}, wait_ms);
  const Totals totals = CountUp(partitions.ok() ? *partitions : std::vector<PartitionStateView>{});
  std::cout << "cluster         " << cluster.cluster_id << "\ncontroller      node "
            << cluster.controller << "\n";
  if (partitions.ok()) {
    std::cout << "partitions      " << totals.partitions << "\nwithout leader  "
              << totals.without_leader << "\nmoving          " << totals.moving << "\n\n";
  } else {
    std::cout << "partitions      not known: " << partitions.error().message << "\n\n";
  }
  Table table({"NODE", "STATE", "CLIENTS", "LEADS", "REPLICAS", "BEHIND"});
  for (const NodeView& node : cluster.nodes) {
    const auto load = totals.nodes.find(node.id);
    const NodeLoad counts = load == totals.nodes.end() ? NodeLoad{} : load->second;
    const auto shown = [&](int count) { return partitions.ok() ? std::to_string(count) : ""; };
    table.Add({std::to_string(node.id), Live(node.live), node.grpc_address, shown(counts.leads),
               shown(counts.replicas), shown(counts.behind)});
  }
  std::cout << table.ToString();
  return {};
}

Status ClusterNodesCommand(const Context& context) {
  TRY_ASSIGN(const ClusterView cluster, context.client.DescribeCluster(context.timeout_ms));
  Table table({"NODE", "STATE", "RACK", "CLIENTS", "PEERS", "KAFKA", "HTTP"});
  for (const NodeView& node : cluster.nodes) {
    table.Add({std::to_string(node.id), Live(node.live), node.rack, node.grpc_address,
               node.peer_address, node.kafka_address, node.http_address});
  }
  std::cout << table.ToString();
  return {};
}

Status ClusterLeadersCommand(const Context& context) {
  TRY_ASSIGN(const TopicsView view, context.client.DescribeTopics({}, context.timeout_ms));
  std::map<int32_t, const NodeView*> nodes;
  for (const NodeView& node : view.nodes) nodes[node.id] = &node;
  Table table({"TOPIC", "PARTITION", "LEADER", "CLIENTS", "REPLICAS"});
  for (const TopicView& topic : view.topics) {
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      const TopicView::Partition& partition = topic.partitions[i];
      // What a node believes of a leader that it hears nothing from is worth nothing.
      const auto leader = nodes.find(partition.leader);
      const bool known = leader != nodes.end() && leader->second->live;
      table.Add({topic.name, std::to_string(i), known ? std::to_string(partition.leader) : "",
                 known ? leader->second->grpc_address : "", JoinNumbers(partition.replicas)});
    }
  }
  std::cout << table.ToString();
  return {};
}

Status AddNodeCommand(const Context& context, int32_t node) {
  TRY(context.client.AddNode(node, context.timeout_ms));
  std::cout << "node " << node << " is admitted; start it with an empty data folder\n";
  return {};
}

Status RemoveNodeCommand(const Context& context, int32_t node) {
  TRY(context.client.RemoveNode(node, context.timeout_ms));
  std::cout << "node " << node
            << " is being removed; `jangada topic describe` shows its replicas move\n";
  return {};
}

Status MovePartitionCommand(const Context& context, const PartitionOptions& options) {
  TRY(context.client.MovePartition({options.topic, options.partition}, options.replicas,
                                   context.timeout_ms));
  std::cout << "partition " << options.partition << " of " << options.topic << " moves to nodes "
            << JoinNumbers(options.replicas) << "; `jangada topic describe " << options.topic
            << "` shows how far it is\n";
  return {};
}

Status TransferLeaderCommand(const Context& context, const PartitionOptions& options) {
  TRY(context.client.TransferLeadership({options.topic, options.partition}, options.node,
                                        context.timeout_ms));
  std::cout << "node " << options.node << " takes over partition " << options.partition << " of "
            << options.topic << "\n";
  return {};
}

}  // namespace jangada::client
