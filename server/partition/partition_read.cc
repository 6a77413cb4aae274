// Records and offsets out: fetches with their long polls, and the searches for offsets.
#include <algorithm>
#include <utility>

#include "server/partition/partition_impl.h"
#include "storage/record_batch.h"

namespace jangada::server {
namespace {

constexpr int64_t kLongestWaitUs = 3'600'000'000;  // an hour; also keeps sums from overflowing
constexpr size_t kScanBytes = 1 << 20;             // read at once while looking for a timestamp

size_t PayloadBytes(const std::vector<raft::Entry>& entries) {
  size_t bytes = 0;
  for (const raft::Entry& entry : entries) bytes += entry.payload.size();
  return bytes;
}

}  // namespace

Error Partition::Impl::Gone() {
  return {ErrorCode::kShuttingDown, "the partition was closed on this node; try another one"};
}

void Partition::Read(FetchRequest request, Callback<Result<FetchResult>> done) {
  const int64_t wait_us = std::clamp<int64_t>(request.max_wait_us, 0, kLongestWaitUs);
  impl_->StartFetch({.offset = request.offset,
                     .max_bytes = request.max_bytes,
                     .at_least_one_batch = request.at_least_one_batch,
                     .min_bytes = std::min(request.min_bytes, request.max_bytes),
                     .deadline_us = impl_->context.executor.NowUs() + wait_us,
                     .abandoned = std::move(request.abandoned),
                     .done = std::move(done)});
}

// ---- fetch ----

Error Partition::Impl::OutOfRange(int64_t offset) const {
  return {ErrorCode::kOffsetOutOfRange, "offset " + std::to_string(offset) +
                                            " is not in the partition, which holds offsets " +
                                            std::to_string(state.log_start_offset()) + " to " +
                                            std::to_string(state.high_watermark()) + " (the end)"};
}

void Partition::Impl::StartFetch(Fetch fetch) {
  if (const Status ready = replica.CheckReadyLeader(); !ready.ok()) {
    return fetch.done(ready.error());
  }
  if (fetch.offset < state.log_start_offset()) return fetch.done(OutOfRange(fetch.offset));
  if (fetch.offset > state.high_watermark()) return StartFetchBeyondEnd(std::move(fetch));
  const bool wants_nothing = fetch.max_bytes == 0 && !fetch.at_least_one_batch;
  if (wants_nothing) return AnswerFetch(std::move(fetch), {});
  if (fetch.offset == state.high_watermark()) {
    return OnFetched(std::move(fetch), std::vector<raft::Entry>());
  }
  const int64_t offset = fetch.offset;
  const size_t max_bytes = fetch.max_bytes;
  replica.ReadOffset(offset, max_bytes,
                     [this, alive = std::weak_ptr<bool>(life),
                      fetch = std::move(fetch)](Result<std::vector<raft::Entry>> read) mutable {
                       if (alive.expired()) return fetch.done(Gone());
                       OnFetched(std::move(fetch), std::move(read));
                     });
}

/// Whoever was replaced and does not know it misses what others have acknowledged since. And a
/// consumer that is told "out of range" begins anew: it must hear that only of who surely leads.
void Partition::Impl::StartFetchBeyondEnd(Fetch fetch) {
  replica.ReadBarrier([this, alive = std::weak_ptr<bool>(life),
                       fetch = std::move(fetch)](const Status& barrier) mutable {
    if (!barrier.ok()) return fetch.done(barrier.error());
    if (alive.expired()) return fetch.done(Gone());
    if (fetch.offset > state.high_watermark()) return fetch.done(OutOfRange(fetch.offset));
    StartFetch(std::move(fetch));
  });
}

void Partition::Impl::OnFetched(Fetch fetch, Result<std::vector<raft::Entry>> read) {
  if (const Status ready = replica.CheckReadyLeader(); !ready.ok()) {
    return fetch.done(ready.error());
  }
  if (fetch.offset < state.log_start_offset()) return fetch.done(OutOfRange(fetch.offset));
  if (!read.ok()) return fetch.done(read.error());
  const size_t bytes = PayloadBytes(*read);
  const bool at_end = read->empty() ? fetch.offset == state.high_watermark()
                                    : read->back().base_offset + read->back().record_count ==
                                          state.high_watermark();
  const bool may_wait = context.executor.NowUs() < fetch.deadline_us && !waiters.full();
  if (bytes < fetch.min_bytes && at_end && may_wait) {
    const size_t missing = fetch.min_bytes - bytes;
    return WaitForMore(std::move(fetch), missing);
  }
  AnswerFetch(std::move(fetch), *read);
}

void Partition::Impl::WaitForMore(Fetch fetch, size_t missing_bytes) {
  const int64_t deadline_us = fetch.deadline_us;
  // Bytes applied and not yet told to the waiters are in what was read: they must not be counted
  // again.
  std::shared_ptr<const Abandonment> abandoned = fetch.abandoned;
  waiters.Add(missing_bytes + committed_bytes, deadline_us, std::move(abandoned),
              [this, fetch = std::move(fetch)](FetchWaiters::Wake reason) mutable {
                if (fetch.IsAbandoned()) return AnswerNobody(std::move(fetch));
                if (reason == FetchWaiters::Wake::kTimeUp) fetch.deadline_us = 0;
                StartFetch(std::move(fetch));  // also says why this replica serves no more
              });
}

void Partition::Impl::AnswerFetch(Fetch fetch, const std::vector<raft::Entry>& entries) {
  FetchResult result{.batches = {},
                     .high_watermark = state.high_watermark(),
                     .log_start_offset = state.log_start_offset()};
  ++fetched.fetches;
  fetched.fetched_batches += entries.size();
  fetched.fetched_bytes += PayloadBytes(entries);
  result.batches.reserve(entries.size());
  for (const raft::Entry& entry : entries) {
    if (!fetch.at_least_one_batch && entry.payload.size() > fetch.max_bytes) break;
    result.batches.push_back({.base_offset = entry.base_offset,
                              .leader_epoch = static_cast<int32_t>(entry.term),
                              .bytes = entry.payload});
  }
  fetch.done(std::move(result));
}

void Partition::Impl::AnswerNobody(Fetch fetch) {
  fetch.done(Error{ErrorCode::kTimeout, "the fetch was given up before there were records"});
}

// ---- list offsets ----

ListedOffset Partition::Impl::Listed(int64_t offset, int64_t timestamp_ms) const {
  raft::Term epoch = state.EpochOf(offset);
  if (epoch == 0) epoch = replica.status().term;
  return {offset, timestamp_ms, static_cast<int32_t>(epoch)};
}

void Partition::Impl::ListOffset(int64_t timestamp_ms, ListDone done) {
  replica.ReadBarrier([this, alive = std::weak_ptr<bool>(life), timestamp_ms,
                       done = std::move(done)](const Status& barrier) mutable {
    if (!barrier.ok()) return done(barrier.error());
    if (alive.expired()) return done(Gone());
    if (timestamp_ms == kLatestOffset) return done(Listed(state.high_watermark(), -1));
    if (timestamp_ms == kEarliestOffset) return done(Listed(state.log_start_offset(), -1));
    if (timestamp_ms == kMaxTimestampOffset) return ListMaxTimestamp(std::move(done));
    if (timestamp_ms < 0) {
      return done(Error{ErrorCode::kInvalidArgument,
                        "timestamp " + std::to_string(timestamp_ms) +
                            " is neither a time (0 or more) nor -1, -2 or -3"});
    }
    ListByTime(timestamp_ms, std::move(done));
  });
}

void Partition::Impl::ListMaxTimestamp(ListDone done) {
  const std::optional<TimePeak> peak = state.latest_peak();
  if (!peak) return done(ListedOffset{});
  const int64_t offset = std::max(peak->base_offset, state.log_start_offset());
  replica.ReadOffset(offset, 1,
                     [this, alive = std::weak_ptr<bool>(life), offset, done = std::move(done)](
                         const Result<std::vector<raft::Entry>>& read) mutable {
                       if (alive.expired()) return done(Gone());
                       if (!read.ok()) return done(read.error());
                       if (read->empty()) return done(ListedOffset{});
                       const raft::Entry& entry = read->front();
                       const auto records =
                           storage::DecodeRecords(entry.payload.view(), entry.base_offset);
                       if (!records.ok()) return done(records.error());
                       ListedOffset best;
                       for (const storage::Record& record : *records) {
                         if (record.offset >= offset && record.timestamp_ms > best.timestamp_ms) {
                           best = Listed(record.offset, record.timestamp_ms);
                         }
                       }
                       done(best);
                     });
}

void Partition::Impl::ListByTime(int64_t timestamp_ms, ListDone done) {
  const raft::Index last = replica.applied();
  // What others synced may be committed before it is synced here, and the store searches its disk.
  replica.WhenSynced(last, [this, alive = std::weak_ptr<bool>(life), last, timestamp_ms,
                            done = std::move(done)]() mutable {
    if (alive.expired()) return done(Gone());
    context.store.FindTimestamp(
        options.replica.group, timestamp_ms, last, context.executor,
        [this, alive, timestamp_ms,
         done = std::move(done)](const Result<storage::OffsetAndTime>& found) mutable {
          if (alive.expired()) return done(Gone());
          if (!found.ok()) return done(found.error());
          if (found->offset < 0) return done(ListedOffset{});
          if (found->offset >= state.log_start_offset()) {
            return done(Listed(found->offset, found->timestamp_ms));
          }
          // It was removed, yet lies on the disk still.
          ScanForTime(state.log_start_offset(), timestamp_ms, std::move(done));
        });
  });
}

void Partition::Impl::ScanForTime(int64_t from_offset, int64_t timestamp_ms, ListDone done) {
  replica.ReadOffset(
      from_offset, kScanBytes,
      [this, alive = std::weak_ptr<bool>(life), from_offset, timestamp_ms,
       done = std::move(done)](const Result<std::vector<raft::Entry>>& read) mutable {
        if (alive.expired()) return done(Gone());
        if (!read.ok()) return done(read.error());
        if (read->empty()) return done(ListedOffset{});
        for (const raft::Entry& entry : *read) {
          const auto header = storage::ReadBatchHeader(entry.payload.view());
          if (header.ok() && header->max_timestamp_ms < timestamp_ms) continue;
          const auto records = storage::DecodeRecords(entry.payload.view(), entry.base_offset);
          if (!records.ok()) return done(records.error());
          for (const storage::Record& record : *records) {
            if (record.offset >= from_offset && record.timestamp_ms >= timestamp_ms) {
              return done(Listed(record.offset, record.timestamp_ms));
            }
          }
        }
        ScanForTime(read->back().base_offset + read->back().record_count, timestamp_ms,
                    std::move(done));
      });
}

Result<EpochEnd> Partition::FindEpochEnd(int32_t epoch) const {
  if (const Status ready = impl_->replica.CheckReadyLeader(); !ready.ok()) return ready.error();
  const raft::Term current = impl_->replica.status().term;
  if (epoch < 0 || static_cast<raft::Term>(epoch) > current) return EpochEnd{};
  const auto asked = static_cast<raft::Term>(epoch);
  if (asked == current) return EpochEnd{epoch, impl_->state.high_watermark()};
  const PartitionState::TermEnd end = impl_->state.EndOf(asked);
  return EpochEnd{static_cast<int32_t>(end.term), end.end_offset};
}

}  // namespace jangada::server
