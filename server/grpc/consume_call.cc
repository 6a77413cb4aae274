#include "server/grpc/consume_call.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "server/grpc/arguments.h"
#include "server/grpc/cursor.h"
#include "server/grpc/retry.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {
namespace {

/// A stream without a deadline lasts as long as its client likes.
constexpr int64_t kUnboundedUs = int64_t{10} * 365 * 24 * 3600 * 1'000'000;

class ConsumeCall final : public grpc::ServerWriteReactor<v1::ConsumeResponse>,
                          public std::enable_shared_from_this<ConsumeCall> {
 public:
  ConsumeCall(Door& door, const grpc::CallbackServerContext& context,
              const v1::ConsumeRequest& request)
      : door_(door),
        scope_(ScopeOf(context, kUnboundedUs, std::make_shared<Cancellation>())),
        request_(request) {
    door_.meter.Began(Method::kConsume);
  }

  void Begin(std::shared_ptr<ConsumeCall> self) {
    self_ = std::move(self);
    stopping_id_ = door_.stopping.OnCancel([weak = weak_from_this()] {
      if (auto call = weak.lock()) call->Fail(Stopping(), nullptr);
    });
    if (const Status checked = CheckConsume(request_); !checked.ok()) {
      return Fail(checked.error(), nullptr);
    }
    BeginWork();
    FindCursors(Now());
  }

 private:
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override {
    door_.stopping.Forget(stopping_id_);
    self_.reset();
  }

  // A cursor belongs to one of: its one question to the router (FindStart, FindEnd, Fetch), the
  // queue of ready ones, or the pump that cuts a response from it. So its fields need no lock.
  void FindCursors(TimePoint began);
  void Advance(size_t i);
  void FindStart(Cursor* cursor, size_t i);
  void FindEnd(Cursor* cursor, size_t i);
  void Fetch(Cursor* cursor, size_t i);
  void OnFetched(size_t i, Result<FetchResult> result);
  void Restart(size_t i, const Error& error);
  void Enqueue(size_t i);

  void Pump();
  bool CutNext(size_t i);

  void BeginWork();
  void EndWork();
  void Fail(const Error& error, const TopicPartition* where);
  void FinishIfOver();

  Door& door_;
  const CallScope scope_;
  const v1::ConsumeRequest request_;
  std::shared_ptr<ConsumeCall> self_;
  uint64_t stopping_id_ = 0;
  size_t fetch_bytes_ = 0;        // constant once the cursors are there
  std::deque<Cursor> cursors_;    // the same
  v1::ConsumeResponse response_;  // the pump's, then the write's

  // Under mutex_.
  std::mutex mutex_;
  std::deque<size_t> ready_;  // cursors with something to write, first come first served
  size_t open_ = 0;           // cursors that have not ended
  size_t working_ = 0;        // questions and timers under way
  bool started_ = false;
  bool writing_ = false;  // the pump is at work, or a write is
  bool finished_ = false;
  std::optional<grpc::Status> failure_;
};

/// Topics are unfolded to partitions. One that this node does not know yet is waited for, for a
/// moment.
void ConsumeCall::FindCursors(TimePoint began) {
  auto cursors = CursorsFrom(request_, *door_.broker.image());
  if (!cursors.ok()) {
    if (!MayTryAgain(cursors.error().code, scope_, began, false)) {
      Fail(cursors.error(), nullptr);
      return EndWork();
    }
    return RunAfter(kMaxBackoffUs / 4,
                    [self = shared_from_this(), began] { self->FindCursors(began); });
  }
  cursors_ = std::move(*cursors);
  fetch_bytes_ =
      std::clamp<size_t>(kMaxConsumeBytesAhead / cursors_.size(), kMinFetchBytes,
                         *FetchBytesOf("max_response_bytes", request_.max_response_bytes()));
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
    open_ = cursors_.size();
  }
  for (size_t i = 0; i < cursors_.size(); ++i) Advance(i);
  EndWork();
}

/// The cursor's next question, or its turn to write.
void ConsumeCall::Advance(size_t i) {
  if (scope_.cancellation->cancelled()) return;
  Cursor* cursor = &cursors_[i];
  if (cursor->start_at) return FindStart(cursor, i);
  if (cursor->find_end) return FindEnd(cursor, i);
  if (cursor->AtEnd()) return Enqueue(i);
  Fetch(cursor, i);
}

void ConsumeCall::FindStart(Cursor* cursor, size_t i) {
  BeginWork();
  door_.router.ListOffset(cursor->where, *cursor->start_at, scope_,
                          [self = shared_from_this(), cursor, i](Result<ListedOffset> listed) {
                            if (!listed.ok()) {
                              self->Fail(listed.error(), &cursor->where);
                              return self->EndWork();
                            }
                            if (listed->offset < 0) {  // nothing so late: the end
                              cursor->start_at = kLatestOffset;
                            } else {
                              cursor->start_at.reset();
                              cursor->next_offset = listed->offset;
                            }
                            self->Advance(i);
                            self->EndWork();
                          });
}

void ConsumeCall::FindEnd(Cursor* cursor, size_t i) {
  BeginWork();
  door_.router.ListOffset(cursor->where, kLatestOffset, scope_,
                          [self = shared_from_this(), cursor, i](Result<ListedOffset> listed) {
                            if (!listed.ok()) {
                              self->Fail(listed.error(), &cursor->where);
                              return self->EndWork();
                            }
                            cursor->find_end = false;
                            cursor->end_offset = std::min(
                                listed->offset, cursor->end_offset.value_or(listed->offset));
                            self->Advance(i);
                            self->EndWork();
                          });
}

void ConsumeCall::Fetch(Cursor* cursor, size_t i) {
  BeginWork();
  server::FetchRequest fetch{.where = cursor->where,
                             .offset = cursor->next_offset,
                             .max_bytes = fetch_bytes_,
                             .min_bytes = 1,
                             .max_wait_us = kConsumePollUs};
  door_.router.Fetch(std::move(fetch), scope_,
                     [self = shared_from_this(), i](Result<FetchResult> result) {
                       self->OnFetched(i, std::move(result));
                       self->EndWork();
                     });
}

void ConsumeCall::OnFetched(size_t i, Result<FetchResult> result) {
  Cursor* cursor = &cursors_[i];
  if (!result.ok()) return Restart(i, result.error());
  cursor->high_watermark = result->high_watermark;
  cursor->log_start_offset = result->log_start_offset;
  std::move(result->batches.begin(), result->batches.end(), std::back_inserter(cursor->fetched));
  if (!cursor->fetched.empty()) return Enqueue(i);
  BeginWork();  // nothing came: ask again, though never in a tight circle
  RunAfter(kFirstBackoffUs, [self = shared_from_this(), i] {
    self->Advance(i);
    self->EndWork();
  });
}

/// A failed fetch ends the call, unless the client said where to go on when records are gone.
void ConsumeCall::Restart(size_t i, const Error& error) {
  Cursor* cursor = &cursors_[i];
  const bool reset = error.code == ErrorCode::kOffsetOutOfRange &&
                     request_.out_of_range() >= v1::OUT_OF_RANGE_EARLIEST;
  if (!reset) return Fail(error, &cursor->where);
  cursor->start_at =
      request_.out_of_range() == v1::OUT_OF_RANGE_EARLIEST ? kEarliestOffset : kLatestOffset;
  BeginWork();
  RunAfter(kFirstBackoffUs, [self = shared_from_this(), i] {
    self->Advance(i);
    self->EndWork();
  });
}

void ConsumeCall::Enqueue(size_t i) {
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(i);
    if (writing_) return;  // its end looks here again
  }
  // Cutting decodes and copies: not on the thread that answers for a shard.
  RunAfter(0, [self = shared_from_this()] { self->Pump(); });
}

/// Writes one response, of the cursor that has waited longest.
void ConsumeCall::Pump() {
  while (true) {
    size_t i = 0;
    {
      const std::lock_guard lock(mutex_);
      if (writing_ || finished_ || failure_ || ready_.empty()) return;
      writing_ = true;
      i = ready_.front();
      ready_.pop_front();
    }
    if (CutNext(i)) return StartWrite(&response_);
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
    }
    FinishIfOver();
  }
}

/// False: there is nothing to write of this cursor just now.
bool ConsumeCall::CutNext(size_t i) {
  Cursor* cursor = &cursors_[i];
  auto response = CutResponse(cursor, request_.format());
  if (!response.ok()) {
    Fail(response.error(), &cursor->where);
    return false;
  }
  response_ = std::move(*response);
  if (cursor->ended) {
    const std::lock_guard lock(mutex_);
    --open_;
    return true;
  }
  const bool empty = response_.records().empty() && response_.batches().empty();
  if (cursor->fetched.empty()) {
    Advance(i);  // fetches ahead while the response is being written
  } else {
    const std::lock_guard lock(mutex_);
    ready_.push_back(i);
  }
  return !empty;
}

void ConsumeCall::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
  }
  if (!ok) OnCancel();
  Pump();
  FinishIfOver();
}

void ConsumeCall::OnCancel() {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = grpc::Status::CANCELLED;
  }
  scope_.cancellation->Cancel();
  FinishIfOver();
}

void ConsumeCall::BeginWork() {
  const std::lock_guard lock(mutex_);
  ++working_;
}

void ConsumeCall::EndWork() {
  {
    const std::lock_guard lock(mutex_);
    --working_;
  }
  FinishIfOver();
}

void ConsumeCall::Fail(const Error& error, const TopicPartition* where) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = StatusOf(error, where, door_.broker);
  }
  scope_.cancellation->Cancel();
  FinishIfOver();
}

/// Ends the call when it failed or every cursor has ended, once nothing is under way: what is under
/// way uses the door, which must not go before.
void ConsumeCall::FinishIfOver() {
  grpc::Status status = grpc::Status::OK;
  {
    const std::lock_guard lock(mutex_);
    const bool over = failure_ || (started_ && open_ == 0);
    if (finished_ || !over || writing_ || working_ > 0) return;
    finished_ = true;
    if (failure_) status = *failure_;
  }
  door_.meter.Ended(Method::kConsume, status.error_code());
  Finish(status);
}

}  // namespace

grpc::ServerWriteReactor<v1::ConsumeResponse>* StartConsume(
    Door& door, const grpc::CallbackServerContext& context, const v1::ConsumeRequest& request) {
  auto call = std::make_shared<ConsumeCall>(door, context, request);
  call->Begin(call);
  return call.get();
}

}  // namespace jangada::server::grpc_door
