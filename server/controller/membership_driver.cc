#include "server/controller/membership_driver.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace jangada::server {
namespace {

using Nodes = std::vector<NodeId>;

Nodes Sorted(Nodes nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

bool Contains(const Nodes& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

/// a without b; both sorted.
Nodes Without(const Nodes& a, const Nodes& b) {
  Nodes out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

Nodes Union(const Nodes& a, const Nodes& b) {
  Nodes out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

bool IsMajorityOf(const Nodes& voters, const std::function<bool(NodeId)>& is_so) {
  const auto count = std::count_if(voters.begin(), voters.end(), is_so);
  return static_cast<size_t>(count) > voters.size() / 2;
}

}  // namespace

bool IsCaughtUp(const raft::RaftStatus& status, NodeId node) {
  for (const raft::PeerStatus& peer : status.peers) {
    if (peer.node != node) continue;
    return peer.recently_active && !peer.needs_snapshot && peer.whole &&
           peer.match >= status.membership.index &&
           peer.match + kMayVoteWithin >= status.last.index;
  }
  return false;
}

MembershipStep NextMembershipStep(NodeId self, const DesiredMembers& desired,
                                  const raft::RaftStatus& status,
                                  const std::function<bool(NodeId)>& is_live) {
  const raft::Membership& present = status.membership.membership;
  if (status.role != raft::Role::kLeader) return StepWait{};
  if (!status.membership_committed || present.IsJoint()) return StepWait{};  // one at a time

  const Nodes wanted = Sorted(desired.voters);
  const Nodes wanted_learners = Without(Sorted(desired.learners), wanted);
  const Nodes voters = Sorted(present.voters);
  const Nodes learners = Sorted(present.learners);
  if (voters == wanted && learners == wanted_learners) return StepNone{};

  // A new voter first learns: it must hold the log before it counts (thesis 4.2.1).
  const Nodes missing = Without(wanted, voters);
  if (!Without(missing, learners).empty()) {
    return StepPropose{{voters, Union(Without(wanted_learners, voters), missing)}};
  }
  const auto lags = [&status](NodeId node) { return !IsCaughtUp(status, node); };
  if (std::any_of(missing.begin(), missing.end(), lags)) return StepWait{};

  // With a majority that could not vote (it is being refilled, say) nobody could be elected any
  // more, should this leader be lost.
  const auto may_elect = [&](NodeId node) {
    return is_live(node) && (node == self || IsCaughtUp(status, node));
  };
  if (voters != wanted && !Contains(wanted, self)) {
    // The leader leaves: another one, which stays, makes the change. Where none of the present
    // voters stays, the new ones become voters beside them first.
    const Nodes staying = Without(voters, Without(voters, wanted));
    if (staying.empty()) {
      const Nodes both = Union(voters, wanted);
      if (!IsMajorityOf(wanted, may_elect)) return StepWait{};
      return StepPropose{{both, Without(wanted_learners, both)}};
    }
    for (const NodeId heir : desired.voters) {  // in their order: the preferred leader first
      if (Contains(staying, heir) && is_live(heir) && IsCaughtUp(status, heir)) {
        return StepTransfer{heir};
      }
    }
    return StepWait{};
  }
  if (voters != wanted && !IsMajorityOf(wanted, may_elect)) return StepWait{};
  return StepPropose{{wanted, wanted_learners}};
}

}  // namespace jangada::server
