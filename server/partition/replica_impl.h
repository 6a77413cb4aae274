// The inside of Replica, split over replica.cc (life, turns, requests), replica_ready.cc (carrying
// out a Ready), replica_pulses.cc (signs of life in bulk) and replica_checkpoint.cc (checkpoints,
// trims, snapshots, damage). Private to these files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/partition/folded_state.h"
#include "server/partition/lag_watch.h"
#include "server/partition/log_reader.h"
#include "server/partition/pulses.h"
#include "server/partition/read_barriers.h"
#include "server/partition/replica.h"
#include "server/partition/trim.h"
#include "server/partition/write_queue.h"

namespace jangada::server {

struct Replica::Impl final : PulseMember {
  enum class Phase : uint8_t { kNew, kRunning, kReloading, kStopped };

  /// How far the log was folded. While a new follower gets entries that its checkpoint already
  /// folds in, the machine is ahead of the log; else both places are one.
  struct Folded {
    LogBase base;               // before the first entry held
    raft::Index applied = 0;    // told to the core
    int64_t next_offset = 0;    // of the first record after `applied`
    raft::Index machine = 0;    // the machine's; >= applied
    size_t unfolded_bytes = 0;  // applied since the last checkpoint
  };

  Impl(const ReplicaOptions& options, const ReplicaContext& context,
       std::unique_ptr<StateMachine> machine, ReplicaObserver& observer);
  ~Impl() override;

  // ---- life, turns, requests: replica.cc ----
  Status Open(const storage::GroupState& state, const raft::Membership& bootstrap,
              bool keep_machine);
  void FoundGroup();
  void StopWork();
  /// The core as it is goes; what it counted stays.
  void DropCore();
  raft::Ticks NowTicks() const;
  /// Before a call of the core; after it ScheduleTurn.
  void Touch() {
    HearPulses();
    raft->Tick(NowTicks());
  }
  void ScheduleTurn();
  void Turn();
  void ArmTimer();
  void OnTimer();
  void LookAround();
  void AskForReads();
  void CampaignUntilLed(int tries);
  Status CheckRunning() const;
  Status CheckReadyLeader() const;
  bool IsReadyLeader() const;
  Error NotLeader() const;

  // ---- carrying out a Ready: replica_ready.cc ----
  void CarryOut(raft::Ready ready);
  void OnRoleChange(const raft::RoleChange& change);
  void BecomeReady();
  void InstallSnapshot(const raft::Ready::Install& install, storage::GroupWrite* write);
  void AssignOffsets(std::vector<raft::Entry>* entries);
  void EndRefill(storage::GroupWrite* write);
  void Persist(raft::Ready* ready, storage::GroupWrite write);
  void OnPersisted(uint64_t number, std::vector<raft::Message> messages);
  void Send(std::vector<raft::Message> messages);
  void CarryOutReplicate(const raft::Replicate& order);
  void SendEntries(const raft::Replicate& order, std::vector<raft::Entry> entries);
  void CarryOutSnapshot(const raft::SendSnapshot& order);
  void SendCheckpoint(const raft::SendSnapshot& order, const storage::Checkpoint& checkpoint);
  void Apply();
  void ReadForApply();
  void ApplyOne(const raft::Entry& entry);

  // ---- pulses: replica_pulses.cc ----
  void HearPulses() override;
  bool MayRest() const;
  void WatchLag();
  void OnPulseChange() override;
  void NoteStance();
  Stance CurrentStance() const override;

  // ---- checkpoints, trims, damage: replica_checkpoint.cc ----
  bool CanFold() const;
  bool MayCheckpoint() const;
  void TakeCheckpoint(Callback<Status> done);
  void WriteTrimmedCheckpoint(const std::vector<storage::SparseRow>& rows);
  void WriteCheckpoint(const std::optional<TrimPoint>& trim);
  void OnCheckpointDurable(const LogBase& base, bool trimmed);
  void EndCheckpoint(const Status& status);
  void OnStoreError(const Error& error);
  void OnDamaged(const Error& error);
  void OnNoRoom(const Error& error);
  void StartAgain(const Error& error);
  void Reopen(Result<storage::GroupState> state);

  /// A completion that is dropped if the replica was destroyed, or started again in place, since.
  template <class F>
  auto InSession(F function) {
    return [alive = std::weak_ptr<bool>(session),
            function = std::move(function)](auto&&... args) mutable {
      if (!alive.expired()) function(std::forward<decltype(args)>(args)...);
    };
  }

  // Constant after construction.
  const ReplicaOptions options;
  const ReplicaContext context;
  ReplicaObserver& observer;
  const std::unique_ptr<StateMachine> machine;

  // The log and what is known of it.
  // 1. raft exists while the phase is kRunning or kStopped; no call reaches it in kStopped.
  // 2. folded.applied <= apply_to: committed entries up to there may be applied.
  // 3. log_end_offset is the end of the last entry that was handed to the store; next_offset is
  // that of the
  //    next proposal, and true only at the ready leader.
  std::unique_ptr<raft::Raft> raft;
  WriteQueue writes;
  LogReader log;
  Folded folded;
  raft::Index apply_to = 0;
  int64_t log_end_offset = 0;
  int64_t next_offset = 0;
  bool reading_for_apply = false;

  // Requests under way.
  PendingProposals proposals;
  ReadBarriers reads;
  std::vector<std::pair<raft::Index, Callback<>>> until_synced;
  std::vector<Callback<Status>> until_checkpoint;
  bool checkpointing = false;

  // What was counted; elections of a core that was replaced since included.
  ReplicaCounters counters;

  // Role and life.
  Phase phase = Phase::kNew;
  raft::RoleChange role;
  raft::Term ready_term = 0;  // this term's no-op is applied here, and this replica leads it
  bool refilling = false;
  bool joining = false;  // made anew beside a group that lives; `refilling` too until it is whole
  bool must_mark_join = false;  // by its first write

  // Pulses.
  raft::RoleChange told_role;  // what the pulses were told of last,
  raft::Index told_index = 0;  // with the leader's membership or the follower's commit index
  uint64_t heard_pulses = 0;   // Pulses::heard() when the core was last told of them
  bool resting = false;        // no timer for the core: the pulses speak for the group

  // Of its followers, while it is the ready leader.
  LagWatch lag;

  // Turns and timers.
  bool turn_scheduled = false;
  Executor::TimerId timer = 0;
  int64_t timer_at_us = 0;
  Executor::TimerId trim_timer = 0;
  Executor::TimerId campaign_timer = 0;
  std::shared_ptr<bool> session = std::make_shared<bool>(true);
};

}  // namespace jangada::server
