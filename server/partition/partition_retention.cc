// What is removed, always by a replicated decision of the leader: records by DeleteRecords, age and
// size, and producers that were idle for too long.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/partition/partition_impl.h"
#include "storage/retention.h"

namespace jangada::server {
namespace {

constexpr size_t kExpireAtOnce = 1000;     // producers in one entry
constexpr uint64_t kRetentionPhases = 64;  // the partitions of a node look at different moments

}  // namespace

// ---- records ----

void Partition::Impl::DeleteRecords(int64_t offset, Callback<Result<int64_t>> done) {
  if (const Status ready = replica.CheckReadyLeader(); !ready.ok()) return done(ready.error());
  if (offset == kLatestOffset) offset = state.high_watermark();
  if (offset < 0 || offset > state.high_watermark()) return done(OutOfRange(offset));
  if (offset <= state.log_start_offset()) return done(state.log_start_offset());
  ProposeTrim(offset, std::move(done));
}

void Partition::Impl::ProposeTrim(int64_t offset, Callback<Result<int64_t>> done) {
  replica.Propose(raft::EntryType::kCommand, EncodeCommand(TrimCommand{offset}), 0,
                  IfAlive([this, done = std::move(done)](const Result<Proposed>& proposed) mutable {
                    if (!proposed.ok()) return done(proposed.error());
                    done(state.log_start_offset());
                  }));
}

void Partition::Impl::ArmRetention() {
  const auto phase = static_cast<int64_t>(options.replica.group.value() % kRetentionPhases);
  const int64_t shift_us =
      options.retention_check_us * phase / static_cast<int64_t>(kRetentionPhases);
  const int64_t now_us = context.executor.NowUs();
  const int64_t period_us = options.retention_check_us;
  const int64_t delay_us = period_us - (now_us + period_us - shift_us) % period_us;
  context.executor.Cancel(retention_timer);
  retention_timer = context.executor.After(delay_us, [this] {
    retention_timer = 0;
    CheckRetention();
    ArmRetention();
  });
}

/// Asks the store only when the answer may differ from the last one.
void Partition::Impl::CheckRetention() {
  if (retention_under_way || !replica.IsReadyLeader()) return;
  if (state.log_start_offset() == state.high_watermark()) return;
  const bool by_time = config.retention_ms >= 0 && context.executor.WallNowMs() >= retention_due_ms;
  const bool by_size = config.retention_bytes >= 0 && appended_since_check;
  if (!by_time && !by_size) return;
  retention_under_way = true;
  appended_since_check = false;
  context.store.ReadSparse(options.replica.group, context.executor,
                           IfAlive([this, high_watermark = state.high_watermark()](
                                       const Result<std::vector<storage::SparseRow>>& rows) {
                             retention_under_way = false;
                             if (rows.ok() && replica.IsReadyLeader())
                               OnRetentionRows(*rows, high_watermark);
                           }));
}

void Partition::Impl::OnRetentionRows(const std::vector<storage::SparseRow>& rows,
                                      int64_t high_watermark) {
  const int64_t now_ms = context.executor.WallNowMs();
  const int64_t offset = storage::RetentionOffset(
      rows, {.retention_ms = config.retention_ms, .retention_bytes = config.retention_bytes},
      {.log_start_offset = state.log_start_offset(), .high_watermark = high_watermark}, now_ms);
  if (offset > state.log_start_offset()) {
    spdlog::info("retention removes records group={} topic={} partition={} from={} to={}",
                 options.replica.group.value(), where.topic, where.partition,
                 state.log_start_offset(), offset);
    retention_under_way = true;
    return ProposeTrim(offset, [this](const Result<int64_t>&) { retention_under_way = false; });
  }
  // The row that the log starts in is the next to go, when the newest record up to its end is old
  // enough.
  retention_due_ms = now_ms;
  if (config.retention_ms < 0) return;
  for (const storage::SparseRow& row : rows) {
    if (row.base_offset > state.log_start_offset()) break;
    retention_due_ms =
        std::max(now_ms, storage::RetentionDueMs(row.max_timestamp_ms, config.retention_ms));
  }
}

// ---- producers ----

void Partition::Impl::ArmExpiry() {
  context.executor.Cancel(expiry_timer);
  expiry_timer = context.executor.After(options.producer_expiry_check_us, [this] {
    expiry_timer = 0;
    CheckProducers();
    ArmExpiry();
  });
}

void Partition::Impl::CheckProducers() {
  if (!replica.IsReadyLeader() || state.producers().all().empty()) return;
  const int64_t expiration_us = std::min(config.producer_id_expiration_ms, INT64_MAX / 1000) * 1000;
  ExpireProducersCommand command{
      idle_producers.Check(state.producers(), context.executor.NowUs(), expiration_us)};
  if (command.idle.empty()) return;
  if (command.idle.size() > kExpireAtOnce) command.idle.resize(kExpireAtOnce);
  spdlog::info("producers expire group={} count={}", options.replica.group.value(),
               command.idle.size());
  replica.Propose(raft::EntryType::kCommand, EncodeCommand(command), 0,
                  [](const Result<Proposed>&) {});  // what fails is found again at the next look
}

}  // namespace jangada::server
