#include "tests/sim/cluster.h"

#include <algorithm>

namespace jangada::sim {
namespace {

constexpr int64_t kMs = 1'000;

}  // namespace

Cluster::Cluster(World& world, const Swarm& swarm, Judge& judge, Reached& reached)
    : world_(world),
      reached_(reached),
      network_(world, reached),
      checker_(judge, reached, swarm.base.max_producers),
      rules_(judge, {.heartbeat_us = swarm.config.raft.heartbeat_ms * kMs,
                     .election_us = swarm.config.raft.election_timeout_ms * kMs,
                     .disk_stall_us = swarm.config.raft.disk_stall_ms * kMs}),
      door_(world, swarm.call_jitter_us, [this](NodeId id) -> SimNode& { return node(id); }) {
  network_.SetWeather(swarm.weather);
  for (int i = 1; i <= swarm.nodes; ++i) {
    SimNode::Options options{
        .id = NodeId(i), .config = swarm.config, .base = swarm.base, .shards = swarm.shards};
    options.config.node.id = i;
    options.config.shards = swarm.shards;
    options.config.peer = {{"node-" + std::to_string(i), 6092}, {}};
    options.config.grpc = {{"node-" + std::to_string(i), 7092}, {}};
    nodes_.push_back(
        std::make_unique<SimNode>(world, network_, reached, std::move(options), *this));
    nodes_.back()->SetDiskPace(swarm.disk);
    nodes_.back()->clock().SetDrift(swarm.drift_ppm[static_cast<size_t>(i) - 1]);
    checker_.Watch(*nodes_.back());
  }
}

Cluster::~Cluster() = default;

std::vector<NodeId> Cluster::ids() const {
  std::vector<NodeId> ids;
  for (const auto& node : nodes_) ids.push_back(node->id());
  return ids;
}

std::vector<NodeId> Cluster::Up() const {
  std::vector<NodeId> up;
  for (const auto& node : nodes_) {
    if (node->IsUp()) up.push_back(node->id());
  }
  return up;
}

void Cluster::OnEnding(SimNode& node) {
  checker_.OnEnding(node);
  rules_.OnEnding(node);
  door_.OnProcessGone(node.id(), node.life());
}

std::optional<NodeId> Cluster::LeaderOf(GroupId group) {
  std::optional<NodeId> leader;
  raft::Term term = 0;
  for (const NodeId id : Up()) {
    server::Replica* const replica = node(id).FindReplica(group);
    if (replica == nullptr || !replica->IsReadyLeader()) continue;
    const raft::Term its = replica->status().term;
    if (leader && its <= term) continue;
    leader = id;
    term = its;
  }
  return leader;
}

server::ClusterImagePtr Cluster::Image() {
  server::ClusterImagePtr best = std::make_shared<const server::ClusterImage>();
  for (const NodeId id : Up()) {
    const server::ClusterImagePtr image = node(id).broker().image();
    if (image->version > best->version) best = image;
  }
  return best;
}

std::optional<std::vector<NodeId>> Cluster::VotersOf(GroupId group) {
  const std::optional<NodeId> leader = LeaderOf(group);
  if (!leader) return std::nullopt;
  const raft::RaftStatus status = node(*leader).FindReplica(group)->status();
  if (!status.membership_committed || status.membership.membership.IsJoint()) return std::nullopt;
  std::vector<NodeId> voters = status.membership.membership.voters;
  std::sort(voters.begin(), voters.end());
  return voters;
}

std::string Cluster::Describe(GroupId group) {
  std::string out;
  for (const auto& node : nodes_) {
    out += "\n    node " + std::to_string(node->id().value()) + ": ";
    server::Replica* const replica = node->IsUp() ? node->FindReplica(group) : nullptr;
    if (replica == nullptr) {
      out += node->IsUp() ? "no replica" : "down";
      continue;
    }
    const raft::RaftStatus status = replica->status();
    out += std::string(raft::RoleName(status.role)) + " term " + std::to_string(status.term) +
           " log " + std::to_string(status.first_index) + " to " +
           std::to_string(status.last.index) + "@" + std::to_string(status.last.term) + " commit " +
           std::to_string(status.commit) + " applied " + std::to_string(status.applied) +
           (status.refilling ? " refilling " : " ") + status.membership.membership.ToString() +
           " at " + std::to_string(status.membership.index);
  }
  return out;
}

std::string Cluster::WhyNotConverged() {
  for (const GroupId group : checker_.Groups()) {
    const server::ClusterImagePtr image = Image();
    const std::string name = "group " + std::to_string(group.value());
    if (group != kControllerGroup && image->FindGroup(group) == nullptr) {  // deleted
      for (const NodeId id : Up()) {
        if (node(id).FindReplica(group) != nullptr || !checker_.Held(id, group).empty()) {
          return name + " was deleted and node " + std::to_string(id.value()) + " has it still";
        }
      }
      continue;
    }
    const std::optional<NodeId> leader = LeaderOf(group);
    if (!leader) return name + " has no leader" + Describe(group);
    const raft::RaftStatus led = node(*leader).FindReplica(group)->status();
    if (led.membership.membership.IsJoint()) return name + " is in a joint membership";
    if (led.commit != led.last.index) return name + " has entries that are not committed";
    for (const NodeId member : led.membership.membership.Members()) {
      if (!node(member).IsUp()) continue;
      server::Replica* const replica = node(member).FindReplica(group);
      const std::string who = name + " on node " + std::to_string(member.value());
      if (replica == nullptr) return who + " does not run";
      const raft::RaftStatus status = replica->status();
      if (status.refilling) return who + " is being refilled";
      if (status.membership.membership != led.membership.membership) {
        return who + " goes by another membership: " + status.membership.membership.ToString() +
               Describe(group);
      }
      if (status.last != led.last || status.durable != led.last.index ||
          replica->applied() != led.last.index) {
        return who + " has not caught up: last " + std::to_string(status.last.index) + " of " +
               std::to_string(led.last.index) + ", synced " + std::to_string(status.durable) +
               ", applied " + std::to_string(replica->applied());
      }
    }
  }
  return "";
}

}  // namespace jangada::sim
