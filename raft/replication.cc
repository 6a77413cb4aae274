// The leader's side: proposals, orders to send, commitment (thesis 3.5, 3.6.2), heartbeats,
// check-quorum, and reads (6.4). MaybeCommit may end the leadership; nobody keeps a LeaderState&
// across it.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "raft/quorum.h"
#include "raft/raft.h"

namespace jangada::raft {
namespace {

/// An append that is not answered for so many heartbeats is sent again.
constexpr Ticks kAppendPatienceHeartbeats = 2;
/// A checkpoint is bigger, and is written as a whole: so many election timeouts.
constexpr Ticks kSnapshotPatienceElections = 4;
/// What the shell said of a peer stands in for its heartbeats this long: one that comes late is no
/// reason yet to send them.
constexpr Ticks kVouchedHeartbeats = 2;

Error NotLeader() { return {ErrorCode::kNotLeader, "this replica does not lead; ask the leader"}; }

}  // namespace

// ---- role ----

void Raft::BecomeLeader() {
  CHECK(role() == Role::kCandidate);
  ++elections_.won;
  suspect_.reset();
  LeaderState state;
  state.first_of_term = log_.last().index + 1;
  state.next_heartbeat = (now_ / options_.heartbeat_ticks + 1) * options_.heartbeat_ticks;
  role_ = std::move(state);
  SyncPeers();
  // Older entries commit only through one of this term (thesis 3.6.2), so there is one at once.
  AppendEntry({.term = hard_state_.term, .type = EntryType::kNoop});
}

void Raft::StepDown() { BecomeFollower(hard_state_.term, std::nullopt); }

// ---- time ----

/// A process that was itself stopped or starved heard nobody meanwhile, and knows nothing of the
/// others by that: their answers may be waiting right behind this call. What it may do meanwhile is
/// bound by its followers' votes and answers, not by its clock.
void Raft::ForgiveSilence(Ticks passed) {
  if (passed <= 2 * options_.heartbeat_ticks) return;
  for (auto& [node, peer] : leading()->peers) peer.progress.Forgive(passed, now_);
}

void Raft::TickLeader(Ticks passed) {
  ForgiveSilence(passed);
  LeaderState& leader = *leading();
  // Heartbeats of a leader whose disk hangs would keep a group without progress alive.
  if (IsDiskStalled(options_.disk_stall_ticks)) return NameSuccessor();
  if (leader.transfer.has_value() && now_ >= leader.transfer->deadline) leader.transfer.reset();
  if (leader.peers.empty() || now_ < leader.next_heartbeat) return;
  if (!HeardQuorum()) return StepDown();  // check-quorum (thesis 6.2)
  std::erase_if(leader.peers, [&](const auto& entry) {
    return entry.second.removed_by.has_value() && now_ >= entry.second.give_up_at;
  });
  SendDueHeartbeats();
  // All groups of a node beat on the same ticks, so that a peer gets one message for all.
  leader.next_heartbeat = (now_ / options_.heartbeat_ticks + 1) * options_.heartbeat_ticks;
}

bool Raft::HeardQuorum() const {
  const LeaderState& leader = *leading();
  const Ticks heard = QuorumValue(membership(), [&](NodeId node) {
    return node == options_.self ? now_ : leader.peers.at(node).progress.heard_at();
  });
  return Since(heard) < options_.election_ticks;
}

/// For the shell's signs of life see raft.h. They say nothing of a read's round, nor of what is on
/// its way, nor to one that is about to be forgotten.
bool Raft::NeedsHeartbeat(const PeerState& peer) const {
  const bool vouches = peer.vouched_at.has_value() &&
                       Since(*peer.vouched_at) < kVouchedHeartbeats * options_.heartbeat_ticks;
  return !vouches || leading()->reads.newest() != 0 || peer.removed_by.has_value() ||
         !peer.progress.HasEverything(log_.last().index);
}

bool Raft::WaitsForSignsOnly() const {
  if (const auto* follower = std::get_if<FollowerState>(&role_))
    return follower->leader.has_value();
  const LeaderState* leader = leading();
  if (leader == nullptr || leader->transfer.has_value() || log_.OldestPersist().has_value()) {
    return false;
  }
  return std::none_of(leader->peers.begin(), leader->peers.end(),
                      [this](const auto& entry) { return NeedsHeartbeat(entry.second); });
}

void Raft::HeardFollower(NodeId node, Ticks at) {
  PeerState* peer = PeerOf(node);
  if (peer == nullptr) return;
  peer->progress.HeardAt(at);
  peer->vouched_at = std::max(peer->vouched_at.value_or(at), at);
  peer->answered_whole = peer->told_whole;  // nobody vouches that he lacks nothing before
  CheckInvariants();
}

Ticks Raft::LeaderNextDue(const LeaderState& leader) const {
  Ticks due = leader.peers.empty() ? kNever : leader.next_heartbeat;
  if (leader.transfer.has_value()) due = std::min(due, leader.transfer->deadline);
  if (const auto oldest = log_.OldestPersist()) {
    due = std::min(due, *oldest + options_.disk_stall_ticks);
  }
  return due;
}

void Raft::SendHeartbeats() {
  LeaderState& leader = *leading();
  for (auto& [node, peer] : leader.peers) SendHeartbeat(node, peer, leader.reads.newest());
  leader.reads.RoundSent();
}

void Raft::SendDueHeartbeats() {
  LeaderState& leader = *leading();
  for (auto& [node, peer] : leader.peers) {
    if (NeedsHeartbeat(peer)) SendHeartbeat(node, peer, leader.reads.newest());
  }
  leader.reads.RoundSent();
}

void Raft::SendHeartbeat(NodeId node, PeerState& peer, uint64_t read_id) {
  peer.commit_told = std::min(peer.progress.match(), log_.commit());
  Send(node, Heartbeat{.commit = peer.commit_told, .read_id = read_id, .whole = TellIfWhole(peer)});
}

// ---- proposals ----

Result<Position> Raft::Propose(Entry draft) {
  CHECK(draft.type == EntryType::kRecords || draft.type == EntryType::kCommand);
  LeaderState* leader = leading();
  if (leader == nullptr) return NotLeader();
  if (leader->transfer.has_value()) {
    return Error{ErrorCode::kUnavailable, "leadership is being handed over; try again"};
  }
  const size_t size = draft.size();
  if (leader->uncommitted_bytes > 0 &&
      leader->uncommitted_bytes + size > options_.max_uncommitted_bytes) {
    return Error{ErrorCode::kThrottled, "too much waits for commitment; try again later"};
  }
  draft.term = hard_state_.term;
  const Position position = AppendEntry(std::move(draft));
  leader->uncommitted.push_back({position.index, size});
  leader->uncommitted_bytes += size;
  CheckInvariants();
  return position;
}

Result<uint64_t> Raft::ReadIndex() {
  LeaderState* leader = leading();
  if (leader == nullptr) return NotLeader();
  if (log_.commit() < leader->first_of_term) {
    // Until then this leader does not know what its predecessors committed (thesis 6.4, step 1).
    return Error{ErrorCode::kUnavailable,
                 "the new leader's first entry is not committed; try again"};
  }
  const uint64_t id = ++last_read_id_;
  leader->reads.Add(id, log_.commit());
  ConfirmReads();
  CheckInvariants();
  return id;
}

void Raft::ConfirmReads() {
  LeaderState& leader = *leading();
  if (leader.reads.newest() == 0) return;
  const uint64_t confirmed = QuorumValue(membership(), [&](NodeId node) {
    return node == options_.self ? std::numeric_limits<uint64_t>::max()
                                 : leader.peers.at(node).progress.read_acknowledged();
  });
  for (const ReadGrant& grant : leader.reads.Confirm(confirmed)) next_.reads.push_back(grant);
}

// ---- sending ----

bool Raft::LeaderHasReady(const LeaderState& leader) const {
  if (leader.reads.NeedsRound()) return true;
  return std::any_of(leader.peers.begin(), leader.peers.end(), [&](const auto& entry) {
    const PeerState& peer = entry.second;
    return peer.progress.WantsSnapshot() || OwesCommit(peer) ||
           peer.progress.Sendable(log_.last().index, window()).has_value();
  });
}

bool Raft::OwesCommit(const PeerState& peer) const {
  return options_.eager_commit && std::min(peer.progress.match(), log_.commit()) > peer.commit_told;
}

void Raft::OrderAppends(LeaderState& leader) {
  if (leader.reads.NeedsRound()) SendHeartbeats();
  for (auto& [node, peer] : leader.peers) {
    OrderFor(node, peer);
    if (OwesCommit(peer)) SendHeartbeat(node, peer, 0);
  }
}

void Raft::OrderFor(NodeId node, PeerState& peer) {
  const auto range = peer.progress.Sendable(log_.last().index, window());
  if (range.has_value()) {
    if (const auto prev_term = TermAt(range->first - 1)) {
      next_.replicate.push_back(
          {.to = node,
           .term = hard_state_.term,
           .prev = {range->first - 1, *prev_term},
           .first = range->first,
           .last = range->last,
           .max_bytes = std::min(options_.max_append_bytes, peer.progress.BytesLeft(window())),
           .commit = log_.commit()});
      peer.progress.Ordered(*range);
      peer.commit_told = std::min(peer.progress.match(), log_.commit());
      return;
    }
    peer.progress.NeedSnapshot();  // what it lacks was trimmed
  }
  if (peer.progress.WantsSnapshot()) {
    next_.snapshots.push_back({.to = node, .term = hard_state_.term});
    peer.progress.SnapshotOrdered(now_);
  }
}

void Raft::OnSent(NodeId to, Index last, size_t bytes) {
  if (PeerState* peer = PeerOf(to)) peer->progress.Sent(last, bytes, now_);
  CheckInvariants();
}

void Raft::OnSnapshotSent(NodeId to, Index snapshot_index) {
  if (PeerState* peer = PeerOf(to)) peer->progress.SnapshotSent(now_);
  CheckInvariants();
}

// ---- answers ----

PeerState* Raft::PeerOf(NodeId node) {
  LeaderState* leader = leading();
  if (leader == nullptr) return nullptr;
  const auto found = leader->peers.find(node);
  return found == leader->peers.end() ? nullptr : &found->second;
}

void Raft::HandleAppendReply(const Message& message, const AppendReply& reply) {
  PeerState* peer = PeerOf(message.from);
  if (peer == nullptr) return Drop();
  if (message.term > hard_state_.term) return BecomeFollower(message.term, std::nullopt);
  if (reply.accepted && reply.match > log_.last().index) return Drop();
  Progress& progress = peer->progress;
  progress.Heard(now_);
  const Index next = reply.accepted ? reply.match + 1 : NextAfterReject(reply.hint);
  if (!LearnOfLoss(*peer, reply.loss, next)) return Drop();
  if (!reply.accepted) {
    if (progress.IsNews(reply.rejected)) {
      progress.Probe(std::min(next, reply.rejected));
    }
  } else {
    const bool in_snapshot = progress.mode() == Progress::Mode::kSnapshot;
    const bool grew = progress.Accepted(reply.match, now_);
    if (in_snapshot && progress.match() + 1 >= log_.first_index()) {
      progress.Probe(progress.match() + 1);
    }
    if (!grew) return;
    MaybeFinishTransfer(message.from);
    MaybeCommit();
  }
}

/// The first entry that the two logs may not share, judged by the follower's hint: everything of
/// the hint's term and older that both hold (one round a term, not an entry).
Index Raft::NextAfterReject(Position hint) const {
  const Position base = log_.terms().base();
  if (hint.index < base.index || hint.term < base.term) {
    return std::min(hint.index + 1,
                    base.index);  // trimmed here: the order for it will be a snapshot
  }
  return log_.terms().LastAtMost(hint).index + 1;
}

void Raft::HandleHeartbeatReply(const Message& message, const HeartbeatReply& reply) {
  PeerState* peer = PeerOf(message.from);
  if (peer == nullptr) return Drop();
  if (message.term > hard_state_.term) return BecomeFollower(message.term, std::nullopt);
  Progress& progress = peer->progress;
  progress.Heard(now_);
  if (!LearnOfLoss(*peer, reply.loss, reply.last + 1)) return Drop();
  progress.ReadAcknowledged(reply.read_id);
  progress.RetryIfOverdue(reply.last, now_, kAppendPatienceHeartbeats * options_.heartbeat_ticks,
                          kSnapshotPatienceElections * options_.election_ticks);
  ConfirmReads();
  ForgetRemovedPeer(message.from);
}

// ---- commitment ----

/// Only an entry of this term is committed by counting (thesis 3.6.2, figure 3.7); with it comes
/// all before.
void Raft::MaybeCommit() {
  if (leading() == nullptr) return;
  const Index reached = ReachedByQuorum();
  if (reached <= log_.commit() || TermAt(reached) != hard_state_.term) return;
  log_.CommitTo(reached);
  AfterCommit();
}

void Raft::AfterCommit() {
  LeaderState& leader = *leading();
  while (!leader.uncommitted.empty() && leader.uncommitted.front().index <= log_.commit()) {
    leader.uncommitted_bytes -= leader.uncommitted.front().bytes;
    leader.uncommitted.pop_front();
  }
  AfterMembershipCommit();
}

}  // namespace jangada::raft
