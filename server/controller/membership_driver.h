// The membership driver: the next step of a group's leader from the membership in force to the
// desired one. A pure function of what the leader knows now, so that a restart or a new leader just
// goes on: add the missing nodes as learners, wait until they hold the log, hand leadership over if
// the leader is to leave, then move the voters by joint consensus. One change at a time (Raft
// thesis 4.3, 4.2.1).
#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "raft/raft.h"

namespace jangada::server {

/// What the members should become.
struct DesiredMembers {
  std::vector<NodeId> voters;    // not empty
  std::vector<NodeId> learners;  // none of the voters
};

struct StepNone {};  // membership is committed and as desired
struct StepWait {};  // not the leader, a change is under way, or someone must catch up first
struct StepPropose {
  raft::MembershipTarget target;
};
struct StepTransfer {
  NodeId to;
};
using MembershipStep = std::variant<StepNone, StepWait, StepPropose, StepTransfer>;

/// A learner this close to the leader's end, in entries, may become a voter.
inline constexpr raft::Index kMayVoteWithin = 256;

/// It also holds the configuration in force, so this leader has heard of it since it was added: a
/// replica that has not answered yet may lack everything, and have forgotten its votes.
bool IsCaughtUp(const raft::RaftStatus& status, NodeId node);

/// `is_live`: heard from lately. Voters are not moved to a set whose majority is not, or lacks so
/// much that it could elect nobody.
MembershipStep NextMembershipStep(NodeId self, const DesiredMembers& desired,
                                  const raft::RaftStatus& status,
                                  const std::function<bool(NodeId)>& is_live);

}  // namespace jangada::server
