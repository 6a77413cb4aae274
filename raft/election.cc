// Elections (thesis 3.4): pre-vote (9.6), leader stickiness (4.2.3), one durable vote a term.
#include <algorithm>

#include "base/check.h"
#include "raft/quorum.h"
#include "raft/raft.h"

namespace jangada::raft {
namespace {

/// After a hint that the leader is gone: long enough apart that one of several usually comes first.
constexpr Ticks kCampaignSoonTicks = 3;
/// After an election that nobody won, as a share of the election timeout: its pre-vote had a
/// majority, so the next try most likely decides it, unless all try again at the same moment.
constexpr Ticks kRetryShare = 5;

}  // namespace

// ---- who may, and when ----

/// A replica that the configuration in force leaves out still campaigns until that is committed: it
/// may hold the longest log, without which nobody else can win (thesis 4.2.2).
bool Raft::MayCampaign() const {
  return memberships_.MayVoteAfter(log_.commit(), options_.self) && !IsDamaged();
}

bool Raft::IsAloneVoter() const {
  return !membership().IsJoint() && membership().voters == std::vector<NodeId>{options_.self};
}

/// A leader always hears itself: check-quorum, not a vote request, tells it that it lost its
/// followers.
bool Raft::HearsLeader() const {
  if (leading() != nullptr) return true;
  const auto* follower = std::get_if<FollowerState>(&role_);
  return follower != nullptr && follower->leader.has_value() &&
         Since(follower->heard_at) < options_.election_ticks;
}

/// The election restriction (thesis 3.6.1). The last position falls back to the snapshot's.
bool Raft::IsUpToDate(Position candidate) const {
  const Position mine = log_.last();
  return candidate.term > mine.term ||
         (candidate.term == mine.term && candidate.index >= mine.index);
}

bool Raft::IsDiskStalled(Ticks patience) const {
  const auto oldest = log_.OldestPersist();
  return oldest.has_value() && now_ - *oldest >= patience;
}

Ticks Raft::RandomElectionTimeout() {
  return random_.Between(options_.election_ticks, 2 * options_.election_ticks);
}

void Raft::ResetElectionTimer() { election_deadline_ = now_ + election_timeout_; }

void Raft::CampaignWithin(Ticks ticks) {
  election_deadline_ = std::min(election_deadline_, now_ + random_.Between(0, ticks));
}

void Raft::TickElection() {
  if (!MayCampaign() || now_ < election_deadline_) return;
  if (IsDiskStalled(options_.election_ticks)) {
    ResetElectionTimer();  // its vote could not become durable, and as a leader it would step down
  } else {
    BecomePreCandidate();
  }
}

void Raft::Campaign() {
  if (MayCampaign() && role() == Role::kFollower) {
    BecomePreCandidate();
  } else if (role() == Role::kPreCandidate) {
    // A new group's other replicas may have been made since it asked. What was granted counts on.
    RequestVotes(/*pre_vote=*/true, /*transfer=*/false);
  }
  CheckInvariants();
}

void Raft::LoseLeader(FollowerState& follower) {
  suspect_ = follower.leader;
  follower.leader.reset();
  if (MayCampaign()) CampaignWithin(kCampaignSoonTicks);
}

// ---- changes of role ----

void Raft::BecomeFollower(Term term, std::optional<NodeId> leader) {
  if (LeaderState* was_leader = leading()) {
    for (const ReadGrant& refused : was_leader->reads.RefuseAll()) next_.reads.push_back(refused);
  }
  if (term > hard_state_.term) {
    // The vote is cleared only here: stepping down within a term keeps it.
    SetHardState({term, std::nullopt});
    suspect_.reset();
  }
  // A new term alone does not postpone an election that a follower is about to start, or else a
  // candidate that cannot win could keep those that can from trying.
  const bool keep_timer = role() == Role::kFollower && !leader.has_value();
  role_ = FollowerState{.leader = leader, .heard_at = now_};
  election_timeout_ = RandomElectionTimeout();
  if (!keep_timer) ResetElectionTimer();
}

void Raft::BecomePreCandidate() {
  CHECK(leading() == nullptr);
  PreCandidateState state;
  state.votes[options_.self] = true;
  if (suspect_.has_value()) state.votes.try_emplace(*suspect_, false);
  role_ = std::move(state);
  election_timeout_ = RandomElectionTimeout();
  ResetElectionTimer();
  RequestVotes(/*pre_vote=*/true, /*transfer=*/false);
  AfterVote();
}

void Raft::BecomeCandidate(bool transfer) {
  CHECK(leading() == nullptr);
  ++elections_.started;
  SetHardState({NextTerm(), options_.self});
  CandidateState state;
  if (suspect_.has_value()) state.votes.try_emplace(*suspect_, false);
  role_ = std::move(state);
  election_timeout_ = RandomElectionTimeout();
  ResetElectionTimer();
  RequestVotes(/*pre_vote=*/false, transfer);
}

void Raft::RequestVotes(bool pre_vote, bool transfer) {
  const VoteRequest request{.pre_vote = pre_vote, .transfer = transfer, .last = log_.last()};
  for (const NodeId node : membership().Members()) {
    if (node == options_.self || !membership().IsVoter(node)) continue;
    if (pre_vote) {
      Send(node, request);
      next_.messages.back().term = NextTerm();
    } else {
      SendDurably(node, request);  // its own vote is durable before it asks for others'
    }
  }
}

/// Counts, and acts on the outcome. A vote changed, or a replica became a candidate.
void Raft::AfterVote() {
  if (auto* pre_candidate = std::get_if<PreCandidateState>(&role_)) {
    const VoteOutcome outcome = CountVotes(membership(), pre_candidate->votes);
    if (outcome == VoteOutcome::kWon) BecomeCandidate(/*transfer=*/false);
    if (outcome != VoteOutcome::kLost) return;
    BecomeFollower(hard_state_.term, std::nullopt);
    // The others may only not have noticed yet that the leader is gone: one more try soon.
    if (!suspect_.has_value()) return;
    suspect_.reset();
    CampaignWithin(options_.election_ticks / kRetryShare);
  } else if (auto* candidate = std::get_if<CandidateState>(&role_)) {
    const VoteOutcome outcome = CountVotes(membership(), candidate->votes);
    if (outcome == VoteOutcome::kWon) BecomeLeader();
    if (outcome == VoteOutcome::kLost) {
      BecomeFollower(hard_state_.term, std::nullopt);
      CampaignWithin(options_.election_ticks / kRetryShare);
    }
  }
}

/// A candidate's own vote counts once it is synced, like everybody's.
void Raft::CountOwnVote() {
  auto* candidate = std::get_if<CandidateState>(&role_);
  if (candidate == nullptr || durable_hard_state_ != hard_state_) return;
  candidate->votes[options_.self] = true;
  AfterVote();
}

// ---- messages ----

void Raft::HandlePreVoteRequest(const Message& message, const VoteRequest& request) {
  const bool up_to_date = IsUpToDate(request.last);
  const bool granted =
      message.term > hard_state_.term && up_to_date && !HearsLeader() && !IsDamaged();
  Send(message.from, VoteReply{.pre_vote = true, .granted = granted});
  if (granted) {
    next_.messages.back().term = message.term;
    if (role() == Role::kPreCandidate && message.from > options_.self) {
      // Two that ask at once would both win their pre-votes and then split the real ones.
      BecomeFollower(hard_state_.term, std::nullopt);
      CampaignWithin(options_.election_ticks / kRetryShare);
    }
  } else if (!up_to_date && role() == Role::kFollower && !HearsLeader() && MayCampaign()) {
    CampaignWithin(kCampaignSoonTicks);  // it can't win; this one may
  }
}

void Raft::HandleVoteRequest(const Message& message, const VoteRequest& request) {
  if (!request.transfer && HearsLeader()) {
    Drop();  // stickiness: no new term either (thesis 4.2.3)
    return;
  }
  if (message.term > hard_state_.term) BecomeFollower(message.term, std::nullopt);
  const bool free = !hard_state_.vote.has_value() && !CurrentRole().leader.has_value();
  const bool up_to_date = IsUpToDate(request.last);
  const bool granted = (free || hard_state_.vote == message.from) && up_to_date && !IsDamaged();
  if (!granted) {
    Send(message.from, VoteReply{});
    if (!up_to_date && role() == Role::kFollower && MayCampaign()) {
      CampaignWithin(kCampaignSoonTicks);
    }
    return;
  }
  SetHardState({hard_state_.term, message.from});
  ResetElectionTimer();
  SendDurably(message.from, VoteReply{.granted = true});
}

void Raft::HandleVoteReply(const Message& message, const VoteReply& reply) {
  auto* pre_candidate = std::get_if<PreCandidateState>(&role_);
  auto* candidate = std::get_if<CandidateState>(&role_);
  if (pre_candidate == nullptr && candidate == nullptr) return Drop();
  if (!reply.granted && message.term > hard_state_.term) {
    return BecomeFollower(message.term, std::nullopt);
  }
  const Term expected = reply.pre_vote ? NextTerm() : hard_state_.term;
  const bool asked = reply.pre_vote ? pre_candidate != nullptr : candidate != nullptr;
  if (!asked || (reply.granted && message.term != expected)) return Drop();
  auto& votes = reply.pre_vote ? pre_candidate->votes : candidate->votes;
  if (reply.granted) {
    votes[message.from] = true;
  } else {
    votes.try_emplace(message.from, false);
  }
  AfterVote();
}

void Raft::HandleTimeoutNow(const Message& message) {
  if (!MayCampaign() || leading() != nullptr) return Drop();
  if (message.term > hard_state_.term) BecomeFollower(message.term, message.from);
  BecomeCandidate(/*transfer=*/true);
}

}  // namespace jangada::raft
