#include "server/partition/hosted.h"

#include <algorithm>

namespace jangada::server {

PartitionGauges Hosted::GaugesOf(const TopicPartition& where) const {
  const ReplicaVitals vitals = replica().vitals();
  PartitionGauges gauges{.topic = where.topic,
                         .partition = where.partition,
                         .leads = vitals.leads,
                         .lag_entries = vitals.lag_entries};
  std::map<NodeId, PeerLag> followers;
  replica().AddLagOfPeers(followers);
  for (const auto& [node, lag] : followers) {
    gauges.lag_entries = std::max(gauges.lag_entries, lag.max_lag_entries);
  }
  return gauges;
}

PartitionView Hosted::ViewOf(const TopicPartition& where, const ReplicaOptions& options) const {
  const raft::RaftStatus status = replica().status();
  PartitionView view;
  view.where = where;
  view.group = options.group;
  view.leader = status.leader;
  view.leader_epoch = status.term;
  view.from_leader = replica().IsReadyLeader();
  view.reassigning = status.membership.membership.IsJoint();
  const NodeId self = options.raft.self;
  for (const NodeId node : status.membership.membership.Members()) {
    ReplicaView line{.node = node, .voter = status.membership.membership.IsVoter(node)};
    if (node == self) {
      line.live = true;
      line.caught_up = view.from_leader;
      line.match_index = status.durable;
    }
    for (const raft::PeerStatus& peer : status.peers) {
      if (peer.node != node || node == self) continue;
      line.live = peer.recently_active;
      line.caught_up = peer.recently_active && peer.match + kCaughtUpEntries >= status.last.index;
      line.match_index = peer.match;
    }
    view.replicas.push_back(line);
  }
  return view;
}

}  // namespace jangada::server
