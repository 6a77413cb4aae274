// Replica: drives one raft::Raft on one shard. Calls come down (Propose), messages come in (Step);
// at the end of the shard's turn it takes one Ready and carries it out: persist, send, apply, in
// the order that Ready's groups state. It owns the group's pending proposals and reads, its
// checkpoints and trims.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "base/callback.h"
#include "base/executor.h"
#include "raft/raft.h"
#include "server/partition/partition_stats.h"
#include "server/partition/pending_proposals.h"
#include "server/partition/state_machine.h"
#include "server/transport/transport.h"
#include "storage/log_store.h"

namespace jangada::storage {
class EntryCache;
}

namespace jangada::server {

class Pulses;

struct ReplicaOptions {
  GroupId group;
  raft::Options raft;
  int64_t tick_us = 10'000;
  size_t checkpoint_every_bytes = 64 << 20;
  int64_t proposal_timeout_us = 30'000'000;  // then the fate is unknown: kTimeout
  /// replicas[0] of its partition: campaigns at once when the group is new.
  bool preferred = false;
  /// The log start offset moved: what lies below it is dropped from the disk, but no more often
  /// than this.
  int64_t trim_interval_us = 10'000'000;
};

/// What a replica needs of its surroundings; all outlive it.
struct ReplicaContext {
  Executor& executor;  // its shard
  storage::LogStore& store;
  storage::EntryCache& cache;  // the shard's own
  Transport& transport;
  Pulses* pulses = nullptr;  // the shard's; without them every group sends its own heartbeats
};

/// A copy that was found damaged on its way back (docs/decisions.md, 4).
enum class RefillEvent : uint8_t {
  kBegan,    // it neither votes nor leads, and is refilled from its peers
  kEnded,    // it is whole again
  kDropped,  // the replica was removed before that
};

/// Told of what concerns others than the group itself. On the shard.
class ReplicaObserver {
 public:
  virtual ~ReplicaObserver() = default;
  /// Role, term or known leader changed; or `ready` did.
  virtual void OnRoleChange(GroupId group, const raft::RoleChange& change, bool ready) = 0;
  virtual void OnRefill(GroupId group, RefillEvent event) {}
  /// At the ready leader of `term`: other followers lag than before.
  virtual void OnLagging(GroupId group, raft::Term term, const std::vector<NodeId>& nodes) {}
  /// The store failed in a way after which nothing is known: stop the node.
  virtual void OnFatal(GroupId group, const Error& error) = 0;
};

class Replica {
 public:
  Replica(const ReplicaOptions& options, const ReplicaContext& context,
          std::unique_ptr<StateMachine> machine, ReplicaObserver& observer);
  ~Replica();

  /// Starts from what the store loaded (a fresh GroupState for a new group).
  /// `bootstrap`: the voters that the group began with, if it is being created here, or if `state`
  /// is damaged (its own record of them may be lost; a damaged replica neither votes nor campaigns
  /// until it is refilled, so naming them is safe); else empty.
  Status Start(const storage::GroupState& state, const raft::Membership& bootstrap);
  /// Ends every pending call with kShuttingDown and writes a last checkpoint; `done` after that.
  /// Then it may be destroyed. REQUIRES: started.
  void Stop(Callback<> done);
  /// Stops without a checkpoint and erases everything that the group has in the store.
  void Remove(Callback<Status> done);

  void Step(raft::Message message);
  void OnPeerUnreachable(NodeId peer);

  /// kRecords: base offset assigned here, in order. `done` runs once: the position after commit
  /// *and* apply; kNotLeader only if it is certainly not in the log; kTimeout or kShuttingDown if
  /// its fate is unknown.
  void Propose(raft::EntryType type, Bytes payload, int32_t record_count,
               Callback<Result<Proposed>> done);
  /// The offset after the last record of this log, committed or not.
  int64_t log_end_offset() const;

  void ProposeMembership(const raft::MembershipTarget& target, Callback<Result<Proposed>> done);
  Status TransferLeadership(NodeId to);
  void Campaign();
  /// `done` once everything that was acknowledged before this call is applied here (ReadIndex).
  void ReadBarrier(Callback<Status> done);

  /// Entries that hold `offset` and follow, kRecords only, committed only: from the cache at once
  /// where it can, else through the store. Never blocks.
  void ReadOffset(int64_t offset, size_t max_bytes,
                  Callback<Result<std::vector<raft::Entry>>> done);

  /// Runs `done` once every entry up to `index` is synced here.
  void WhenSynced(raft::Index index, Callback<> done);

  /// Writes a checkpoint now, and drops from the disk what lies below the log start offset. For the
  /// shard, which bounds what all its groups would replay. `done` (optional) once it is durable.
  void TakeCheckpoint(Callback<Status> done);
  /// Bytes of log applied since the last checkpoint: what a restart would replay.
  size_t unfolded_bytes() const;
  /// The machine's log start offset moved.
  void OnLogStartMoved();

  bool IsReadyLeader() const;
  /// kNotLeader or kUnavailable with a sentence, or OK for the ready leader.
  Status CheckReadyLeader() const;
  raft::RaftStatus status() const;
  /// Since this replica was made.
  ReplicaCounters counters() const;
  /// Cheap: no list of anything. `waiting_fetches` is the partition's to fill in.
  ReplicaVitals vitals() const;
  /// Adds what this replica, if it is the ready leader, knows of its followers.
  void AddLagOfPeers(std::map<NodeId, PeerLag>& peers) const;
  /// The last configuration known to be committed: who votes, and who may be deleted.
  raft::MembershipAt committed_membership() const;
  raft::Index applied() const;
  /// How far the state machine's state reaches: beyond applied() while a checkpoint that folds in
  /// more than the log holds yet is being caught up with.
  raft::Index machine_applied() const;
  StateMachine& machine();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangada::server
