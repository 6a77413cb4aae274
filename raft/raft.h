// Raft: the consensus algorithm of one group as a pure state machine (Ongaro's thesis; section
// numbers refer to it). No clock, thread, socket, file, random device or log line: calls come in,
// TakeReady() says what to do. The same calls with the same seed give the same answers. Payloads
// pass unopened.
//
// Not thread-safe: owned by one Replica on one shard. The shell calls Tick(now) before the other
// calls of a turn, and TakeReady() at the turn's end.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "raft/log_positions.h"
#include "raft/membership.h"
#include "raft/message.h"
#include "raft/ready.h"
#include "raft/role.h"
#include "raft/types.h"

namespace jangada::raft {

struct Options {
  NodeId self;
  uint64_t seed = 0;  // for election timeouts; must differ between the members
  Ticks heartbeat_ticks = 20;
  /// A follower waits between one and two of these; also the leader's check-quorum period and the
  /// time for which a follower that hears its leader refuses votes (stickiness).
  Ticks election_ticks = 100;
  /// A leader whose oldest unpersisted Ready is older than this steps down (a hung disk).
  Ticks disk_stall_ticks = 300;
  /// In flight to one follower, sent and not acknowledged.
  size_t max_inflight_entries = 1024;
  size_t max_inflight_bytes = 16 << 20;
  /// Of one AppendRequest.
  size_t max_append_bytes = 1 << 20;
  /// Proposed and not yet committed, at the leader: Propose refuses beyond it.
  size_t max_uncommitted_bytes = 64 << 20;
  /// Tell followers of a new commit index at once instead of with the next append or heartbeat.
  bool eager_commit = false;
};

/// What the shell found on its disk. A new group: only `snapshot.membership` = {0, its voters}, or
/// nothing at all for a replica that will be added as a learner by a leader it has not met.
struct Restored {
  HardState hard_state;
  SnapshotMeta snapshot;  // what the trimmed prefix folds into; {0,0} when nothing was trimmed
  Index first_index = 1;  // of the entries on disk (snapshot.last.index may lie above it:
                          // checkpoints are not trims)
  /// The last entry on disk, or snapshot.last. A store that had to cut its log below the checkpoint
  /// keeps only the checkpoint.
  Position last;
  std::vector<TermRun> terms;  // from first_index - 1 (or the first entry) on, oldest first
  std::vector<MembershipAt> memberships;  // of the entries after snapshot.last, oldest first
  Index applied = 0;  // state machine's; entries up to here are known to be committed
  /// Entries that this replica had acknowledged are lost or damaged. It follows, but neither grants
  /// votes nor campaigns until it was refilled from a leader (docs/decisions.md 4 and 33).
  bool refill = false;
  /// With `refill`: the hard state, too, may be older than what this replica once told.
  bool forgot_votes = false;
};

/// The terms of the log on disk. Entries that the snapshot folds in may still be there; without any
/// entry after a damage below the snapshot, the snapshot alone is the log.
TermHistory RestoreTerms(const Restored& restored);

/// How one follower stands, for `cluster status` and metrics.
struct PeerStatus {
  NodeId node;
  Index match = 0;
  bool voter = false;
  bool recently_active = false;
  bool needs_snapshot = false;
  bool whole = true;  // false: it lost entries, and has not said since that it votes (decision 33)
};

struct RaftStatus {
  Role role = Role::kFollower;
  Term term = 0;
  std::optional<NodeId> vote;  // in this term
  std::optional<NodeId> leader;
  Index commit = 0;
  Index applied = 0;
  Position last;
  Index durable = 0;  // synced here
  Index first_index = 1;
  MembershipAt membership;  // in force (appended)
  bool membership_committed = true;
  bool refilling = false;
  std::vector<PeerStatus> peers;  // at the leader
};

/// What NextDue says when only a message or a call can change anything.
inline constexpr Ticks kNever = ~Ticks{0};

class Raft {
 public:
  /// `now`: the shell's clock at construction.
  Raft(const Options& options, Restored restored, Ticks now);
  Raft(const Raft&) = delete;
  Raft& operator=(const Raft&) = delete;

  // ---- time ----
  /// Moves the core's clock to `now` (monotone; ticks may be skipped) and does what is due.
  void Tick(Ticks now);
  /// The tick at which something is next due, or kNever. Tick need not be called before it.
  Ticks NextDue() const;

  // ---- messages ----
  /// Returns nothing: a stale, foreign or broken message is counted and dropped.
  void Step(Message message);

  // ---- signs of life that are no messages of this group ----
  // A shell may let a node vouch for all of its groups at once instead of sending a heartbeat and
  // an answer for each (server/partition/pulses.h). What it says here is what such a message would
  // have said, no more: nothing is committed, read or voted upon it. `at` may lie before the last
  // Tick, or between it and the next.
  /// The leader that this follower follows said at `at` that it leads on, in this term. Nothing at
  /// other replicas.
  void HeardLeader(Ticks at);
  /// `node` said at `at` that it follows this leader in this term, that it hears it, and that it
  /// holds this leader's commit index. A peer that says so, and has everything, is sent no
  /// heartbeats meanwhile. Nothing at other replicas.
  void HeardFollower(NodeId node, Ticks at);
  /// Whether signs of life are all that this replica waits for: a follower for its leader's, a
  /// leader for those of every peer, with nothing to send. While the shell sees them come it need
  /// not call Tick, whatever NextDue says; when they stop it says when they came last, and ticks.
  bool WaitsForSignsOnly() const;

  // ---- requests; refused with kNotLeader, kUnavailable (transfer under way) or kThrottled (window
  // full) ----
  /// Appends one entry; `index`, `term` of the draft are ignored and filled in. The answer says
  /// where it will be if it commits; only commitment of that very position means success.
  Result<Position> Propose(Entry draft);
  /// Enter-joint, or directly the target when nothing of the voters changes. kFailedPrecondition
  /// while a change is under way or before this term's no-op committed.
  Result<Position> ProposeMembership(const MembershipTarget& target);
  /// Asks `to` (a voter) to take over; proposals are refused until it did, or an election timeout
  /// passed.
  Status TransferLeadership(NodeId to);
  /// A fresh id each call; answered by one ReadGrant with it. kNotLeader at once when not leading;
  /// kUnavailable before this term's no-op is committed.
  Result<uint64_t> ReadIndex();
  /// Starts a (pre-vote) election now, unless leading, refilling or no voter. One that is under way
  /// asks for its pre-votes again.
  void Campaign();

  // ---- completions ----
  /// The Ready of that number (and all before) is synced.
  void OnPersisted(uint64_t ready_number);
  /// State machine has applied up to `index` (<= what Ready.committed gave).
  void OnApplied(Index index);
  /// The shell attached entries up to `last` (of `bytes` in sum) to an order of Ready.replicate.
  void OnSent(NodeId to, Index last, size_t bytes);
  void OnSnapshotSent(NodeId to, Index snapshot_index);
  /// A hint that messages to (and from) `peer` were lost, and that it may be dead. A follower whose
  /// leader it is campaigns soon; pre-vote makes a wrong hint harmless.
  void OnUnreachable(NodeId peer);
  /// The shell dropped entries below `first_index`, which its durable checkpoint `snapshot` folds
  /// in.
  void OnTrimmed(const SnapshotMeta& snapshot, Index first_index);

  // ---- output ----
  bool HasReady() const;
  /// REQUIRES: HasReady().
  Ready TakeReady();

  RaftStatus status() const;
  /// What status().peers lists, one by one and without the list.
  template <class Visitor>
  void VisitPeers(Visitor visit) const {
    const LeaderState* leader = leading();
    if (leader == nullptr) return;
    for (const auto& [node, peer] : leader->peers) visit(DescribePeer(node, peer));
  }
  /// Cheap subset of status() for the hot path.
  bool IsLeader() const;
  Term term() const;
  Index commit() const;
  Index durable() const;
  Index last() const;
  std::optional<NodeId> leader() const;
  const Membership& membership() const { return memberships_.InForce().membership; }
  /// Of the entry that put membership() into force.
  Index membership_index() const { return memberships_.InForce().index; }
  /// Term of a retained entry (or of the trimmed prefix's last); nullopt outside.
  std::optional<Term> TermAt(Index index) const { return log_.terms().TermAt(index); }
  /// What a checkpoint that folds in the entries up to `index` must say of itself.
  /// REQUIRES: index is retained (or the trimmed prefix's last), and at most commit().
  SnapshotMeta SnapshotAt(Index index) const;

  /// The greatest index that this replica knows to be committed: by itself, or as its leader told.
  Index known_commit() const;

  /// Messages that were stale, foreign or broken.
  uint64_t dropped_messages() const { return dropped_messages_; }
  /// Of this replica as the candidate; pre-votes are not counted.
  struct Elections {
    uint64_t started = 0;
    uint64_t won = 0;
  };
  Elections elections() const { return elections_; }

 private:
  /// What may never go back, as the last CheckInvariants saw it.
  struct Seen {
    HardState hard_state;
    Index commit = 0;
    Index applied = 0;
    uint64_t ready_number = 0;
  };

  // ---- raft.cc ----
  void Dispatch(Message& message);
  bool IsStale(const Message& message) const;
  void AnswerStale(const Message& message);
  void Drop() { ++dropped_messages_; }
  void Send(NodeId to, decltype(Message::body) body);
  void SendDurably(NodeId to, decltype(Message::body) body);
  Message MakeMessage(NodeId to, decltype(Message::body) body) const;
  void SetHardState(HardState next);
  Position AppendEntry(Entry entry);
  /// How long ago `at` was; signs of life may be a little ahead of the last Tick.
  Ticks Since(Ticks at) const { return now_ > at ? now_ - at : 0; }
  bool IsMembershipCommitted() const { return memberships_.InForce().index <= log_.commit(); }
  Role role() const { return static_cast<Role>(role_.index()); }
  RoleChange CurrentRole() const;
  PeerStatus DescribePeer(NodeId node, const PeerState& peer) const;

  // ---- election.cc ----
  bool MayCampaign() const;
  bool IsAloneVoter() const;
  bool HearsLeader() const;
  bool IsUpToDate(Position candidate) const;
  bool IsDiskStalled(Ticks patience) const;
  void LoseLeader(FollowerState& follower);
  Ticks RandomElectionTimeout();
  Term NextTerm() const { return hard_state_.term + 1; }
  void CampaignWithin(Ticks ticks);
  void ResetElectionTimer();
  void TickElection();
  void BecomeFollower(Term term, std::optional<NodeId> leader);
  void BecomePreCandidate();
  void BecomeCandidate(bool transfer);
  void RequestVotes(bool pre_vote, bool transfer);
  void AfterVote();
  void CountOwnVote();
  void HandlePreVoteRequest(const Message& message, const VoteRequest& request);
  void HandleVoteRequest(const Message& message, const VoteRequest& request);
  void HandleVoteReply(const Message& message, const VoteReply& reply);
  void HandleTimeoutNow(const Message& message);

  // ---- follow.cc ----
  FollowerState& Follow(const Message& from_leader);
  void HandleAppendRequest(const Message& message, AppendRequest& request);
  void HandleHeartbeat(const Message& message, const Heartbeat& heartbeat);
  void HandleInstallSnapshot(const Message& message, InstallSnapshot& snapshot);
  void AppendFromLeader(std::vector<Entry>& entries);
  void Verified(FollowerState& follower, Index index);
  void LearnCommit(FollowerState& follower, Index leader_commit, Index safe);
  void ReplyToLeader();
  void AfterFollowerPersist();

  // ---- replication.cc ----
  LeaderState* leading() { return std::get_if<LeaderState>(&role_); }
  const LeaderState* leading() const { return std::get_if<LeaderState>(&role_); }
  void BecomeLeader();
  void StepDown();
  void TickLeader(Ticks passed);
  void ForgiveSilence(Ticks passed);
  bool HeardQuorum() const;
  void SendHeartbeats();
  void SendDueHeartbeats();
  bool NeedsHeartbeat(const PeerState& peer) const;
  void OrderAppends(LeaderState& leader);
  void OrderFor(NodeId node, PeerState& peer);
  void SendHeartbeat(NodeId node, PeerState& peer, uint64_t read_id);
  bool OwesCommit(const PeerState& peer) const;
  Index NextAfterReject(Position hint) const;
  Window window() const { return {options_.max_inflight_entries, options_.max_inflight_bytes}; }
  void MaybeCommit();
  void AfterCommit();
  void ConfirmReads();
  PeerState* PeerOf(NodeId node);
  void HandleAppendReply(const Message& message, const AppendReply& reply);
  void HandleHeartbeatReply(const Message& message, const HeartbeatReply& reply);
  Ticks LeaderNextDue(const LeaderState& leader) const;
  bool LeaderHasReady(const LeaderState& leader) const;

  // ---- change.cc ----
  Position AppendMembership(Membership next);
  void SyncPeers();
  void AfterMembershipCommit();
  void MaybeFinishTransfer(NodeId to);
  void ForgetRemovedPeer(NodeId node);
  void LeaveGroup();
  void NameSuccessor();

  // ---- refill.cc ----
  bool IsDamaged() const { return loss_.id != 0; }
  void EndRefill(const FollowerState& follower);
  bool LearnOfLoss(PeerState& peer, const Loss& loss, Index next);
  Position AppendMark();
  uint64_t TellIfWhole(PeerState& peer);
  bool MayHaveForgottenVotes(const PeerState& peer) const;
  Index ReachedByQuorum() const;

  // ---- invariants.cc ----
  /// At the end of every public call; O(peers).
  void CheckInvariants();

  const Options options_;

  Random random_;
  Ticks now_ = 0;
  // R1. term never goes back; within a term a vote, once given, stays.
  // R2. The last entry's term is at most hard_state_.term.
  HardState hard_state_;
  HardState durable_hard_state_;  // what a crash now would leave
  LogPositions log_;
  MembershipHistory memberships_;
  // R3. A candidate voted for itself. A leader's peers are the other members (and some just
  // removed). R4. A follower is never its own leader. A damaged replica is a follower.
  RoleState role_;
  Ticks election_timeout_ = 0;  // drawn anew for every role and attempt
  Ticks election_deadline_ = 0;
  std::optional<NodeId> suspect_;  // was the leader of this term, and reported unreachable
  Loss loss_;                      // of this replica, while it is being refilled
  uint64_t last_read_id_ = 0;

  // R5. next_.entries are consecutive and end at log_.last().
  Ready next_;  // grows until TakeReady
  bool hard_state_dirty_ = false;
  uint64_t last_ready_number_ = 0;
  RoleChange told_role_;
  uint64_t dropped_messages_ = 0;
  Elections elections_;
  Seen seen_;
};

}  // namespace jangada::raft
