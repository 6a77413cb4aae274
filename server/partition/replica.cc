#include "server/partition/replica.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "server/partition/message_check.h"
#include "server/partition/replica_impl.h"

namespace jangada::server {
namespace {

constexpr raft::Ticks kCoarseTicks = 10;      // the grid of far deadlines
constexpr int kReadiesPerTurn = 8;            // then other replicas of the shard have their turn
constexpr int kCampaignTries = 20;            // of the preferred leader of a new group, whose other
constexpr int64_t kCampaignEveryUs = 50'000;  // replicas may be made a little later than itself

Error ShuttingDown() {
  return {ErrorCode::kShuttingDown, "this node is shutting down; try another one"};
}

}  // namespace

// ---- life ----

Replica::Impl::Impl(const ReplicaOptions& options_in, const ReplicaContext& context_in,
                    std::unique_ptr<StateMachine> machine_in, ReplicaObserver& observer_in)
    : options(options_in),
      context(context_in),
      observer(observer_in),
      machine(std::move(machine_in)),
      writes(options.group, context.executor, context.store,
             [this](const Error& error) { OnStoreError(error); }),
      log(options.group, context.executor, context.store, context.cache) {}

Replica::Impl::~Impl() {
  for (const Executor::TimerId id : {timer, trim_timer, campaign_timer}) {
    context.executor.Cancel(id);
  }
  if (context.pulses != nullptr) context.pulses->Leave(options.group);
}

Status Replica::Impl::Open(const storage::GroupState& state, const raft::Membership& bootstrap,
                           bool keep_machine) {
  // It may have been here before, have voted and acknowledged, and been erased when it was moved
  // away: with its vote a candidate that knows of none of that could win (docs/decisions.md 37).
  joining = must_mark_join = state.IsEmpty() && bootstrap.IsEmpty();
  Folded next;
  raft::Position folds_in;  // of the checkpoint
  if (state.checkpoint) {
    TRY_ASSIGN(const FoldedState stored, DecodeFoldedState(state.checkpoint->state));
    next.base = stored.base;
    folds_in = stored.applied;
    next.machine = folds_in.index;
    next.next_offset = stored.next_offset;
    if (!keep_machine) {
      TRY(machine->RestoreState(stored.machine.view(), stored.next_offset,
                                state.checkpoint->log_start_offset));
    }
  } else {
    next.base.meta.membership.membership = bootstrap;
    if (!keep_machine) TRY(machine->RestoreState({}, 0, 0));
  }
  if (keep_machine) next.machine = std::max(next.machine, folded.machine);

  const raft::Position base = next.base.meta.last;
  const bool holds_entries = state.last.index > base.index;
  if (holds_entries && state.first_index != base.index + 1) {
    return Error{ErrorCode::kDataCorrupt,
                 "the log of group " + std::to_string(options.group.value()) + " begins at " +
                     std::to_string(state.first_index) + " but its checkpoint says " +
                     std::to_string(base.index + 1) +
                     "; remove the replica so that it is refilled"};
  }
  raft::Restored restored{.hard_state = state.hard_state,
                          .snapshot = next.base.meta,
                          .first_index = base.index + 1,
                          .last = holds_entries ? state.last : base,
                          .terms = {},
                          .memberships = {},
                          .applied = 0,
                          .refill = state.damaged || joining,
                          .forgot_votes = state.forgot_votes || joining};
  if (base.index > 0) restored.terms.push_back({base.index, base.term});
  if (holds_entries) {
    for (const raft::TermRun& run : state.terms) {
      if (restored.terms.empty() || restored.terms.back().term != run.term) {
        restored.terms.push_back(run);
      }
    }
    restored.memberships = state.memberships;
  }
  // From the checkpoint on, even where the machine has come further: what it has had already passes
  // it by. Is the entry to which the checkpoint folds not in the log, then nobody knows how much of
  // the log is committed: behind a checkpoint of the leader's a suffix may have stayed that goes
  // another way.
  const bool holds_folded = raft::RestoreTerms(restored).Contains(folds_in);
  next.applied = holds_folded ? folds_in.index : base.index;
  if (!holds_folded) next.next_offset = next.base.next_offset;
  restored.applied = next.applied;
  ++counters.starts;
  refilling = restored.refill;
  if (state.damaged) ++counters.damage_found;
  if (state.damaged) observer.OnRefill(options.group, RefillEvent::kBegan);
  folded = next;
  apply_to = next.applied;
  log_end_offset = holds_entries ? state.end_offset : next.base.next_offset;
  raft = std::make_unique<raft::Raft>(options.raft, std::move(restored), NowTicks());
  phase = Phase::kRunning;
  if (context.pulses != nullptr) context.pulses->Join(options.group, *this);
  ScheduleTurn();
  return Status();
}

/// The voters that a group begins with are part of no entry, so they are written down first of all:
/// a checkpoint that folds in nothing.
void Replica::Impl::FoundGroup() {
  storage::Checkpoint checkpoint;
  checkpoint.meta = folded.base.meta;
  checkpoint.state = EncodeFoldedState({folded.base, {}, 0, {}});
  storage::GroupWrite write;
  write.checkpoint = std::move(checkpoint);
  writes.Push(std::move(write), {});
}

void Replica::Impl::DropCore() {
  counters.elections_started += raft->elections().started;
  counters.elections_won += raft->elections().won;
  raft.reset();
}

void Replica::Impl::StopWork() {
  const bool led = role.role == raft::Role::kLeader;
  phase = Phase::kStopped;
  role.role = raft::Role::kFollower;
  ready_term = 0;
  for (Executor::TimerId* id : {&timer, &trim_timer, &campaign_timer}) {
    context.executor.Cancel(std::exchange(*id, 0));
  }
  if (context.pulses != nullptr) context.pulses->Leave(options.group);
  if (led) machine->OnLeadershipLost();
  proposals.FailAll(ShuttingDown());
  reads.FailAll(ShuttingDown());
  for (auto& [index, done] : std::exchange(until_synced, {})) done();
  for (Callback<Status>& done : std::exchange(until_checkpoint, {})) done(ShuttingDown());
}

// ---- turns ----

raft::Ticks Replica::Impl::NowTicks() const {
  return static_cast<raft::Ticks>(context.executor.NowUs() / options.tick_us);
}

void Replica::Impl::ScheduleTurn() {
  if (turn_scheduled) return;
  turn_scheduled = true;
  context.executor.Defer(InSession([this] {
    turn_scheduled = false;
    Turn();
  }));
}

void Replica::Impl::Turn() {
  if (phase != Phase::kRunning) return;
  Touch();
  AskForReads();
  for (int i = 0; i < kReadiesPerTurn && raft->HasReady(); ++i) {
    CarryOut(raft->TakeReady());
    if (phase != Phase::kRunning) return;
  }
  Apply();
  if (phase != Phase::kRunning) return;
  if (folded.unfolded_bytes >= options.checkpoint_every_bytes && MayCheckpoint()) {
    TakeCheckpoint({});
  }
  const bool more_to_apply = folded.applied < apply_to && !reading_for_apply;
  if (raft->HasReady() || more_to_apply || reads.HasUnasked()) {
    context.executor.Post(InSession([this] { ScheduleTurn(); }));
  }
  NoteStance();
  ArmTimer();
}

/// One timer, lazily armed: when something becomes due later than it was, the timer fires for
/// nothing. None where the pulses will say when there is something to do.
void Replica::Impl::ArmTimer() {
  std::optional<int64_t> due_us = proposals.next_deadline_us();
  resting = MayRest();
  WatchLag();
  if (raft::Ticks due = raft->NextDue(); due != raft::kNever && !resting) {
    // Thousands of followers wait for leaders that live: far deadlines fire early, on a grid that
    // they share, and by then have mostly moved. A real one is then waited for to the tick.
    if (due > NowTicks() + kCoarseTicks) due -= due % kCoarseTicks;
    const int64_t tick_us = static_cast<int64_t>(due) * options.tick_us;
    due_us = due_us ? std::min(*due_us, tick_us) : tick_us;
  }
  if (!due_us || (timer != 0 && timer_at_us <= *due_us)) return;
  context.executor.Cancel(timer);
  timer_at_us = *due_us;
  const int64_t delay_us = std::max<int64_t>(0, *due_us - context.executor.NowUs());
  timer = context.executor.After(delay_us, InSession([this] { OnTimer(); }));
}

void Replica::Impl::OnTimer() {
  timer = 0;
  proposals.OnTime(context.executor.NowUs());
  if (phase != Phase::kRunning) return;
  LookAround();
}

/// Mostly the leader was heard, or every follower: no turn for the thousands of them.
void Replica::Impl::LookAround() {
  Touch();
  if (raft->HasReady()) return ScheduleTurn();
  ArmTimer();
}

void Replica::Impl::AskForReads() {
  if (!reads.HasUnasked()) return;
  const Result<uint64_t> id = raft->ReadIndex();
  if (id.ok()) {
    reads.Asked(*id);
  } else {
    reads.Refused(id.error());
  }
}

void Replica::Impl::CampaignUntilLed(int tries) {
  if (phase != Phase::kRunning || raft->leader().has_value() || tries == 0) return;
  Touch();
  raft->Campaign();
  ScheduleTurn();
  campaign_timer = context.executor.After(kCampaignEveryUs, InSession([this, tries] {
                                            campaign_timer = 0;
                                            CampaignUntilLed(tries - 1);
                                          }));
}

// ---- who may serve ----

Error Replica::Impl::NotLeader() const {
  std::string message = "this node does not lead group " + std::to_string(options.group.value());
  message += role.leader ? "; node " + std::to_string(role.leader->value()) + " does"
                         : " and does not know who does; try again shortly";
  return {ErrorCode::kNotLeader, std::move(message)};
}

Status Replica::Impl::CheckRunning() const {
  if (phase == Phase::kStopped || phase == Phase::kNew) return ShuttingDown();
  if (phase == Phase::kReloading) return NotLeader();
  return Status();
}

bool Replica::Impl::IsReadyLeader() const {
  return phase == Phase::kRunning && raft->IsLeader() && ready_term != 0 &&
         ready_term == raft->term();
}

Status Replica::Impl::CheckReadyLeader() const {
  TRY(CheckRunning());
  if (!raft->IsLeader()) return NotLeader();
  if (!IsReadyLeader()) {
    return Error{ErrorCode::kUnavailable, "this node was just elected leader of group " +
                                              std::to_string(options.group.value()) +
                                              " and is about to serve; try again shortly"};
  }
  return Status();
}

// ---- the public face ----

Replica::Replica(const ReplicaOptions& options, const ReplicaContext& context,
                 std::unique_ptr<StateMachine> machine, ReplicaObserver& observer)
    : impl_(std::make_unique<Impl>(options, context, std::move(machine), observer)) {}

Replica::~Replica() = default;

Status Replica::Start(const storage::GroupState& state, const raft::Membership& bootstrap) {
  CHECK(impl_->phase == Impl::Phase::kNew);
  TRY(impl_->Open(state, bootstrap, /*keep_machine=*/false));
  const bool is_new = !state.checkpoint && !bootstrap.IsEmpty();
  if (is_new) impl_->FoundGroup();
  const raft::Membership& membership = impl_->raft->status().membership.membership;
  const bool alone =
      membership.voters == std::vector{impl_->options.raft.self} && !membership.IsJoint();
  if (alone || (is_new && impl_->options.preferred)) impl_->CampaignUntilLed(kCampaignTries);
  return Status();
}

void Replica::Stop(Callback<> done) {
  CHECK(impl_->phase != Impl::Phase::kNew);
  const bool may_checkpoint = impl_->MayCheckpoint() && impl_->folded.unfolded_bytes > 0;
  impl_->StopWork();
  if (may_checkpoint) impl_->WriteCheckpoint(std::nullopt);
  if (impl_->writes.failed()) impl_->writes.Reset();
  impl_->writes.WhenIdle(impl_->InSession(std::move(done)));
}

void Replica::Remove(Callback<Status> done) {
  CHECK(impl_->phase != Impl::Phase::kNew);
  impl_->StopWork();
  if (impl_->writes.failed()) impl_->writes.Reset();
  storage::GroupWrite write;
  write.erase = true;
  impl_->writes.Push(std::move(write),
                     impl_->InSession([impl = impl_.get(), done = std::move(done)]() mutable {
                       impl->log.Reset();
                       done(Status());
                     }));
}

void Replica::Step(raft::Message message) {
  if (impl_->phase != Impl::Phase::kRunning) return;
  if (const Status sane = CheckMessage(message); !sane.ok()) {
    spdlog::warn("dropped a broken message group={} from={} reason=\"{}\"",
                 impl_->options.group.value(), message.from.value(), sane.error().message);
    return;
  }
  // As if the network had lost it: its sender tries again, and no vote has to wait behind records
  // that the store refuses.
  if (BringsRecords(message) && !impl_->context.store.usage().accepts_records) return;
  impl_->Touch();
  impl_->raft->Step(std::move(message));
  // Answers to an idle leader's heartbeats change nothing: no turn for the thousands of them.
  if (impl_->raft->IsLeader() && !impl_->raft->HasReady() && !impl_->resting) return;
  impl_->ScheduleTurn();
}

void Replica::OnPeerUnreachable(NodeId peer) {
  if (impl_->phase != Impl::Phase::kRunning) return;
  impl_->Touch();
  impl_->raft->OnUnreachable(peer);
  impl_->ScheduleTurn();
}

void Replica::Propose(raft::EntryType type, Bytes payload, int32_t record_count,
                      Callback<Result<Proposed>> done) {
  CHECK_EQ(record_count > 0, type == raft::EntryType::kRecords);
  if (const Status ready = CheckReadyLeader(); !ready.ok()) return done(ready.error());
  impl_->Touch();
  const int64_t base_offset = impl_->next_offset;
  const size_t bytes = payload.size();
  const Result<raft::Position> position = impl_->raft->Propose({.type = type,
                                                                .base_offset = base_offset,
                                                                .record_count = record_count,
                                                                .payload = std::move(payload)});
  impl_->ScheduleTurn();
  if (!position.ok()) return done(position.error());
  impl_->next_offset += record_count;
  if (type == raft::EntryType::kRecords) {
    ++impl_->counters.appended_batches;
    impl_->counters.appended_records += static_cast<uint64_t>(record_count);
    impl_->counters.appended_bytes += bytes;
  }
  impl_->proposals.Add({*position, base_offset},
                       impl_->context.executor.NowUs() + impl_->options.proposal_timeout_us,
                       std::move(done));
}

int64_t Replica::log_end_offset() const { return impl_->log_end_offset; }

void Replica::ProposeMembership(const raft::MembershipTarget& target,
                                Callback<Result<Proposed>> done) {
  if (const Status ready = CheckReadyLeader(); !ready.ok()) return done(ready.error());
  impl_->Touch();
  const Result<raft::Position> position = impl_->raft->ProposeMembership(target);
  impl_->ScheduleTurn();
  if (!position.ok()) return done(position.error());
  impl_->proposals.Add({*position, impl_->next_offset},
                       impl_->context.executor.NowUs() + impl_->options.proposal_timeout_us,
                       std::move(done));
}

Status Replica::TransferLeadership(NodeId to) {
  TRY(impl_->CheckRunning());
  impl_->Touch();
  const Status status = impl_->raft->TransferLeadership(to);
  impl_->ScheduleTurn();
  return status;
}

void Replica::Campaign() {
  if (impl_->phase != Impl::Phase::kRunning) return;
  impl_->Touch();
  impl_->raft->Campaign();
  impl_->ScheduleTurn();
}

void Replica::ReadBarrier(Callback<Status> done) {
  if (const Status ready = CheckReadyLeader(); !ready.ok()) return done(ready);
  impl_->reads.Add(std::move(done));
  impl_->ScheduleTurn();
}

void Replica::ReadOffset(int64_t offset, size_t max_bytes,
                         Callback<Result<std::vector<raft::Entry>>> done) {
  if (const Status running = impl_->CheckRunning(); !running.ok()) return done(running.error());
  const raft::Index last = impl_->folded.applied;
  std::vector<raft::Entry> entries = impl_->log.OffsetInMemory(offset, last, max_bytes);
  if (!entries.empty()) return done(std::move(entries));
  impl_->log.OffsetFromStore(
      offset, last, max_bytes,
      // Not InSession: the reader is answered even if the replica has stopped or started again
      // since.
      [impl = impl_.get(), alive = std::weak_ptr<bool>(impl_->session),
       done = std::move(done)](Result<std::vector<raft::Entry>> found) mutable {
        if (found.ok() || found.error().code != ErrorCode::kDataCorrupt) {
          return done(std::move(found));
        }
        if (!alive.expired()) impl->OnDamaged(found.error());
        done(Error{ErrorCode::kNotLeader,
                   "this replica's copy is damaged and is being refilled; try again shortly"});
      });
}

void Replica::WhenSynced(raft::Index index, Callback<> done) {
  if (impl_->phase != Impl::Phase::kRunning || impl_->raft->status().durable >= index) {
    return done();
  }
  impl_->until_synced.emplace_back(index, std::move(done));
}

void Replica::TakeCheckpoint(Callback<Status> done) { impl_->TakeCheckpoint(std::move(done)); }

size_t Replica::unfolded_bytes() const { return impl_->folded.unfolded_bytes; }

void Replica::OnLogStartMoved() {
  if (impl_->phase != Impl::Phase::kRunning || impl_->trim_timer != 0) return;
  impl_->trim_timer = impl_->context.executor.After(impl_->options.trim_interval_us,
                                                    impl_->InSession([impl = impl_.get()] {
                                                      impl->trim_timer = 0;
                                                      if (impl->MayCheckpoint())
                                                        impl->TakeCheckpoint({});
                                                    }));
}

bool Replica::IsReadyLeader() const { return impl_->IsReadyLeader(); }

Status Replica::CheckReadyLeader() const { return impl_->CheckReadyLeader(); }

raft::RaftStatus Replica::status() const {
  if (!impl_->raft) return {};
  impl_->HearPulses();
  return impl_->raft->status();
}

ReplicaCounters Replica::counters() const {
  ReplicaCounters counters = impl_->counters;
  if (impl_->raft) {
    counters.elections_started += impl_->raft->elections().started;
    counters.elections_won += impl_->raft->elections().won;
  }
  return counters;
}

ReplicaVitals Replica::vitals() const {
  ReplicaVitals vitals{.leads = impl_->IsReadyLeader(),
                       .refilling = impl_->refilling,
                       .unfolded_bytes = impl_->folded.unfolded_bytes};
  if (impl_->phase != Impl::Phase::kRunning) return vitals;
  vitals.has_leader = impl_->raft->leader().has_value();
  vitals.lag_entries = impl_->raft->known_commit() - impl_->folded.applied;
  return vitals;
}

void Replica::AddLagOfPeers(std::map<NodeId, PeerLag>& peers) const {
  if (!impl_->IsReadyLeader()) return;
  impl_->HearPulses();  // of an idle group nothing else says who lives
  impl_->raft->VisitPeers([&peers, commit = impl_->raft->commit()](const raft::PeerStatus& peer) {
    const uint64_t lag = commit - std::min(peer.match, commit);
    const bool behind = peer.recently_active && lag > kCaughtUpEntries;
    peers[peer.node].Add({.replicas = 1,
                          .behind = behind ? 1U : 0U,
                          .unheard = peer.recently_active ? 0U : 1U,
                          .lag_entries = lag,
                          .max_lag_entries = lag});
  });
}

raft::MembershipAt Replica::committed_membership() const {
  if (!impl_->raft) return {};
  return impl_->raft->SnapshotAt(impl_->raft->commit()).membership;
}

raft::Index Replica::applied() const { return impl_->folded.applied; }

raft::Index Replica::machine_applied() const { return impl_->folded.machine; }

StateMachine& Replica::machine() { return *impl_->machine; }

}  // namespace jangada::server
