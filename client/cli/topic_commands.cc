// jangada topic create | list | describe | delete
#include <iostream>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/table.h"

namespace jangada::client {
namespace {

/// "1,3" of the replicas for which `holds` is true.
template <class Holds>
std::string NodesWhere(const PartitionStateView& partition, Holds holds) {
  std::vector<int32_t> nodes;
  for (const ReplicaStateView& replica : partition.replicas) {
    if (holds(replica)) nodes.push_back(replica.node);
  }
  return JoinNumbers(nodes);
}

void PrintPartitions(const std::vector<PartitionStateView>& partitions) {
  Table table(
      {"PARTITION", "LEADER", "EPOCH", "REPLICAS", "VOTERS", "CAUGHT-UP", "START", "END", "STATE"});
  for (const PartitionStateView& partition : partitions) {
    const bool known = partition.from_leader;
    const auto caught_up = [](const ReplicaStateView& replica) { return replica.caught_up; };
    const auto votes = [](const ReplicaStateView& replica) { return replica.voter; };
    table.Add({std::to_string(partition.where.partition),
               known ? std::to_string(partition.leader) : "",
               known ? std::to_string(partition.leader_epoch) : "",
               JoinNumbers(partition.desired_replicas), known ? NodesWhere(partition, votes) : "",
               known ? NodesWhere(partition, caught_up) : "",
               known ? std::to_string(partition.log_start_offset) : "",
               known ? std::to_string(partition.high_watermark) : "",
               !known                  ? "no-leader"
               : partition.reassigning ? "moving"
                                       : "serving"});
  }
  std::cout << table.ToString();
}

}  // namespace

Status CreateTopicCommand(const Context& context, const CreateTopicOptions& options) {
  NewTopic topic{.name = options.name,
                 .partitions = options.partitions,
                 .replication_factor = options.replicas,
                 .configs = {}};
  for (const std::string& config : options.configs) {
    const size_t equals = config.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "'" + config + "' is no setting; give --config key=value"};
    }
    topic.configs[config.substr(0, equals)] = config.substr(equals + 1);
  }
  TRY_ASSIGN(const std::string id, context.client.CreateTopic(topic, context.timeout_ms));
  std::cout << "created topic " << options.name << " (" << id << ")\n";
  return {};
}

Status ListTopicsCommand(const Context& context) {
  TRY_ASSIGN(const auto topics, context.client.ListTopics(context.timeout_ms));
  Table table({"TOPIC", "PARTITIONS", "REPLICAS", "ID"});
  for (const TopicEntry& topic : topics) {
    table.Add({topic.name, std::to_string(topic.partitions),
               std::to_string(topic.replication_factor), topic.id});
  }
  std::cout << table.ToString();
  return {};
}

Status DescribeTopicCommand(const Context& context, const std::string& name) {
  TRY_ASSIGN(const TopicsView view, context.client.DescribeTopics({name}, context.timeout_ms));
  if (view.topics.empty()) {
    return Error{ErrorCode::kUnknownTopic, "there is no topic '" + name + "'"};
  }
  TRY_ASSIGN(const auto partitions, context.client.DescribePartitions({name}, context.timeout_ms));
  const TopicView& topic = view.topics.front();
  std::cout << "topic       " << topic.name << "\nid          " << topic.id << "\npartitions  "
            << topic.partitions.size() << "\nreplicas    " << topic.replication_factor << "\n";
  for (const auto& [key, value] : topic.configs) {
    std::cout << "config      " << key << "=" << value << "\n";
  }
  std::cout << "\n";
  PrintPartitions(partitions);
  return {};
}

Status DeleteTopicCommand(const Context& context, const std::string& name) {
  TRY(context.client.DeleteTopic(name, context.timeout_ms));
  std::cout << "deleted topic " << name << "\n";
  return {};
}

}  // namespace jangada::client
