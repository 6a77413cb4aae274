// Carrying out a Ready: its groups state the only ordering rule there is (raft/ready.h). Messages
// and orders to send leave at once, in parallel with the write; what promises durability waits for
// it; committed entries are applied in bounded slices.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "server/partition/message_check.h"
#include "server/partition/replica_impl.h"

namespace jangada::server {
namespace {

// Of one turn; the rest waits for the next, so that a long log holds up no other group.
constexpr size_t kApplyEntries = 512;
constexpr size_t kApplyBytes = 4 << 20;

}  // namespace

void Replica::Impl::CarryOut(raft::Ready ready) {
  if (ready.role_change) OnRoleChange(*ready.role_change);
  if (phase != Phase::kRunning) return;
  storage::GroupWrite write;
  if (ready.install) InstallSnapshot(*ready.install, &write);
  if (phase != Phase::kRunning) return;
  if (ready.whole) EndRefill(&write);
  AssignOffsets(&ready.entries);
  log.OnWriting(ready.entries, ready.number);
  Send(std::move(ready.messages));
  for (const raft::Replicate& order : ready.replicate) CarryOutReplicate(order);
  for (const raft::SendSnapshot& order : ready.snapshots) CarryOutSnapshot(order);
  Persist(&ready, std::move(write));
  if (!ready.committed.empty()) apply_to = ready.committed.last;
  for (const raft::ReadGrant& grant : ready.reads) reads.OnGrant(grant, folded.applied);
}

// ---- role ----

void Replica::Impl::OnRoleChange(const raft::RoleChange& change) {
  const bool led = role.role == raft::Role::kLeader;
  const bool leads_on = led && change.role == raft::Role::kLeader && change.term == role.term;
  if (change.role == raft::Role::kLeader || led) {
    spdlog::info("role changed group={} role={} term={} leader={}", options.group.value(),
                 raft::RoleName(change.role), change.term,
                 change.leader ? change.leader->value() : 0);
  } else {
    spdlog::debug("role changed group={} role={} term={} leader={}", options.group.value(),
                  raft::RoleName(change.role), change.term,
                  change.leader ? change.leader->value() : 0);
  }
  role = change;
  if (!leads_on) ready_term = 0;
  if (led && !leads_on) machine->OnLeadershipLost();
  observer.OnRoleChange(options.group, change, ready_term != 0);
}

/// ARCHITECTURE.md, durability rule 3: an entry of this term is applied here, so everything that
/// earlier leaders acknowledged is too.
void Replica::Impl::BecomeReady() {
  ready_term = role.term;
  next_offset = log_end_offset;
  spdlog::info("leader is ready group={} term={} next_offset={}", options.group.value(), ready_term,
               next_offset);
  machine->OnLeaderReady(ready_term);
  observer.OnRoleChange(options.group, role, true);
}

// ---- 1. what must be written ----

void Replica::Impl::InstallSnapshot(const raft::Ready::Install& install,
                                    storage::GroupWrite* write) {
  Result<OpenedCheckpoint> opened = OpenSnapshot(install.data);
  CHECK(opened.ok());  // Step let nothing else through
  FoldedState& state = opened->folded;
  state.base.meta.membership = install.meta.membership;
  ++counters.checkpoints_installed;
  spdlog::info("installing a checkpoint group={} log_begins_after={} folded_up_to={}",
               options.group.value(), install.meta.last.index, state.applied.index);
  // The checkpoint of another leader may fold in less than this machine has: the state at hand is
  // then the newer of two states of the same log.
  if (state.applied.index > folded.machine) {
    const Status restored = machine->RestoreState(state.machine.view(), state.next_offset,
                                                  opened->checkpoint.log_start_offset);
    if (!restored.ok()) return OnStoreError(Error{ErrorCode::kIoError, restored.error().message});
    folded.machine = state.applied.index;
  }
  folded.base = state.base;
  folded.applied = install.meta.last.index;
  folded.next_offset = state.base.next_offset;
  folded.unfolded_bytes = 0;
  apply_to = std::max(apply_to, folded.applied);
  if (!install.keep_suffix) {
    log.Reset();
    log_end_offset = state.base.next_offset;
  }
  proposals.OnInstalled(folded.applied);
  // The members are the core's: it knows those that the group began with, whom the sender may
  // never have met.
  opened->checkpoint.meta = install.meta;
  opened->checkpoint.state = EncodeFoldedState(state);
  write->install = storage::GroupWrite::Install{std::move(opened->checkpoint), install.keep_suffix};
}

/// The core makes entries without records (no-op, membership) and knows no offsets; those that came
/// from a leader, or from Propose, have theirs.
void Replica::Impl::AssignOffsets(std::vector<raft::Entry>* entries) {
  for (raft::Entry& entry : *entries) {
    if (entry.base_offset == raft::kUnassignedOffset) entry.base_offset = log_end_offset;
    log_end_offset = entry.base_offset + entry.record_count;
  }
}

/// The damage mark goes in the one write that keeps the vote of this term from being given again.
void Replica::Impl::EndRefill(storage::GroupWrite* write) {
  refilling = false;
  write->clear_damaged = true;
  if (context.pulses != nullptr) context.pulses->NoteChange(options.group);
  spdlog::info("log is whole; this replica votes group={}", options.group.value());
  if (!std::exchange(joining, false)) observer.OnRefill(options.group, RefillEvent::kEnded);
}

void Replica::Impl::Persist(raft::Ready* ready, storage::GroupWrite write) {
  if (!ready->NeedsPersist()) return Send(std::move(ready->messages_after_persist));
  write.joins = std::exchange(must_mark_join, false);
  write.hard_state = ready->hard_state;
  write.entries = std::move(ready->entries);
  writes.Push(std::move(write),
              InSession([this, number = ready->number,
                         messages = std::move(ready->messages_after_persist)]() mutable {
                OnPersisted(number, std::move(messages));
              }));
}

void Replica::Impl::OnPersisted(uint64_t number, std::vector<raft::Message> messages) {
  log.OnSynced(number);
  if (phase != Phase::kRunning) return;
  Touch();
  raft->OnPersisted(number);
  Send(std::move(messages));
  ScheduleTurn();
  if (until_synced.empty()) return;
  const raft::Index durable = raft->status().durable;
  auto waiting = std::exchange(until_synced, {});
  for (auto& [index, done] : waiting) {
    if (index <= durable) {
      done();
    } else {
      until_synced.emplace_back(index, std::move(done));
    }
  }
}

// ---- 2. what may leave now ----

void Replica::Impl::Send(std::vector<raft::Message> messages) {
  for (raft::Message& message : messages) {
    context.transport.Send(options.group, std::move(message));
  }
}

void Replica::Impl::CarryOutReplicate(const raft::Replicate& order) {
  const raft::IndexRange range{order.first, order.last};
  if (range.empty()) return SendEntries(order, {});
  std::vector<raft::Entry> entries = log.InMemory(range, order.max_bytes);
  if (!entries.empty()) return SendEntries(order, std::move(entries));
  log.FromStore(range, order.max_bytes,
                InSession([this, order](Result<std::vector<raft::Entry>> read) {
                  if (phase != Phase::kRunning) return;
                  if (!read.ok() && read.error().code != ErrorCode::kNotFound) {
                    return OnStoreError(read.error());
                  }
                  Touch();
                  // In its own term a leader's log only grows, so what was read is what was
                  // ordered.
                  if (!raft->IsLeader() || raft->term() != order.term) return;
                  if (read.ok() && !read->empty()) {
                    SendEntries(order, std::move(*read));
                  } else {
                    raft->OnSent(order.to, order.first - 1, 0);
                  }
                  ScheduleTurn();
                }));
}

void Replica::Impl::SendEntries(const raft::Replicate& order, std::vector<raft::Entry> entries) {
  size_t bytes = 0;
  for (const raft::Entry& entry : entries) bytes += entry.size();
  const raft::Index last = entries.empty() ? order.first - 1 : entries.back().index;
  context.transport.Send(
      options.group, {.from = options.raft.self,
                      .to = order.to,
                      .term = order.term,
                      .body = raft::AppendRequest{order.prev, std::move(entries), order.commit}});
  raft->OnSent(order.to, last, bytes);
}

void Replica::Impl::CarryOutSnapshot(const raft::SendSnapshot& order) {
  context.store.ReadCheckpoint(
      options.group, context.executor,
      InSession([this, order](const Result<storage::Checkpoint>& checkpoint) {
        if (phase != Phase::kRunning) return;
        Touch();
        if (!raft->IsLeader() || raft->term() != order.term) return;
        if (checkpoint.ok()) {
          SendCheckpoint(order, *checkpoint);
        } else {
          spdlog::warn(
              "cannot read the checkpoint that a follower needs group={} to={} reason=\"{}\"",
              options.group.value(), order.to.value(), checkpoint.error().message);
          raft->OnUnreachable(order.to);
        }
        ScheduleTurn();
      }));
}

void Replica::Impl::SendCheckpoint(const raft::SendSnapshot& order,
                                   const storage::Checkpoint& checkpoint) {
  const Result<FoldedState> state = DecodeFoldedState(checkpoint.state);
  if (!state.ok()) return OnStoreError(state.error());
  const storage::Checkpoint at_base = AtBase(checkpoint, *state);
  spdlog::info("sending a checkpoint group={} to={} log_begins_after={} folded_up_to={}",
               options.group.value(), order.to.value(), at_base.meta.last.index,
               state->applied.index);
  context.transport.Send(options.group, {.from = options.raft.self,
                                         .to = order.to,
                                         .term = order.term,
                                         .body = raft::InstallSnapshot{
                                             at_base.meta, storage::EncodeCheckpoint(at_base)}});
  raft->OnSnapshotSent(order.to, at_base.meta.last.index);
  ++counters.checkpoints_sent;
}

// ---- 4. what is committed ----

void Replica::Impl::Apply() {
  const raft::Index before = folded.applied;
  size_t left = kApplyEntries;
  while (folded.applied < apply_to && left > 0 && !reading_for_apply) {
    const raft::Index last = std::min(apply_to, folded.applied + left);
    const std::vector<raft::Entry> entries = log.InMemory({folded.applied + 1, last}, kApplyBytes);
    if (entries.empty()) {
      ReadForApply();
      break;
    }
    for (const raft::Entry& entry : entries) {
      ApplyOne(entry);
      if (phase != Phase::kRunning) return;
    }
    left -= entries.size();
  }
  if (folded.applied == before) return;
  raft->OnApplied(folded.applied);
  reads.OnApplied(folded.applied);
}

void Replica::Impl::ReadForApply() {
  reading_for_apply = true;
  log.FromStore({folded.applied + 1, apply_to}, kApplyBytes,
                InSession([this](const Result<std::vector<raft::Entry>>& read) {
                  reading_for_apply = false;
                  if (phase != Phase::kRunning) return;
                  if (!read.ok()) {
                    if (read.error().code == ErrorCode::kNotFound) return ScheduleTurn();
                    return OnStoreError(read.error());
                  }
                  const raft::Index before = folded.applied;
                  for (const raft::Entry& entry : *read) {
                    if (entry.index != folded.applied + 1) break;  // a checkpoint came in between
                    ApplyOne(entry);
                    if (phase != Phase::kRunning) return;
                  }
                  if (folded.applied > before) {
                    Touch();
                    raft->OnApplied(folded.applied);
                    reads.OnApplied(folded.applied);
                  }
                  ScheduleTurn();
                }));
}

void Replica::Impl::ApplyOne(const raft::Entry& entry) {
  CHECK_EQ(entry.index, folded.applied + 1);
  if (entry.index > folded.machine) {
    machine->Apply(entry);
    folded.machine = entry.index;
  }
  folded.applied = entry.index;
  folded.next_offset = entry.base_offset + entry.record_count;
  folded.unfolded_bytes += entry.size();
  ++counters.applied_entries;
  counters.applied_bytes += entry.size();
  const bool of_my_term = role.role == raft::Role::kLeader && entry.term == role.term;
  if (of_my_term && ready_term == 0 && raft->IsLeader() && raft->term() == role.term) {
    BecomeReady();
  }
  if (of_my_term && entry.type == raft::EntryType::kRecords) ++counters.committed_batches;
  proposals.OnApplied(entry.position());
}

}  // namespace jangada::server
