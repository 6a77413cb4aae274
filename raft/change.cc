// Changes that the leader makes to the group: its membership through a joint configuration
// (thesis 4.3), and its leader by transfer (3.10). A configuration is in force once appended; the
// next step is taken only once it is committed; one change at a time, none before this term's first
// entry is committed.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/raft.h"

namespace jangada::raft {
namespace {

/// A removed replica is told of its removal for so many election timeouts, then left alone.
constexpr Ticks kFarewellElections = 10;

}  // namespace

/// Does not wait for new voters to catch up, which could leave the group without a majority that
/// holds everything: the shell adds a node as a learner first, and promotes it once its
/// PeerStatus.match is near the end of the log.
Result<Position> Raft::ProposeMembership(const MembershipTarget& target) {
  const LeaderState* leader = leading();
  if (leader == nullptr) {
    return Error{ErrorCode::kNotLeader, "this replica does not lead; ask the leader"};
  }
  if (leader->transfer.has_value()) {
    return Error{ErrorCode::kUnavailable, "leadership is being handed over; try again"};
  }
  if (log_.commit() < leader->first_of_term) {
    return Error{ErrorCode::kFailedPrecondition,
                 "the new leader's first entry is not committed; try again"};
  }
  if (!IsMembershipCommitted() || membership().IsJoint()) {
    return Error{ErrorCode::kFailedPrecondition,
                 "a membership change is under way; try again when it is done"};
  }
  TRY_ASSIGN(Membership next, FirstStep(membership(), target));
  // Two that forgot their votes in one half would wait for entries that wait for them.
  for (const auto& [node, peer] : leader->peers) {
    if (!MayHaveForgottenVotes(peer) || membership().IsVoter(node) || !next.IsVoter(node)) continue;
    return Error{ErrorCode::kFailedPrecondition,
                 "node " + std::to_string(node.value()) +
                     " is not whole yet, so it can't vote; try again when it is"};
  }
  const Position position = AppendMembership(std::move(next));
  CheckInvariants();
  return position;
}

Position Raft::AppendMembership(Membership next) {
  const Position position = AppendEntry({.term = hard_state_.term,
                                         .type = EntryType::kMembership,
                                         .payload = EncodeMembership(next)});
  memberships_.Append({position.index, std::move(next)});
  SyncPeers();
  return position;
}

/// The peers are the members of the configuration in force, and those that it has just removed.
void Raft::SyncPeers() {
  LeaderState& leader = *leading();
  for (const NodeId node : membership().Members()) {
    if (node == options_.self) continue;
    const auto [peer, added] =
        leader.peers.try_emplace(node, PeerState{Progress(log_.last().index + 1, now_)});
    peer->second.removed_by.reset();
  }
  for (auto& [node, peer] : leader.peers) {
    if (membership().Contains(node) || peer.removed_by.has_value()) continue;
    peer.removed_by = memberships_.InForce().index;
    peer.give_up_at = now_ + kFarewellElections * options_.election_ticks;
  }
}

void Raft::ForgetRemovedPeer(NodeId node) {
  const PeerState* peer = PeerOf(node);
  if (peer == nullptr || !peer->removed_by.has_value()) return;
  if (peer->commit_told >= *peer->removed_by) leading()->peers.erase(node);
}

void Raft::AfterMembershipCommit() {
  if (!IsMembershipCommitted()) return;
  if (membership().IsJoint()) {
    AppendMembership(LeaveJoint(membership()));
  } else if (!membership().IsVoter(options_.self)) {
    LeaveGroup();
  }
}

/// A leader that is no voter any more led until its removal was committed (thesis 4.2.2). Its
/// followers learn of that, and one of them takes over.
void Raft::LeaveGroup() {
  SendHeartbeats();
  NameSuccessor();
}

/// Steps down, and asks the voter that has come furthest to campaign at once, so that the group
/// need not wait for an election timeout.
void Raft::NameSuccessor() {
  std::optional<NodeId> successor;
  Index best = 0;
  for (const auto& [node, peer] : leading()->peers) {
    if (!membership().IsVoter(node) || peer.progress.match() <= best) continue;
    successor = node;
    best = peer.progress.match();
  }
  if (successor.has_value()) Send(*successor, TimeoutNow{});
  StepDown();
}

// ---- transfer ----

Status Raft::TransferLeadership(NodeId to) {
  LeaderState* leader = leading();
  if (leader == nullptr) {
    return Error{ErrorCode::kNotLeader, "this replica does not lead; ask the leader"};
  }
  if (to == options_.self) return {};
  if (!membership().IsVoter(to)) {
    return Error{ErrorCode::kInvalidArgument,
                 "node " + std::to_string(to.value()) + " is no voter of this group; name a voter"};
  }
  if (leader->transfer.has_value()) {
    if (leader->transfer->to == to) return {};
    return Error{ErrorCode::kUnavailable, "leadership is being handed to another node; try again"};
  }
  leader->transfer = Transfer{.to = to, .deadline = now_ + options_.election_ticks};
  MaybeFinishTransfer(to);
  CheckInvariants();
  return {};
}

/// The target campaigns once it holds everything; proposals are refused until then, so it gets
/// there.
void Raft::MaybeFinishTransfer(NodeId to) {
  LeaderState& leader = *leading();
  if (!leader.transfer.has_value() || leader.transfer->to != to || leader.transfer->asked) return;
  if (leader.peers.at(to).progress.match() < log_.last().index) return;
  leader.transfer->asked = true;
  Send(to, TimeoutNow{});
}

}  // namespace jangada::raft
