#include "server/partition/partition.h"

#include <utility>

#include "server/partition/partition_impl.h"

namespace jangada::server {

// ---- the state machine ----

class Partition::Impl::Machine final : public StateMachine {
 public:
  explicit Machine(Impl& partition) : partition_(partition) {}

  void Apply(const raft::Entry& entry) override {
    const int64_t old_log_start = partition_.state.log_start_offset();
    partition_.state.Apply(entry);
    partition_.OnApplied(entry, old_log_start);
  }
  Bytes EncodeState() const override { return partition_.state.Encode(); }
  int64_t log_start_offset() const override { return partition_.state.log_start_offset(); }
  Status RestoreState(std::string_view state, int64_t next_offset,
                      int64_t log_start_offset) override {
    return partition_.state.Restore(state, next_offset, log_start_offset);
  }
  void OnLeaderReady(raft::Term) override { partition_.OnLeaderReady(); }
  void OnLeadershipLost() override { partition_.OnLeadershipLost(); }

 private:
  Impl& partition_;
};

Partition::Impl::Impl(const PartitionOptions& options_in, const ReplicaContext& context_in,
                      ReplicaObserver& observer)
    : options(options_in),
      context(context_in),
      config(options_in.config),
      state(options_in.max_producers),
      waiters(context_in.executor, options_in.max_fetch_waiters),
      replica(options_in.replica, context_in, std::make_unique<Machine>(*this), observer) {}

Partition::Impl::~Impl() {
  context.executor.Cancel(retention_timer);
  context.executor.Cancel(expiry_timer);
}

void Partition::Impl::OnApplied(const raft::Entry& entry, int64_t old_log_start) {
  if (state.log_start_offset() != old_log_start) replica.OnLogStartMoved();
  if (entry.type != raft::EntryType::kRecords) return;
  OnBatchApplied(entry);
  appended_since_check = true;
  if (waiters.empty()) return;
  // Readers are woken once a turn, after the replica has noted what it applied.
  committed_bytes += entry.payload.size();
  if (std::exchange(wake_scheduled, true)) return;
  context.executor.Defer(IfAlive([this] { WakeWaiters(); }));
}

void Partition::Impl::WakeWaiters() {
  wake_scheduled = false;
  waiters.OnCommitted(std::exchange(committed_bytes, 0));
}

void Partition::Impl::OnLeaderReady() {
  appended_since_check = true;
  retention_due_ms = 0;
  ArmRetention();
  ArmExpiry();
}

void Partition::Impl::OnLeadershipLost() {
  context.executor.Cancel(std::exchange(retention_timer, 0));
  context.executor.Cancel(std::exchange(expiry_timer, 0));
  idle_producers.Clear();
  ForgetFlights();
  waiters.WakeAll(FetchWaiters::Wake::kNotServing);
}

// ---- the public face ----

Partition::Partition(const PartitionOptions& options, const ReplicaContext& context,
                     ReplicaObserver& observer)
    : impl_(std::make_unique<Impl>(options, context, observer)) {}

Partition::~Partition() = default;

Status Partition::Start(const storage::GroupState& state, const raft::Membership& bootstrap) {
  return impl_->replica.Start(state, bootstrap);
}

void Partition::Stop(Callback<> done) {
  impl_->replica.Stop(std::move(done));
  impl_->waiters.WakeAll(FetchWaiters::Wake::kNotServing);
}

void Partition::Remove(Callback<Status> done) {
  impl_->replica.Remove(std::move(done));
  impl_->waiters.WakeAll(FetchWaiters::Wake::kNotServing);
}

void Partition::Append(Bytes batch, Callback<Result<ProduceResult>> done) {
  impl_->Append(std::move(batch), std::move(done));
}

void Partition::ListOffset(int64_t timestamp_ms, Callback<Result<ListedOffset>> done) {
  impl_->ListOffset(timestamp_ms, std::move(done));
}

void Partition::DeleteRecords(int64_t offset, Callback<Result<int64_t>> done) {
  impl_->DeleteRecords(offset, std::move(done));
}

void Partition::UpdateConfig(const TopicConfig& config) {
  impl_->config = config;
  impl_->retention_due_ms = 0;
  impl_->appended_since_check = true;
}

ReplicaCounters Partition::counters() const {
  ReplicaCounters counters = impl_->replica.counters();
  counters.Add(impl_->fetched);
  return counters;
}

ReplicaVitals Partition::vitals() const {
  ReplicaVitals vitals = impl_->replica.vitals();
  vitals.waiting_fetches = impl_->waiters.size();
  return vitals;
}

PartitionGauges Partition::gauges() const {
  PartitionGauges gauges = GaugesOf(impl_->options.where);
  gauges.log_start_offset = log_start_offset();
  gauges.high_watermark = high_watermark();
  return gauges;
}

PartitionView Partition::View() const {
  PartitionView view = ViewOf(impl_->options.where, impl_->options.replica);
  view.log_start_offset = log_start_offset();
  view.high_watermark = high_watermark();
  return view;
}

int64_t Partition::high_watermark() const { return impl_->state.high_watermark(); }
int64_t Partition::log_start_offset() const { return impl_->state.log_start_offset(); }
Replica& Partition::replica() { return impl_->replica; }
const Replica& Partition::replica() const { return impl_->replica; }

}  // namespace jangada::server
