#include "server/grpc/produce_lane.h"

#include <algorithm>

#include "base/check.h"
#include "server/grpc/convert.h"

namespace jangada::server::grpc_door {
namespace {

/// An idempotent producer's numbers do not go on where the log has got to. That closes by itself
/// once the request before has been tried again; were that its first, it is unknown until then.
bool IsGap(ErrorCode code) {
  return code == ErrorCode::kOutOfOrderSequence || code == ErrorCode::kUnknownProducer;
}

}  // namespace

void ProduceLane::Add(Bytes batch, TimePoint deadline, Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    Item item;
    item.serial = next_serial_++;
    item.idempotent = IsIdempotent(batch);
    item.batch = std::move(batch);
    item.scope = scope_.WithDeadline(deadline);
    item.began = Now();
    item.answer = std::move(answer);
    items_.push_back(std::move(item));
  }
  Dispatch();
}

/// A waiting request that nobody waits for any longer is answered unsent: it must not be appended
/// late.
bool ProduceLane::GaveUp(Item* item) {
  if (item->scope.MicrosLeft() > 0 && !item->scope.cancellation->cancelled()) return false;
  const Error unsent{ErrorCode::kUnavailable,
                     "The partition had no leader in time: nothing was appended; try again."};
  item->result = FinalError(unsent, item->fate_unknown);
  item->state = State::kDone;
  return true;
}

/// The request to send now, marked as in flight; null: none, for now.
ProduceLane::Item* ProduceLane::NextToSend() {
  if (pausing_ || backing_off_) return nullptr;
  const size_t window = router_.IsLocal(where_, scope_) ? kMaxLaneWindow : 1;
  if (in_flight_ >= window) return nullptr;
  for (Item& item : items_) {
    if (item.state != State::kWaiting || GaveUp(&item)) continue;
    item.state = State::kInFlight;
    ++in_flight_;
    return &item;
  }
  return nullptr;
}

void ProduceLane::Dispatch() {
  std::unique_lock lock(mutex_);
  if (sending_) return;
  sending_ = true;
  while (Item* item = NextToSend()) {
    const uint64_t serial = item->serial;
    const CallScope scope = item->scope;
    ProduceRequest request{.where = where_, .batch = item->batch};
    lock.unlock();  // the answer may come on this very thread
    router_.ProduceOnce(std::move(request), scope,
                        [self = shared_from_this(), serial](Result<ProduceResult> result) {
                          self->OnResult(serial, std::move(result));
                        });
    lock.lock();
  }
  sending_ = false;
  lock.unlock();
  AnswerFront();  // those given up
}

bool ProduceLane::IsWorthAnotherTry(const Item& item, ErrorCode code) const {
  if (MayTryAgain(code, item.scope, item.began, item.idempotent)) return true;
  return item.idempotent && IsGap(code) && !scope_.local_only();
}

void ProduceLane::OnResult(uint64_t serial, Result<ProduceResult> result) {
  {
    const std::lock_guard lock(mutex_);
    CHECK(!items_.empty());
    Item& item = items_[serial - items_.front().serial];
    CHECK(item.state == State::kInFlight);
    --in_flight_;
    const bool again = !result.ok() && IsWorthAnotherTry(item, result.error().code);
    item.state = again ? State::kFailed : State::kDone;
    if (!result.ok()) {
      item.result = FinalError(result.error(), item.fate_unknown);
      item.fate_unknown = item.fate_unknown || FateUnknown(result.error().code);
    } else {
      item.result = std::move(result);
    }
    if (again) pausing_ = true;
    if (!again && !pausing_) backoff_.Reset();
    if (pausing_ && in_flight_ == 0) JudgeFailed();
  }
  AnswerFront();
  Dispatch();
}

/// Nothing is in flight: each failed request is answered, or waits to be tried again.
void ProduceLane::JudgeFailed() {
  pausing_ = false;
  // Trying again behind a later request that was appended, or may have been, would turn their order
  // around; an idempotent producer's numbers prevent that by themselves.
  const auto appended = std::find_if(items_.rbegin(), items_.rend(), [](const Item& item) {
    return item.state == State::kDone &&
           (item.result->ok() || FateUnknown(item.result->error().code));
  });
  const auto behind_last_appended = appended.base();
  bool retrying = false;
  for (auto item = items_.begin(); item != items_.end(); ++item) {
    if (item->state != State::kFailed) continue;
    const bool overtaken = item < behind_last_appended && !item->idempotent;
    const bool gap = IsGap(item->result->error().code);
    if (overtaken || (gap && !retrying)) {
      item->state = State::kDone;
      continue;
    }
    item->state = State::kWaiting;
    item->result.reset();
    retrying = true;
  }
  if (!retrying) return;
  backing_off_ = true;
  RunAfter(backoff_.Next(), [self = shared_from_this()] {
    {
      const std::lock_guard lock(self->mutex_);
      self->backing_off_ = false;
    }
    self->Dispatch();
  });
}

void ProduceLane::AnswerFront() {
  std::unique_lock lock(mutex_);
  if (answering_) return;
  answering_ = true;
  while (!items_.empty() && items_.front().state == State::kDone) {
    Item item = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    item.answer(std::move(*item.result));
    lock.lock();
  }
  answering_ = false;
}

}  // namespace jangada::server::grpc_door
