// Checkpoints and trims of one replica, and what it does when its store fails it. A checkpoint is
// written before, and with, the trim that it allows; a damaged log is opened again in place and
// refilled by the leader (docs/decisions.md).
#include <spdlog/spdlog.h>

#include <algorithm>

#include "server/partition/replica_impl.h"

namespace jangada::server {

/// Not while the machine is ahead of the log (the checkpoint would name an entry that is not
/// there), nor while the log is being refilled, nor where a checkpoint of the leader has replaced
/// the core's log and is yet to be carried out here.
bool Replica::Impl::CanFold() const {
  return !refilling && folded.machine == folded.applied &&
         raft->TermAt(folded.base.meta.last.index).has_value();
}

bool Replica::Impl::MayCheckpoint() const {
  return phase == Phase::kRunning && !checkpointing && CanFold();
}

void Replica::Impl::TakeCheckpoint(Callback<Status> done) {
  if (checkpointing) {
    if (done) until_checkpoint.push_back(std::move(done));
    return;
  }
  if (!MayCheckpoint()) {
    if (done) done(Error{ErrorCode::kUnavailable, "the replica is being refilled or has stopped"});
    return;
  }
  checkpointing = true;
  if (done) until_checkpoint.push_back(std::move(done));
  // A long log has many rows: they are read only if a record that some of them hold may go.
  const int64_t log_start = machine->log_start_offset();
  if (log_start <= folded.base.next_offset || log_start >= folded.next_offset) {
    return WriteTrimmedCheckpoint({});
  }
  context.store.ReadSparse(
      options.group, context.executor,
      InSession([this](const Result<std::vector<storage::SparseRow>>& rows) {
        if (phase != Phase::kRunning) return;
        if (!rows.ok()) return EndCheckpoint(rows.error());
        if (!CanFold()) {  // a checkpoint was installed meanwhile, or is about to be
          return EndCheckpoint(
              Error{ErrorCode::kUnavailable, "the replica has just begun to be refilled"});
        }
        WriteTrimmedCheckpoint(*rows);
      }));
}

void Replica::Impl::WriteTrimmedCheckpoint(const std::vector<storage::SparseRow>& rows) {
  WriteCheckpoint(ChooseTrim(rows, {.first_index = folded.base.meta.last.index + 1,
                                    .folded = folded.applied,
                                    .log_start_offset = machine->log_start_offset(),
                                    .next_offset = folded.next_offset}));
}

/// REQUIRES: folded.machine == folded.applied.
void Replica::Impl::WriteCheckpoint(const std::optional<TrimPoint>& trim) {
  LogBase base = folded.base;
  if (trim) {
    base.meta = raft->SnapshotAt(trim->first_index - 1);
    base.next_offset = trim->next_offset;
  }
  storage::Checkpoint checkpoint;
  checkpoint.meta = raft->SnapshotAt(folded.applied);
  checkpoint.next_offset = folded.next_offset;
  checkpoint.log_start_offset = machine->log_start_offset();
  checkpoint.state =
      EncodeFoldedState({base, checkpoint.meta.last, folded.next_offset, machine->EncodeState()});
  spdlog::debug("writing a checkpoint group={} index={} trim_below={}", options.group.value(),
                folded.applied, trim ? trim->first_index : 0);
  storage::GroupWrite write;
  write.checkpoint = std::move(checkpoint);
  write.trim_below = trim ? trim->first_index : 0;
  folded.unfolded_bytes = 0;
  writes.Push(std::move(write), InSession([this, base, trimmed = trim.has_value()] {
                OnCheckpointDurable(base, trimmed);
              }));
}

void Replica::Impl::OnCheckpointDurable(const LogBase& base, bool trimmed) {
  if (phase != Phase::kRunning) return;
  ++counters.checkpoints_written;
  // An install that came in between has a later base of its own.
  if (trimmed && base.meta.last.index > folded.base.meta.last.index) {
    folded.base = base;
    Touch();
    raft->OnTrimmed(base.meta, base.meta.last.index + 1);
    ScheduleTurn();
  }
  EndCheckpoint(Status());
}

void Replica::Impl::EndCheckpoint(const Status& status) {
  checkpointing = false;
  for (Callback<Status>& done : std::exchange(until_checkpoint, {})) done(status);
}

// ---- the store failed ----

void Replica::Impl::OnStoreError(const Error& error) {
  if (phase == Phase::kStopped) {
    writes.Reset();  // nobody waits for more
    return;
  }
  if (error.code == ErrorCode::kDataCorrupt) return OnDamaged(error);
  if (error.code == ErrorCode::kDiskFull) return OnNoRoom(error);
  spdlog::error("the store failed group={} reason=\"{}\"", options.group.value(), error.message);
  StopWork();
  observer.OnFatal(options.group, error);
}

/// The store found a damaged entry, cut the log before it and takes no write until the group is
/// loaded again.
void Replica::Impl::OnDamaged(const Error& error) {
  if (phase != Phase::kRunning) return;
  spdlog::error(
      "log is damaged; this replica stops voting and is refilled from its peers group={} "
      "reason=\"{}\"",
      options.group.value(), error.message);
  StartAgain(error);
}

/// Records that this replica had taken, but nobody was told of, are not written. It forgets them,
/// as a crash would have done: terms and votes must not wait behind them until there is room.
void Replica::Impl::OnNoRoom(const Error& error) {
  if (phase != Phase::kRunning) return;
  spdlog::warn("no room for records; this replica starts again without them group={} reason=\"{}\"",
               options.group.value(), error.message);
  StartAgain(error);
}

/// With what the store holds. The machine stays: what it has applied was committed.
void Replica::Impl::StartAgain(const Error& error) {
  const bool led = role.role == raft::Role::kLeader;
  phase = Phase::kReloading;
  session = std::make_shared<bool>(true);
  turn_scheduled = false;
  reading_for_apply = false;
  for (Executor::TimerId* id : {&timer, &trim_timer, &campaign_timer}) {
    context.executor.Cancel(std::exchange(*id, 0));
  }
  role = {.role = raft::Role::kFollower, .term = role.term, .leader = std::nullopt};
  ready_term = 0;
  if (context.pulses != nullptr) context.pulses->NoteChange(options.group);
  writes.Reset();
  log.Reset();
  if (led) machine->OnLeadershipLost();
  observer.OnRoleChange(options.group, role, false);
  reads.FailAll(NotLeader());
  EndCheckpoint(error);
  for (auto& [index, done] : std::exchange(until_synced, {})) done();
  context.store.Reload(options.group, context.executor,
                       InSession([this](Result<storage::GroupState> state) {
                         if (phase == Phase::kReloading) Reopen(std::move(state));
                       }));
}

void Replica::Impl::Reopen(Result<storage::GroupState> state) {
  if (!state.ok() && state.error().code == ErrorCode::kNotFound) {
    state = storage::GroupState{.group = options.group};  // its very first write was refused
  }
  if (!state.ok()) return OnStoreError(Error{ErrorCode::kIoError, state.error().message});
  // Where the log must be replayed from its beginning, the voters that the group began with may be
  // nowhere else than in what this replica still remembers.
  raft::Membership bootstrap;
  const raft::MembershipAt& base = folded.base.meta.membership;
  if (base.index == 0) bootstrap = base.membership;
  DropCore();
  const Status opened = Open(*state, bootstrap, /*keep_machine=*/true);
  if (!opened.ok()) return OnStoreError(Error{ErrorCode::kIoError, opened.error().message});
  if (!state->checkpoint && !bootstrap.IsEmpty()) FoundGroup();
}

}  // namespace jangada::server
