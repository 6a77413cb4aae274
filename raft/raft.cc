// The parts of Raft that no role owns: construction, time, dispatch and the making of a Ready.
#include "raft/raft.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace jangada::raft {
namespace {

static_assert(
    std::is_same_v<std::variant_alternative_t<size_t(Role::kFollower), RoleState>, FollowerState>);
static_assert(std::is_same_v<std::variant_alternative_t<size_t(Role::kPreCandidate), RoleState>,
                             PreCandidateState>);
static_assert(std::is_same_v<std::variant_alternative_t<size_t(Role::kCandidate), RoleState>,
                             CandidateState>);
static_assert(
    std::is_same_v<std::variant_alternative_t<size_t(Role::kLeader), RoleState>, LeaderState>);

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
// GCC needs no guide for an aggregate; the Clang that lints this does.
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

/// The snapshot's, and those of later entries. (A replica that joined late may have a snapshot from
/// before it met a configuration at all.)
MembershipHistory RestoreMemberships(const Restored& restored) {
  MembershipHistory history(restored.snapshot.membership);
  for (const MembershipAt& at : restored.memberships) {
    if (at.index > history.InForce().index && at.index <= restored.last.index) history.Append(at);
  }
  return history;
}

}  // namespace

TermHistory RestoreTerms(const Restored& restored) {
  const Position snapshot = restored.snapshot.last;
  const bool empty = restored.last.index < restored.first_index || restored.terms.empty();
  if (empty || restored.last.index < snapshot.index) return TermHistory(snapshot);
  std::vector<TermRun> runs = restored.terms;
  Position base{restored.first_index - 1, 0};
  if (base.index == 0) return TermHistory(base, std::move(runs), restored.last.index);
  if (snapshot.index == base.index) {
    base.term = snapshot.term;
  } else if (runs.front().first_index <= base.index) {
    base.term = runs.front().term;
  } else {
    base = {restored.first_index, runs.front().term};  // nothing says what came before the first
  }
  while (runs.size() > 1 && runs[1].first_index <= base.index + 1) runs.erase(runs.begin());
  runs.front().first_index = base.index + 1;
  if (base.index == restored.last.index) return TermHistory(base);
  return TermHistory(base, std::move(runs), restored.last.index);
}

const char* RoleName(Role role) {
  switch (role) {
    case Role::kFollower: return "follower";
    case Role::kPreCandidate: return "pre-candidate";
    case Role::kCandidate: return "candidate";
    case Role::kLeader: return "leader";
  }
  return "?";
}

Raft::Raft(const Options& options, Restored restored, Ticks now)
    : options_(options),
      random_(options.seed),
      now_(now),
      hard_state_(restored.hard_state),
      durable_hard_state_(restored.hard_state),
      log_(RestoreTerms(restored), std::max(restored.applied, restored.snapshot.last.index)),
      memberships_(RestoreMemberships(restored)) {
  CHECK_GT(options_.heartbeat_ticks, 0u);
  CHECK_GT(options_.election_ticks, options_.heartbeat_ticks);
  CHECK_GT(options_.max_inflight_entries, 0u);
  CHECK_GT(options_.max_append_bytes, 0u);
  // The clock has moved on since any earlier loss, so no two get one id.
  if (restored.refill) loss_ = {Random(options_.seed + now).Next() | 1, restored.forgot_votes};
  election_timeout_ = RandomElectionTimeout();
  // Nobody else can lead a group of one voter, so there is nobody to wait for.
  election_deadline_ = IsAloneVoter() ? now_ : now_ + election_timeout_;
  told_role_ = CurrentRole();
  CheckInvariants();
}

// ---- time ----

void Raft::Tick(Ticks now) {
  const Ticks passed = now > now_ ? now - now_ : 0;
  now_ += passed;
  if (leading() != nullptr) {
    TickLeader(passed);
  } else {
    TickElection();
  }
  CheckInvariants();
}

Ticks Raft::NextDue() const {
  if (const LeaderState* leader = leading()) return LeaderNextDue(*leader);
  return MayCampaign() ? election_deadline_ : kNever;
}

// ---- messages ----

void Raft::Step(Message message) {
  if (message.to != options_.self || message.from == options_.self) {
    Drop();
  } else if (IsStale(message)) {
    AnswerStale(message);
  } else {
    Dispatch(message);
  }
  CheckInvariants();
}

bool Raft::IsStale(const Message& message) const {
  // Pre-votes speak of terms that nobody is in yet; their handlers judge them.
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    if (request->pre_vote) return false;
  }
  if (const auto* reply = std::get_if<VoteReply>(&message.body)) {
    if (reply->pre_vote) return false;
  }
  return message.term < hard_state_.term;
}

/// A leader or candidate of an old term learns the newer one from the refusal (figure 2, rules for
/// servers), else a replica that has moved on could never be reached again.
void Raft::AnswerStale(const Message& message) {
  Drop();
  std::visit(Overloaded{
                 [&](const VoteRequest&) { Send(message.from, VoteReply{}); },
                 [&](const AppendRequest& request) {
                   Send(message.from, AppendReply{.rejected = request.prev.index});
                 },
                 [&](const Heartbeat&) { Send(message.from, AppendReply{}); },
                 [&](const InstallSnapshot&) { Send(message.from, AppendReply{}); },
                 [](const auto&) {},
             },
             message.body);
}

void Raft::Dispatch(Message& message) {
  std::visit(Overloaded{
                 [&](const VoteRequest& body) {
                   body.pre_vote ? HandlePreVoteRequest(message, body)
                                 : HandleVoteRequest(message, body);
                 },
                 [&](const VoteReply& body) { HandleVoteReply(message, body); },
                 [&](AppendRequest& body) { HandleAppendRequest(message, body); },
                 [&](const AppendReply& body) { HandleAppendReply(message, body); },
                 [&](const Heartbeat& body) { HandleHeartbeat(message, body); },
                 [&](const HeartbeatReply& body) { HandleHeartbeatReply(message, body); },
                 [&](InstallSnapshot& body) { HandleInstallSnapshot(message, body); },
                 [&](const TimeoutNow&) { HandleTimeoutNow(message); },
             },
             message.body);
}

Message Raft::MakeMessage(NodeId to, decltype(Message::body) body) const {
  return {.from = options_.self, .to = to, .term = hard_state_.term, .body = std::move(body)};
}

void Raft::Send(NodeId to, decltype(Message::body) body) {
  next_.messages.push_back(MakeMessage(to, std::move(body)));
}

/// Leaves once the hard state and entries of the same Ready are synced.
void Raft::SendDurably(NodeId to, decltype(Message::body) body) {
  CHECK(hard_state_dirty_);
  next_.messages_after_persist.push_back(MakeMessage(to, std::move(body)));
}

/// Written even if it is the same: a repeated vote must wait for a sync too, because the first one
/// may still be under way in an earlier Ready.
void Raft::SetHardState(HardState next) {
  CHECK_GE(next.term, hard_state_.term);
  hard_state_ = next;
  hard_state_dirty_ = true;
}

Position Raft::AppendEntry(Entry entry) {
  const Position position = log_.Append(entry.term);
  entry.index = position.index;
  next_.entries.push_back(std::move(entry));
  return position;
}

// ---- completions ----

void Raft::OnPersisted(uint64_t ready_number) {
  CHECK_LE(ready_number, last_ready_number_);
  if (const auto synced = log_.PersistFinished(ready_number)) durable_hard_state_ = *synced;
  CountOwnVote();
  AfterFollowerPersist();
  MaybeCommit();
  CheckInvariants();
}

void Raft::OnApplied(Index index) {
  log_.AppliedTo(index);
  CheckInvariants();
}

void Raft::OnUnreachable(NodeId peer) {
  if (auto* candidate = std::get_if<CandidateState>(&role_)) {
    candidate->votes.try_emplace(peer, false);
    AfterVote();
  } else if (auto* pre_candidate = std::get_if<PreCandidateState>(&role_)) {
    pre_candidate->votes.try_emplace(peer, false);
    AfterVote();
  } else if (auto* follower = std::get_if<FollowerState>(&role_)) {
    if (follower->leader == peer) LoseLeader(*follower);
  } else if (PeerState* state = PeerOf(peer)) {
    state->progress.Unreachable();
  }
  CheckInvariants();
}

void Raft::OnTrimmed(const SnapshotMeta& snapshot, Index first_index) {
  CHECK_LE(first_index, snapshot.last.index + 1);
  CHECK_LE(snapshot.last.index, log_.commit());
  if (first_index > log_.first_index()) log_.TrimTo(first_index - 1);
  memberships_.TrimTo(snapshot.last.index);
  CheckInvariants();
}

// ---- output ----

RoleChange Raft::CurrentRole() const {
  RoleChange now{role(), hard_state_.term, std::nullopt};
  if (leading() != nullptr) now.leader = options_.self;
  if (const auto* follower = std::get_if<FollowerState>(&role_)) now.leader = follower->leader;
  return now;
}

bool Raft::HasReady() const {
  if (hard_state_dirty_ || next_.NeedsPersist() || !next_.messages.empty() ||
      !next_.reads.empty() || log_.handed_out() < log_.commit()) {
    return true;
  }
  if (const auto* follower = std::get_if<FollowerState>(&role_)) {
    if (follower->reply_due) return true;
  }
  if (const LeaderState* leader = leading(); leader != nullptr && LeaderHasReady(*leader)) {
    return true;
  }
  return CurrentRole() != told_role_;
}

Ready Raft::TakeReady() {
  CHECK(HasReady());
  ReplyToLeader();
  if (LeaderState* leader = leading()) OrderAppends(*leader);
  if (hard_state_dirty_) next_.hard_state = hard_state_;
  hard_state_dirty_ = false;
  next_.number = ++last_ready_number_;
  next_.committed = log_.HandOut();
  if (const RoleChange now = CurrentRole(); now != told_role_) {
    next_.role_change = now;
    told_role_ = now;
  }
  if (next_.NeedsPersist()) log_.PersistStarted(next_.number, hard_state_, now_);
  Ready ready = std::exchange(next_, Ready{});
  CheckInvariants();
  return ready;
}

bool Raft::IsLeader() const { return leading() != nullptr; }
Term Raft::term() const { return hard_state_.term; }
Index Raft::commit() const { return log_.commit(); }
Index Raft::known_commit() const {
  const auto* follower = std::get_if<FollowerState>(&role_);
  return std::max(log_.commit(), follower == nullptr ? 0 : follower->leader_commit);
}

Index Raft::durable() const { return log_.durable(); }
Index Raft::last() const { return log_.last().index; }
std::optional<NodeId> Raft::leader() const { return CurrentRole().leader; }

SnapshotMeta Raft::SnapshotAt(Index index) const {
  CHECK_LE(index, log_.commit());
  const auto term = TermAt(index);
  CHECK_MSG(term.has_value(), "a checkpoint's last entry must be retained");
  return {{index, *term}, memberships_.At(index)};
}

PeerStatus Raft::DescribePeer(NodeId node, const PeerState& peer) const {
  return {.node = node,
          .match = peer.progress.match(),
          .voter = membership().IsVoter(node),
          .recently_active = Since(peer.progress.heard_at()) < options_.election_ticks,
          .needs_snapshot = peer.progress.mode() == Progress::Mode::kSnapshot,
          .whole = peer.loss.id == 0 || peer.answered_whole};
}

RaftStatus Raft::status() const {
  const RoleChange current = CurrentRole();
  RaftStatus status;
  status.role = current.role;
  status.term = current.term;
  status.vote = hard_state_.vote;
  status.leader = current.leader;
  status.commit = log_.commit();
  status.applied = log_.applied();
  status.last = log_.last();
  status.durable = log_.durable();
  status.first_index = log_.first_index();
  status.membership = memberships_.InForce();
  status.membership_committed = IsMembershipCommitted();
  status.refilling = IsDamaged();
  VisitPeers([&status](const PeerStatus& peer) { status.peers.push_back(peer); });
  return status;
}

}  // namespace jangada::raft
