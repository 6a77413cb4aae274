// The follower's side of replication (thesis 3.5) and of snapshots (5.3). What a follower
// acknowledges is verified by this leader *and* synced here.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/raft.h"

namespace jangada::raft {
namespace {

/// Consecutive after `prev`, with terms that never fall and none beyond the sender's, and
/// memberships that can be read. Anything else is no leader's log.
bool IsWellFormed(const Message& message, const AppendRequest& request) {
  Position previous = request.prev;
  for (const Entry& entry : request.entries) {
    if (entry.index != previous.index + 1 || entry.term < previous.term) return false;
    if (entry.type == EntryType::kMembership && !DecodeMembership(entry.payload.view())) {
      return false;
    }
    previous = entry.position();
  }
  return previous.term <= message.term;
}

}  // namespace

/// A message that only the leader of its term can have sent.
FollowerState& Raft::Follow(const Message& from_leader) {
  CHECK_MSG(leading() == nullptr || from_leader.term > hard_state_.term,
            "two leaders in one term (Election Safety)");
  auto* follower = std::get_if<FollowerState>(&role_);
  if (follower == nullptr || from_leader.term > hard_state_.term) {
    BecomeFollower(from_leader.term, from_leader.from);
    follower = std::get_if<FollowerState>(&role_);
  }
  if (!follower->leader.has_value()) follower->leader = from_leader.from;
  suspect_.reset();
  CHECK_EQ(*follower->leader, from_leader.from);
  follower->heard_at = now_;
  ResetElectionTimer();
  return *follower;
}

void Raft::HandleAppendRequest(const Message& message, AppendRequest& request) {
  if (!IsWellFormed(message, request)) return Drop();
  FollowerState& follower = Follow(message);
  const Index end = request.prev.index + request.entries.size();
  if (end <= log_.commit()) {
    // What is committed here is in every later leader's log (Leader Completeness).
    Verified(follower, log_.commit());
    return;
  }
  if (request.prev.index < log_.terms().base().index) {
    // The front of it is folded into the snapshot already.
    const auto known = log_.terms().base().index - request.prev.index;
    request.entries.erase(request.entries.begin(),
                          request.entries.begin() + static_cast<std::ptrdiff_t>(known));
  } else if (!log_.terms().Contains(request.prev)) {
    Send(message.from, AppendReply{.rejected = request.prev.index,
                                   .hint = log_.terms().LastAtMost(request.prev),
                                   .loss = loss_});
    return;
  }
  AppendFromLeader(request.entries);
  Verified(follower, end);
  LearnCommit(follower, request.commit, follower.verified);
}

/// As a heartbeat of the leader would do, but that it brings no commit index and asks for no
/// answer.
void Raft::HeardLeader(Ticks at) {
  auto* follower = std::get_if<FollowerState>(&role_);
  if (follower == nullptr || !follower->leader.has_value()) return;
  follower->heard_at = std::max(follower->heard_at, at);
  election_deadline_ = std::max(election_deadline_, at + election_timeout_);
  CheckInvariants();
}

/// Skips what is there already, removes what conflicts, appends what is new (figure 2,
/// AppendEntries). An old request must not shorten the log, so only a conflict truncates.
void Raft::AppendFromLeader(std::vector<Entry>& entries) {
  auto entry = entries.begin();
  while (entry != entries.end() && log_.terms().Contains(entry->position())) ++entry;
  if (entry == entries.end()) return;
  if (entry->index <= log_.last().index) {
    log_.Truncate(entry->index - 1);
    memberships_.KeepUpTo(entry->index - 1);
    std::erase_if(next_.entries, [&](const Entry& e) { return e.index >= entry->index; });
  }
  for (; entry != entries.end(); ++entry) {
    if (entry->type == EntryType::kMembership) {
      memberships_.Append({entry->index, *DecodeMembership(entry->payload.view())});
    }
    AppendEntry(std::move(*entry));
  }
}

void Raft::Verified(FollowerState& follower, Index index) {
  follower.verified = std::max(follower.verified, index);
  // What is still being written is acknowledged when it is synced.
  if (follower.verified <= log_.durable()) follower.reply_due = true;
}

/// `safe`: the log surely equals the leader's up to here (figure 2: min(leaderCommit, last new
/// entry)).
void Raft::LearnCommit(FollowerState& follower, Index leader_commit, Index safe) {
  follower.leader_commit = std::max(follower.leader_commit, leader_commit);
  const Index commit = std::min(leader_commit, safe);
  if (commit > log_.commit()) log_.CommitTo(commit);
}

void Raft::ReplyToLeader() {
  auto* follower = std::get_if<FollowerState>(&role_);
  if (follower == nullptr || !follower->reply_due) return;
  follower->reply_due = false;
  if (!follower->leader.has_value()) return;
  follower->acknowledged = std::min(follower->verified, log_.durable());
  Send(*follower->leader,
       AppendReply{.accepted = true, .match = follower->acknowledged, .loss = loss_});
}

void Raft::AfterFollowerPersist() {
  auto* follower = std::get_if<FollowerState>(&role_);
  if (follower == nullptr) return;
  if (std::min(follower->verified, log_.durable()) > follower->acknowledged) {
    follower->reply_due = true;
  }
}

void Raft::HandleHeartbeat(const Message& message, const Heartbeat& heartbeat) {
  FollowerState& follower = Follow(message);
  // A replica that forgot its term may be answering a leader that was replaced long ago.
  Send(message.from, HeartbeatReply{.read_id = loss_.forgot_votes ? 0 : heartbeat.read_id,
                                    .last = log_.durable(),
                                    .loss = loss_});
  // The leader says no more than what it knows to match here. A replica that lost entries goes by
  // what was verified since.
  LearnCommit(follower, heartbeat.commit,
              IsDamaged() ? std::max(follower.verified, log_.commit()) : log_.last().index);
  if (IsDamaged() && heartbeat.whole == loss_.id) EndRefill(follower);
}

void Raft::HandleInstallSnapshot(const Message& message, InstallSnapshot& snapshot) {
  if (snapshot.meta.last.term > message.term) return Drop();
  FollowerState& follower = Follow(message);
  const Position last = snapshot.meta.last;
  if (last.index <= log_.commit()) return Verified(follower, log_.commit());
  // A replica that joined later may checkpoint before it has met a configuration at all: then none
  // was committed up to there but the one known here. What else this log holds may be replaced.
  if (snapshot.meta.membership.membership.IsEmpty()) {
    snapshot.meta.membership = memberships_.At(log_.commit());
  }
  const bool keep_suffix = log_.terms().Contains(last);
  memberships_.Install(snapshot.meta, keep_suffix);
  log_.Install(last, keep_suffix);
  // Entries that were not yet handed over and that the snapshot folds in need no writing. If there
  // were any, what is on disk behind them is not the log's continuation, so the disk keeps nothing.
  const size_t folded = std::erase_if(
      next_.entries, [&](const Entry& e) { return !keep_suffix || e.index <= last.index; });
  next_.install = Ready::Install{.meta = snapshot.meta,
                                 .data = std::move(snapshot.data),
                                 .keep_suffix = keep_suffix && folded == 0};
  Verified(follower, last.index);
  LearnCommit(follower, last.index, last.index);
}

}  // namespace jangada::raft
