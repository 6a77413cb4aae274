#include "client/grpc_views.h"

#include <utility>

namespace jangada::client {
namespace {

// The enumerations of the protocol and ours have the same order; what a newer node adds is unknown.
ReplicaCondition ToView(v1::ReplicaCondition condition) {
  static_assert(static_cast<int>(ReplicaCondition::kCatchingUp) == v1::REPLICA_CATCHING_UP);
  return v1::ReplicaCondition_IsValid(condition) ? static_cast<ReplicaCondition>(condition)
                                                 : ReplicaCondition::kUnspecified;
}

PartitionHealth ToView(v1::PartitionHealth health) {
  static_assert(static_cast<int>(PartitionHealth::kWithoutLeader) == v1::PARTITION_WITHOUT_LEADER);
  return v1::PartitionHealth_IsValid(health) ? static_cast<PartitionHealth>(health)
                                             : PartitionHealth::kUnspecified;
}

GroupState ToState(v1::GroupState state) {
  switch (state) {
    case v1::GROUP_STATE_EMPTY: return GroupState::kEmpty;
    case v1::GROUP_STATE_PREPARING_REBALANCE: return GroupState::kPreparingRebalance;
    case v1::GROUP_STATE_COMPLETING_REBALANCE: return GroupState::kCompletingRebalance;
    case v1::GROUP_STATE_STABLE: return GroupState::kStable;
    default: return GroupState::kUnspecified;
  }
}

GroupDoor ToDoor(v1::GroupDoor door) {
  switch (door) {
    case v1::GROUP_DOOR_GRPC: return GroupDoor::kGrpc;
    case v1::GROUP_DOOR_KAFKA: return GroupDoor::kKafka;
    default: return GroupDoor::kUnspecified;
  }
}

}  // namespace

NodeView ToView(const v1::Node& node) {
  return {.id = node.node_id(),
          .rack = node.rack(),
          .grpc_address = node.grpc_address(),
          .kafka_address = node.kafka_address(),
          .http_address = node.http_address(),
          .peer_address = node.peer_address(),
          .live = node.live(),
          .draining = node.draining(),
          .disk_full = node.disk_full(),
          .disk_free_bytes = node.disk_free_bytes(),
          .disk_total_bytes = node.disk_total_bytes(),
          .refilling_replicas = node.refilling_replicas(),
          .refilled_replicas = node.refilled_replicas(),
          .version = node.version()};
}

std::vector<NodeView> ToNodes(const google::protobuf::RepeatedPtrField<v1::Node>& from) {
  std::vector<NodeView> nodes;
  for (const v1::Node& node : from) nodes.push_back(ToView(node));
  return nodes;
}

TopicView ToView(const v1::Topic& topic) {
  TopicView view{.name = topic.name(),
                 .id = topic.topic_id(),
                 .replication_factor = topic.replication_factor(),
                 .partitions = {},
                 .configs = {topic.configs().begin(), topic.configs().end()}};
  for (const v1::TopicPartitionInfo& partition : topic.partitions()) {
    view.partitions.push_back(
        {.replicas = {partition.replicas().begin(), partition.replicas().end()},
         .leader = partition.leader_node_id(),
         .group = partition.group_id()});
  }
  return view;
}

PartitionStateView ToView(const v1::PartitionState& state) {
  PartitionStateView view{
      .where = {state.topic(), state.partition()},
      .group = state.group_id(),
      .leader = state.leader_node_id(),
      .leader_epoch = state.leader_epoch(),
      .from_leader = state.from_leader(),
      .replicas = {},
      .log_start_offset = state.log_start_offset(),
      .high_watermark = state.high_watermark(),
      .reassigning = state.reassigning(),
      .desired_replicas = {state.desired_replicas().begin(), state.desired_replicas().end()},
      .health = ToView(state.health()),
      .problems = {},
      .why = state.why()};
  for (const v1::ReplicaProblem& problem : state.problems()) {
    view.problems.push_back({.node = problem.node_id(),
                             .condition = ToView(problem.condition()),
                             .lag_entries = problem.lag_entries()});
  }
  for (const v1::ReplicaState& replica : state.replicas()) {
    view.replicas.push_back({.node = replica.node_id(),
                             .voter = replica.voter(),
                             .live = replica.live(),
                             .caught_up = replica.caught_up(),
                             .match_index = replica.match_index(),
                             .lag_entries = replica.lag_entries()});
  }
  return view;
}

ConfigView ToView(const v1::DescribeConfigResponse& response) {
  ConfigView view{.node = response.node_id(), .options = {}};
  for (const v1::ConfigOption& option : response.options()) {
    view.options.push_back({.key = option.key(),
                            .value = option.value(),
                            .default_value = option.default_value(),
                            .unit = option.unit(),
                            .help = option.help()});
  }
  return view;
}

Fetched ToFetched(v1::FetchResponse& response) {
  Fetched fetched{.batches = {},
                  .next_offset = response.next_offset(),
                  .high_watermark = response.high_watermark(),
                  .log_start_offset = response.log_start_offset()};
  for (std::string& batch : *response.mutable_batches()) {
    fetched.batches.emplace_back(std::move(batch));
  }
  return fetched;
}

GroupListView ToView(const v1::ListGroupsResponse& response) {
  GroupListView view{
      .groups = {},
      .unanswered = {response.unanswered_node_ids().begin(), response.unanswered_node_ids().end()}};
  for (const auto& group : response.groups()) {
    view.groups.push_back({.group = group.group(),
                           .state = ToState(group.state()),
                           .door = ToDoor(group.door()),
                           .coordinator = group.coordinator_node_id()});
  }
  return view;
}

GroupView ToView(const std::string& group, const v1::DescribeGroupResponse& response) {
  GroupView view{.group = group,
                 .state = ToState(response.state()),
                 .door = ToDoor(response.door()),
                 .coordinator = response.coordinator_node_id(),
                 .assignor = response.assignor(),
                 .members = {},
                 .partitions = {}};
  for (const auto& member : response.members()) {
    auto& entry = view.members.emplace_back();
    entry.member_id = member.member_id();
    entry.instance_id = member.instance_id();
    entry.client_id = member.client_id();
    entry.client_host = member.client_host();
    for (const auto& where : member.partitions()) {
      entry.partitions.push_back({where.topic(), where.partition()});
    }
  }
  for (const auto& partition : response.partitions()) {
    view.partitions.push_back({.where = {partition.topic(), partition.partition()},
                               .committed_offset = partition.committed_offset(),
                               .metadata = partition.metadata(),
                               .log_start_offset = partition.log_start_offset(),
                               .log_end_offset = partition.log_end_offset(),
                               .lag_records = partition.lag_records(),
                               .lag_ms = partition.lag_ms(),
                               .member_id = partition.member_id(),
                               .error = partition.error().message()});
  }
  return view;
}

}  // namespace jangada::client
