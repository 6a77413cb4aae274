#include "server/grpc/partition_health.h"

#include <algorithm>

namespace jangada::server::grpc_door {
namespace {

std::string NodeName(NodeId node) { return "node " + std::to_string(node.value()); }

/// What this node knows of another; the default for one that was never heard from.
NodeView Known(const std::map<NodeId, NodeView>& nodes, NodeId node) {
  const auto found = nodes.find(node);
  return found == nodes.end() ? NodeView() : found->second;
}

bool IsRefilling(const NodeView& node, GroupId group) {
  const std::vector<GroupId>& groups = node.condition.refilling;
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

/// nullptr: the leader's group has no such member.
const ReplicaView* MemberOf(const PartitionView& view, NodeId node) {
  for (const ReplicaView& replica : view.replicas) {
    if (replica.node == node) return &replica;
  }
  return nullptr;
}

uint64_t LagOf(const PartitionView& view, const ReplicaView& replica) {
  uint64_t best = 0;
  for (const ReplicaView& other : view.replicas) best = std::max(best, other.match_index);
  return best - replica.match_index;
}

v1::ReplicaCondition ConditionOf(const PartitionView& view, NodeId node, const ClusterImage& image,
                                 const NodeView& known) {
  if (!image.nodes.contains(node)) return v1::REPLICA_NODE_UNKNOWN;
  if (!known.live) return v1::REPLICA_NODE_DEAD;
  if (IsRefilling(known, view.group)) return v1::REPLICA_REFILLING;
  const bool disk_full = !known.condition.accepts_produce;
  if (!view.from_leader) {
    return disk_full ? v1::REPLICA_DISK_FULL : v1::REPLICA_CONDITION_UNSPECIFIED;
  }
  const ReplicaView* member = MemberOf(view, node);
  const bool whole = member != nullptr && member->voter && member->caught_up;
  if (disk_full && (!whole || view.leader == node)) return v1::REPLICA_DISK_FULL;
  if (whole) return v1::REPLICA_CONDITION_UNSPECIFIED;
  if (member == nullptr || !member->voter) return v1::REPLICA_JOINING;
  return member->live ? v1::REPLICA_CATCHING_UP : v1::REPLICA_NOT_HEARD;
}

std::string Sentence(const ReplicaVerdict& replica) {
  const std::string name = NodeName(replica.node);
  switch (replica.condition) {
    case v1::REPLICA_NODE_UNKNOWN: return name + " is none of the cluster's nodes";
    case v1::REPLICA_NODE_DEAD: return name + " is dead";
    case v1::REPLICA_REFILLING: return name + "'s copy was damaged and is being refilled";
    case v1::REPLICA_DISK_FULL: return name + "'s disk is full";
    case v1::REPLICA_JOINING: return name + " is being added";
    case v1::REPLICA_NOT_HEARD: return name + "'s replica does not answer its leader";
    case v1::REPLICA_CATCHING_UP:
      return name + " is catching up, " + std::to_string(replica.lag_entries) + " entries behind";
    default: return name + " is whole";
  }
}

std::string Sentence(const std::vector<ReplicaVerdict>& problems) {
  std::string text;
  for (const ReplicaVerdict& problem : problems) {
    text += (text.empty() ? "" : ", ") + Sentence(problem);
  }
  return text;
}

/// A voter that can help to elect a leader and to acknowledge records, as far as this node knows.
bool CanVote(v1::ReplicaCondition condition) {
  return condition == v1::REPLICA_CONDITION_UNSPECIFIED || condition == v1::REPLICA_DISK_FULL;
}

std::string WhyWithoutLeader(const PartitionView& view, const PartitionVerdict& verdict,
                             const std::map<NodeId, NodeView>& nodes) {
  const size_t replicas = view.desired_replicas.size();
  const size_t needed = replicas / 2 + 1;
  const auto lost = static_cast<size_t>(
      std::count_if(verdict.problems.begin(), verdict.problems.end(),
                    [](const ReplicaVerdict& problem) { return !CanVote(problem.condition); }));
  if (replicas - lost < needed) {
    return "No leader: " + std::to_string(needed) + " of its " + std::to_string(replicas) +
           " replicas are needed to elect one, but " + Sentence(verdict.problems) + ".";
  }
  std::string besides =
      verdict.problems.empty() ? "" : " (besides, " + Sentence(verdict.problems) + ")";
  if (view.leader && Known(nodes, *view.leader).live) {
    return "Its leader, " + NodeName(*view.leader) + ", does not answer" + besides + ".";
  }
  return "No leader: enough of its replicas live, so an election must be under way" + besides +
         "; ask again in a moment.";
}

}  // namespace

PartitionVerdict JudgePartition(const PartitionView& view, const ClusterImage& image,
                                const std::map<NodeId, NodeView>& nodes) {
  PartitionVerdict verdict;
  bool leader_is_full = false;
  for (const NodeId node : view.desired_replicas) {
    const v1::ReplicaCondition condition = ConditionOf(view, node, image, Known(nodes, node));
    if (condition == v1::REPLICA_CONDITION_UNSPECIFIED) continue;
    ReplicaVerdict problem{.node = node, .condition = condition};
    const ReplicaView* member = MemberOf(view, node);
    if (condition == v1::REPLICA_CATCHING_UP) problem.lag_entries = LagOf(view, *member);
    leader_is_full |= condition == v1::REPLICA_DISK_FULL && view.leader == node;
    verdict.problems.push_back(problem);
  }
  if (!view.from_leader) {
    verdict.health = v1::PARTITION_WITHOUT_LEADER;
    verdict.why = WhyWithoutLeader(view, verdict, nodes);
  } else if (leader_is_full) {
    verdict.health = v1::PARTITION_READ_ONLY;
    verdict.why = "Records are refused: " + Sentence(verdict.problems) + ".";
  } else if (!verdict.problems.empty()) {
    verdict.health = v1::PARTITION_SHORT_OF_REPLICAS;
    verdict.why = "Short of replicas: " + Sentence(verdict.problems) + ".";
  }
  return verdict;
}

void ToProto(const PartitionVerdict& verdict, v1::PartitionState* out) {
  out->set_health(verdict.health);
  out->set_why(verdict.why);
  for (const ReplicaVerdict& problem : verdict.problems) {
    auto* to = out->add_problems();
    to->set_node_id(problem.node.value());
    to->set_condition(problem.condition);
    to->set_lag_entries(problem.lag_entries);
  }
}

}  // namespace jangada::server::grpc_door
