#include "client/partition_queue.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace jangada::client {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

/// Sequences wrap to 0 after 2^31 - 1, as Kafka's do.
int32_t AdvanceSequence(int32_t sequence, int32_t count) {
  return static_cast<int32_t>((static_cast<uint32_t>(sequence) + static_cast<uint32_t>(count)) &
                              0x7fffffffU);
}

}  // namespace

/// One large record must not make a batch larger than a topic takes.
bool PartitionQueue::HasRoomFor(size_t charged_bytes) const {
  return has_open_batch() &&
         batches_.back().builder.records_bytes() + charged_bytes <= options_.batch_bytes;
}

void PartitionQueue::Add(const storage::Record& record, size_t charged_bytes, DeliveryCallback done,
                         int64_t now_us, int64_t expires_us) {
  if (has_open_batch() && !HasRoomFor(charged_bytes)) Encode(&batches_.back());
  if (!has_open_batch()) {
    Batch& batch = batches_.emplace_back(options_.compression);
    batch.opened_us = now_us;
    batch.expires_us = expires_us;
  }
  Batch& batch = batches_.back();
  batch.builder.Add(record);
  ++batch.count;
  batch.charged_bytes += charged_bytes;
  batch.callbacks.push_back(std::move(done));
  if (batch.builder.records_bytes() >= options_.batch_bytes) {
    Encode(&batch);
    Settle();
  }
}

void PartitionQueue::Flush() {
  if (has_open_batch()) flushing_ = true;
}

void PartitionQueue::SetIdentity(const ProducerIdentity& identity) {
  CHECK(!identity_.has_value());
  identity_ = identity;
  next_sequence_ = 0;
}

bool PartitionQueue::Encode(Batch* batch) {
  if (batch == &batches_.back()) flushing_ = false;
  Result<Bytes> built = batch->builder.Build();
  batch->builder = storage::BatchBuilder(options_.compression);
  batch->state = State::kWaiting;
  if (!built.ok()) {
    GiveUp(batch, built.error());
    return false;
  }
  batch->encoded = std::move(built).value();
  return true;
}

void PartitionQueue::Number(Batch* batch) {
  batch->numbered = true;
  if (!options_.idempotent) return;
  batch->encoded = Bytes(storage::WithProducer(batch->encoded.view(), identity_->producer_id,
                                               identity_->epoch, next_sequence_));
  next_sequence_ = AdvanceSequence(next_sequence_, batch->count);
}

bool PartitionQueue::ReadyToSend(const Batch& batch, int64_t now_us) const {
  if (batch.state == State::kWaiting) return true;
  return batch.state == State::kOpen &&
         (flushing_ || now_us - batch.opened_us >= options_.linger_ms * 1000);
}

std::optional<PartitionQueue::Try> PartitionQueue::Next(int64_t now_us) {
  const int max_in_flight = options_.idempotent ? options_.max_in_flight : 1;
  if (draining_ || needs_identity() || in_flight_ >= max_in_flight || now_us < retry_at_us_) {
    return std::nullopt;
  }
  for (Batch& batch : batches_) {
    if (batch.state == State::kInFlight || batch.state == State::kDone) continue;
    if (!ReadyToSend(batch, now_us)) return std::nullopt;
    if (batch.state == State::kOpen && !Encode(&batch)) {
      Settle();
      return std::nullopt;
    }
    if (!batch.numbered) Number(&batch);
    batch.state = State::kInFlight;
    batch.number = ++last_number_;
    ++in_flight_;
    const int64_t left_ms = (batch.expires_us - now_us) / 1000;
    return Try{batch.number, batch.encoded,
               std::clamp<int64_t>(left_ms, 1, options_.try_timeout_ms)};
  }
  return std::nullopt;
}

PartitionQueue::Batch* PartitionQueue::FindInFlight(int64_t number) {
  for (Batch& batch : batches_) {
    if (batch.state == State::kInFlight && batch.number == number) return &batch;
  }
  return nullptr;
}

void PartitionQueue::OnAck(int64_t number, const ProduceAck& ack) {
  Batch* batch = FindInFlight(number);
  if (batch == nullptr) return;  // given up meanwhile
  --in_flight_;
  backoff_us_ = 0;
  batch->state = State::kDone;
  batch->outcome = ack.base_offset;
  Settle();
}

bool PartitionQueue::IsOldestUnfinished(const Batch& batch) const {
  for (const Batch& other : batches_) {
    if (&other == &batch) return true;
    if (other.state != State::kDone) return false;
  }
  return false;
}

std::optional<Error> PartitionQueue::Verdict(const Batch& batch, const Failure& failure) {
  const ErrorCode code = failure.error.code;
  if (code == ErrorCode::kOutOfOrderSequence || code == ErrorCode::kUnknownProducer) {
    // Behind a batch that failed this is only its echo, and says that this one was not written.
    if (!IsOldestUnfinished(batch) || renumber_) return std::nullopt;
    if (batch.maybe_written) return failure.error;
    renumber_ = true;  // the log forgot us; surely nothing of this batch is in it
    return std::nullopt;
  }
  if (failure.fate_unknown && !options_.idempotent) return failure.error;
  if (failure.retriable || failure.disconnected) return std::nullopt;
  return failure.error;
}

/// Whatever the last try met: a batch that may be in the log must not fail with a code that says it
/// is not.
Error PartitionQueue::FateUnknown(const Error& error) {
  if (error.code == ErrorCode::kTimeout) return error;
  return {ErrorCode::kTimeout, error.message + "; the record may have been written"};
}

void PartitionQueue::OnFailure(int64_t number, const Failure& failure, int64_t now_us) {
  Batch* batch = FindInFlight(number);
  if (batch == nullptr) return;
  --in_flight_;
  if (failure.error.code == ErrorCode::kDuplicateSequence) {  // written, too long ago to know where
    batch->state = State::kDone;
    Settle();
    return;
  }
  batch->state = State::kWaiting;
  const std::optional<Error> final_error = Verdict(*batch, failure);
  batch->maybe_written = batch->maybe_written || failure.fate_unknown;
  last_error_ = failure.error;
  draining_ = true;
  if (final_error.has_value()) {
    GiveUp(batch, batch->maybe_written ? FateUnknown(*final_error) : *final_error);
  } else {
    RetryLater(now_us);
  }
  Settle();
}

void PartitionQueue::RetryLater(int64_t now_us) {
  if (now_us < retry_at_us_) return;  // one failure, several batches
  backoff_us_ = backoff_us_ == 0 ? options_.retry_backoff_ms * 1000
                                 : std::min(backoff_us_ * 2, options_.max_retry_backoff_ms * 1000);
  retry_at_us_ = now_us + backoff_us_;
}

void PartitionQueue::Expire(int64_t now_us) {
  for (Batch& batch : batches_) {
    if (batch.state == State::kDone) continue;
    if (batch.state == State::kInFlight || now_us < batch.expires_us) break;
    std::string what = "the record was not acknowledged within " +
                       std::to_string(options_.delivery_timeout_ms) + " ms";
    if (!last_error_.message.empty()) what += " (last: " + last_error_.message + ")";
    if (batch.maybe_written) {
      GiveUp(&batch, {ErrorCode::kTimeout, what + "; it may have been written"});
    } else {
      GiveUp(&batch, {ErrorCode::kUnavailable, what + "; it was not written"});
    }
  }
  Settle();
}

void PartitionQueue::GiveUp(Batch* batch, Error error) {
  renumber_ = renumber_ || (options_.idempotent && batch->numbered);
  if (batch == &batches_.back()) flushing_ = false;
  batch->state = State::kDone;
  batch->outcome = std::move(error);
}

void PartitionQueue::Settle() {
  if (in_flight_ == 0) {
    draining_ = false;
    if (renumber_) Renumber();
  }
  while (!batches_.empty() && batches_.front().state == State::kDone) {
    Batch& batch = batches_.front();
    finished_.push_back({.callbacks = std::move(batch.callbacks),
                         .base_offset = std::move(batch.outcome),
                         .charged_bytes = batch.charged_bytes});
    batches_.pop_front();
  }
}

void PartitionQueue::Renumber() {
  for (Batch& batch : batches_) {
    if (batch.state == State::kWaiting && batch.numbered && batch.maybe_written) {
      GiveUp(&batch, {ErrorCode::kTimeout,
                      "an earlier record of the partition failed (" + last_error_.message +
                          ") while the fate of this one was unknown; it may have been written"});
    }
    batch.numbered = false;
  }
  renumber_ = false;
  identity_.reset();
}

void PartitionQueue::FailAll(const Error& error) {
  for (Batch& batch : batches_) {
    if (batch.state != State::kDone) GiveUp(&batch, error);
  }
  in_flight_ = 0;
  Settle();
}

int64_t PartitionQueue::NextDueUs(int64_t now_us) const {
  int64_t due_us = kNever;
  // What is due already waits for something else than time.
  const auto at = [&](int64_t when_us) {
    if (when_us > now_us) due_us = std::min(due_us, when_us);
  };
  for (const Batch& batch : batches_) {
    if (batch.state == State::kInFlight || batch.state == State::kDone) continue;
    at(batch.expires_us);
    at(retry_at_us_);
    if (batch.state == State::kOpen) at(batch.opened_us + options_.linger_ms * 1000);
    break;
  }
  return due_us;
}

}  // namespace jangada::client
