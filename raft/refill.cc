// The return of a damaged replica: one that lost entries which it had acknowledged, and perhaps its
// term and vote as well (docs/decisions.md 4 and 33). It follows, and every answer names the loss.
// Its leader forgets what the replica had matched and appends an entry at that moment: once that
// entry is committed and held there, everything that was ever committed is, and the leader says so.
//
// Where votes may be forgotten, the replica may have helped to elect a later leader, of which this
// one has not heard, and be misled now into committing with an older one. So until that entry is
// committed, and to commit it, it takes so many replicas that forgot nothing that no majority is
// without one of them. Whoever would be elected by the forgotten vote then lacks that entry or
// needs the vote of one that has it: it can't be elected any more.
#include <algorithm>

#include "base/check.h"
#include "raft/quorum.h"
#include "raft/raft.h"

namespace jangada::raft {

// ---- the replica ----

/// A vote of this term may be forgotten, so it counts as given: to this leader, who needs it no
/// more. (A vote of a later term would have prevented the entry that ended the refill.)
void Raft::EndRefill(const FollowerState& follower) {
  loss_ = {};
  next_.whole = true;
  const auto vote = hard_state_.vote.has_value() ? hard_state_.vote : follower.leader;
  SetHardState({hard_state_.term, vote});
  ResetElectionTimer();
}

// ---- its leader ----

/// Every answer of a peer passes here. `next`: where its log, by this answer, may go on. False: the
/// answer was given before the loss, so nothing that it says is true any more.
bool Raft::LearnOfLoss(PeerState& peer, const Loss& loss, Index next) {
  if (loss.id == peer.loss.id) return true;
  if (loss.id == 0) {
    peer.answered_whole = peer.told_whole;
    return peer.told_whole;
  }
  peer.progress.Refill(std::min(next, log_.last().index + 1));
  peer.loss = loss;
  peer.told_whole = peer.answered_whole = false;
  peer.whole_at = AppendMark().index;
  return true;
}

/// The voters that the group began with stand in no entry, and may be written nowhere at the peer:
/// then the mark itself names them.
Position Raft::AppendMark() {
  if (memberships_.InForce().index == 0) return AppendMembership(membership());
  return AppendEntry({.term = hard_state_.term, .type = EntryType::kNoop});
}

/// What the next heartbeat says of the peer's loss.
uint64_t Raft::TellIfWhole(PeerState& peer) {
  if (peer.loss.id == 0) return 0;
  peer.told_whole |= std::min(peer.progress.match(), log_.commit()) >= peer.whole_at;
  return peer.told_whole ? peer.loss.id : 0;
}

bool Raft::MayHaveForgottenVotes(const PeerState& peer) const {
  return peer.loss.forgot_votes && log_.commit() < peer.whole_at;
}

/// The greatest index that has so many synced copies that it may be committed.
Index Raft::ReachedByQuorum() const {
  const LeaderState& leader = *leading();
  const auto copied = [&](NodeId node) {
    return node == options_.self ? log_.durable() : leader.peers.at(node).progress.match();
  };
  const Index reached = QuorumValue(membership(), copied);
  const bool votes_forgotten =
      std::any_of(leader.peers.begin(), leader.peers.end(),
                  [this](const auto& entry) { return MayHaveForgottenVotes(entry.second); });
  if (!votes_forgotten) return reached;
  return std::min<Index>(reached, BlockingValue(membership(), [&](NodeId node) {
                           const bool counts = node == options_.self ||
                                               !MayHaveForgottenVotes(leader.peers.at(node));
                           return counts ? copied(node) : 0;
                         }));
}

}  // namespace jangada::raft
