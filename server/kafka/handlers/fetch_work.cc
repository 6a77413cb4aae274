#include "server/kafka/handlers/fetch_work.h"

#include <algorithm>
#include <utility>

#include "server/kafka/handlers/cluster_view.h"
#include "storage/record_batch.h"

namespace jangada::server::kafka {
namespace {

constexpr int16_t kFirstWithIds = 13;
constexpr int8_t kReadCommitted = 1;
/// Read ahead by one partition that a fetch waited for.
constexpr size_t kWaitReadBytes = 1 << 20;

/// A batch as a consumer must see it: a head with its place in the log, and the rest as it lies in
/// the cache.
void AddBatch(const FetchedBatch& batch, Records* records) {
  records->parts.emplace_back(
      storage::ServedHead(batch.bytes.view(), batch.base_offset, batch.leader_epoch));
  records->parts.push_back(
      batch.bytes.Slice(storage::kServedHeadSize, batch.bytes.size() - storage::kServedHeadSize));
}

}  // namespace

void FetchWork::Start() {
  const FetchRequest& request = call_.request;
  const int64_t wait_us =
      std::clamp<int64_t>(int64_t{request.max_wait_ms} * 1000, 0, kMaxFetchWaitUs);
  deadline_us_ = call_.door().NowUs() + wait_us;
  min_bytes_ = static_cast<size_t>(std::max(request.min_bytes, 0));
  max_bytes_ = std::min(static_cast<size_t>(std::max(request.max_bytes, 0)), kMaxKafkaFetchBytes);
  min_bytes_ = std::min(min_bytes_, max_bytes_);
  Prepare();
  size_t wanted = 0;
  for (const Part& part : parts_) wanted = std::min(wanted + part.max_bytes, max_bytes_);
  MemoryBudget& budget = call_.door().fetch_bytes;
  max_bytes_ = std::min(max_bytes_, budget.TakeUpTo(wanted, kMinFetchBytes));
  share_ = BudgetShare(budget, max_bytes_);
  ReadMore();
}

void FetchWork::Prepare() {
  const ClusterView view(call_.broker());
  const bool by_id = call_.version() >= kFirstWithIds;
  response_.topics.reserve(call_.request.topics.size());
  for (const FetchRequest::Topic& topic : call_.request.topics) {
    FetchResponse::Topic& answer = response_.topics.emplace_back();
    answer.name = topic.name;
    answer.id = topic.id;
    const TopicInfo* known = by_id ? view.FindTopic(topic.id) : nullptr;
    const std::string& name = known != nullptr ? known->name : topic.name;
    for (const FetchRequest::Partition& asked : topic.partitions) {
      Part part{.topic = response_.topics.size() - 1,
                .place = answer.partitions.size(),
                .where = {name, asked.index},
                .offset = asked.fetch_offset,
                .max_bytes = static_cast<size_t>(std::max(asked.max_bytes, 0))};
      FetchResponse::Partition& partition = answer.partitions.emplace_back();
      partition.index = asked.index;
      partition.records.emplace();
      if (call_.request.isolation_level == kReadCommitted) partition.aborted_transactions.emplace();
      const Code code =
          by_id && known == nullptr ? Code::kUnknownTopicId : Check(part.where, asked);
      if (code != Code::kNone) {
        Fail(part, code);
      } else {
        parts_.push_back(std::move(part));
      }
    }
  }
}

Code FetchWork::Check(const TopicPartition& where, const FetchRequest::Partition& asked) const {
  return CheckLeaderEpoch(call_.broker(), where, asked.current_leader_epoch);
}

void FetchWork::Fail(const Part& part, Code code) {
  failed_ = true;
  AnswerOf(part).error_code = code;
}

/// Replaces what the part had. REQUIRES: the lock, or nobody else yet.
void FetchWork::Take(Part* part, Result<FetchResult> result) {
  bytes_ -= std::exchange(part->bytes, 0);
  part->batches.clear();
  if (!result.ok()) return Fail(*part, CodeOf(result.error().code));
  FetchResponse::Partition& answer = AnswerOf(*part);
  answer.high_watermark = result->high_watermark;
  answer.last_stable_offset = result->high_watermark;
  answer.log_start_offset = result->log_start_offset;
  part->batches = std::move(result->batches);
  for (const FetchedBatch& batch : part->batches) part->bytes += batch.bytes.size();
  bytes_ += part->bytes;
}

// ---- reading what is there ----

/// Begins as many reads as the bytes allow. An answer may come before Broker::Fetch returns; the
/// one that is in here goes on for it.
void FetchWork::ReadMore() {
  std::unique_lock lock(mutex_);
  if (std::exchange(reading_, true)) return;
  while (next_ < parts_.size()) {
    const size_t taken = bytes_ + reserved_;
    const size_t room = taken < max_bytes_ ? max_bytes_ - taken : 0;
    if (room == 0 && reserved_ > 0) break;  // it may come to less
    const size_t index = next_++;
    Part& part = parts_[index];
    part.reserved = std::min(part.max_bytes, room);
    reserved_ += part.reserved;
    server::FetchRequest ask{.where = part.where,
                             .offset = part.offset,
                             .max_bytes = part.reserved,
                             .at_least_one_batch = room > 0};
    lock.unlock();
    call_.broker().Fetch(std::move(ask),
                         [work = shared_from_this(), index](Result<FetchResult> result) {
                           work->OnRead(index, std::move(result));
                         });
    lock.lock();
  }
  reading_ = false;
  const bool ended = read_ == parts_.size() && !std::exchange(all_read_, true);
  lock.unlock();
  if (ended) AfterReading();
}

void FetchWork::OnRead(size_t index, Result<FetchResult> result) {
  {
    const std::lock_guard lock(mutex_);
    Part& part = parts_[index];
    reserved_ -= std::exchange(part.reserved, 0);
    Take(&part, std::move(result));
    ++read_;
    if (reading_) return;  // who is reading sees it
  }
  ReadMore();
}

void FetchWork::AfterReading() {
  const int64_t left_us = deadline_us_ - call_.door().NowUs();
  bool wait = false;
  {
    const std::lock_guard lock(mutex_);
    wait = !failed_ && bytes_ < min_bytes_ && left_us > 0 && !parts_.empty();
    share_.ShrinkTo(bytes_);
  }
  wait ? Wait(left_us) : Finish();
}

// ---- waiting for more ----

void FetchWork::Wait(int64_t left_us) {
  std::vector<server::FetchRequest> asks;
  uint64_t wait = 0;
  {
    const std::lock_guard lock(mutex_);
    wait = ++wait_;
    waiters_ = std::make_shared<Abandonment>(call_.gone());
    // Of what is missing one partition at least will get this share or more.
    const size_t share = (min_bytes_ - bytes_ + parts_.size() - 1) / parts_.size();
    for (const Part& part : parts_) {
      asks.push_back({.where = part.where,
                      .offset = part.offset,
                      .max_bytes = std::clamp(part.max_bytes, part.bytes + share,
                                              std::max(part.bytes + share, kWaitReadBytes)),
                      .min_bytes = part.bytes + share,
                      .max_wait_us = left_us,
                      .abandoned = waiters_});
    }
  }
  for (size_t index = 0; index < asks.size(); ++index) {
    call_.broker().Fetch(std::move(asks[index]),
                         [work = shared_from_this(), wait, index](Result<FetchResult> result) {
                           work->OnWaited(wait, index, std::move(result));
                         });
  }
}

void FetchWork::OnWaited(uint64_t wait, size_t index, Result<FetchResult> result) {
  const int64_t left_us = deadline_us_ - call_.door().NowUs();
  bool done = false;
  {
    const std::lock_guard lock(mutex_);
    if (wait != wait_) return;  // it was over already
    ++wait_;
    waiters_->Set();
    Take(&parts_[index], std::move(result));
    done = failed_ || bytes_ >= min_bytes_ || left_us <= 0 || call_.gone()->IsSet();
  }
  done ? Finish() : Wait(left_us);
}

// ---- the answer ----

void FetchWork::Finish() {
  const std::lock_guard lock(mutex_);
  size_t bytes = 0;
  for (const Part& part : parts_) {
    FetchResponse::Partition& answer = AnswerOf(part);
    if (answer.error_code != Code::kNone) continue;
    for (const FetchedBatch& batch : part.batches) {
      // Reads ran side by side, and each may have brought one batch too many.
      if (bytes > 0 && bytes + batch.bytes.size() > max_bytes_) break;
      bytes += batch.bytes.size();
      AddBatch(batch, &*answer.records);
    }
  }
  NameLeaders();
  // What a wait brought was not reserved before.
  MemoryBudget& budget = call_.door().fetch_bytes;
  if (bytes > share_.bytes()) {
    budget.Take(bytes);
    share_ = BudgetShare(budget, bytes);
  }
  share_.ShrinkTo(bytes);
  call_.Answer(response_, std::move(share_));
  // Waits that were given up keep this object a little longer: not what it holds.
  parts_.clear();
  response_ = {};
}

void FetchWork::NameLeaders() {
  for (const Part& part : parts_) {
    FetchResponse::Partition& answer = AnswerOf(part);
    if (answer.error_code != Code::kNotLeaderOrFollower) continue;
    const auto hint = HintFor(call_.broker(), part.where);
    if (!hint) continue;
    answer.current_leader = hint->leader;
    AddEndpoint(hint->endpoint, &response_.node_endpoints);
  }
}

}  // namespace jangada::server::kafka
