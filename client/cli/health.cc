#include "client/cli/health.h"

#include "client/cli/context.h"
#include "client/cli/sentences.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

Standing StandingOf(const PartitionStateView& partition) {
  if (!partition.from_leader) return Standing::kNoLeader;
  if (partition.health == PartitionHealth::kReadOnly) return Standing::kReadOnly;
  if (partition.reassigning) return Standing::kMoving;
  if (partition.health == PartitionHealth::kShortOfReplicas) return Standing::kShortOfReplicas;
  return Standing::kServing;
}

/// The node's sentence, without what the standing says already.
std::string WhyOf(const PartitionStateView& partition, Standing standing) {
  std::string why = partition.why;
  for (const std::string known : {"Short of replicas: ", "No leader: "}) {
    if (why.starts_with(known)) why.erase(0, known.size());
  }
  why = Sentence(why);
  if (standing != Standing::kMoving) return why;
  const std::string change = "replicas change from " + JoinNumbers(VotersOf(partition)) + " to " +
                             JoinNumbers(partition.desired_replicas);
  return why.empty() ? change : change + ": " + why;
}

bool CountsAsMissing(Standing standing, bool all_caught_up) {
  switch (standing) {
    case Standing::kServing: return false;
    case Standing::kMoving:
    case Standing::kShortOfReplicas: return all_caught_up;
    case Standing::kReadOnly:
    case Standing::kNoLeader: return true;
  }
  return true;
}

template <class Holds>
std::vector<int32_t> NodesWhere(const PartitionStateView& partition, Holds holds) {
  std::vector<int32_t> nodes;
  for (const ReplicaStateView& replica : partition.replicas) {
    if (holds(replica)) nodes.push_back(replica.node);
  }
  return nodes;
}

}  // namespace

const char* NameOf(Standing standing) {
  switch (standing) {
    case Standing::kServing: return "serving";
    case Standing::kMoving: return "moving";
    case Standing::kShortOfReplicas: return "short";
    case Standing::kReadOnly: return "read-only";
    case Standing::kNoLeader: return "no-leader";
  }
  return "";
}

std::vector<PartitionReport> Examine(const std::vector<PartitionStateView>& partitions) {
  std::vector<PartitionReport> reports;
  for (const PartitionStateView& partition : partitions) {
    const Standing standing = StandingOf(partition);
    reports.push_back({&partition, standing, WhyOf(partition, standing)});
  }
  return reports;
}

std::vector<std::string> WhatIsMissing(const ClusterView& cluster,
                                       const std::vector<PartitionStateView>& partitions,
                                       bool all_caught_up) {
  std::vector<std::string> missing;
  if (cluster.controller == 0) missing.push_back("the controller has no leader");
  for (const NodeView& node : cluster.nodes) {
    const std::string name = "node " + std::to_string(node.id);
    if (!node.live) {
      missing.push_back(name + (node.grpc_address.empty() ? " has not started yet" : " is down"));
    }
    if (node.live && node.draining) missing.push_back(name + " is being stopped");
  }
  for (const PartitionReport& report : Examine(partitions)) {
    if (!CountsAsMissing(report.standing, all_caught_up)) continue;
    missing.push_back(Shown(report.state->where) + " is " + NameOf(report.standing) +
                      (report.why.empty() ? "" : " (" + report.why + ")"));
  }
  return missing;
}

std::string NoteOf(const NodeView& node) {
  std::vector<std::string> notes;
  if (node.draining) notes.push_back("being stopped");
  if (node.disk_full) notes.push_back("disk full: accepts no records");
  if (node.refilling_replicas > 0) {
    notes.push_back("refilling " + Counted(node.refilling_replicas, "damaged replica"));
  }
  return Joined(notes, ", ");
}

std::vector<int32_t> VotersOf(const PartitionStateView& partition) {
  return NodesWhere(partition, [](const ReplicaStateView& replica) { return replica.voter; });
}

std::vector<int32_t> CaughtUpIn(const PartitionStateView& partition) {
  return NodesWhere(partition, [](const ReplicaStateView& replica) { return replica.caught_up; });
}

}  // namespace jangada::client
