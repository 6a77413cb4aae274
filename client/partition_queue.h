// PartitionQueue: the batches of one partition on their way from the user to the log, in order. It
// decides what may be sent when, what an answer means, and what is tried again; it sends nothing
// itself. Pure: time is an argument. Lives on the client's loop.
//
// What it promises to an idempotent producer: every record is acknowledged at the one offset where
// it stands in the log, or fails; none is written twice; records are in the log in the order of
// Add; callbacks come in that order too. How: batches carry consecutive sequences; after a failure
// nothing is sent until everything under way is answered, and then the oldest goes first again,
// with its old sequence. When a batch is given up, the sequences after it would have a hole: those
// whose fate is unknown fail with it (they may be in the log, so they can't be renumbered), and the
// rest go on under a new producer id.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/callback.h"
#include "base/result.h"
#include "client/wire.h"
#include "jangada/options.h"
#include "storage/record_batch.h"

namespace jangada::client {

/// The broker remembers so many batches per producer and partition: more under way could not be
/// told apart.
inline constexpr int kMostInFlightPerPartition = 5;

/// Called once per record with the record's offset. -1: written, at an offset that the log no
/// longer knows.
using DeliveryCallback = Callback<Result<int64_t>>;

class PartitionQueue {
 public:
  explicit PartitionQueue(const ProducerOptions& options) : options_(options) {}

  // ---- in ----
  /// A batch expires with its first record.
  void Add(const storage::Record& record, size_t charged_bytes, DeliveryCallback done,
           int64_t now_us, int64_t expires_us);
  /// The open batch need not wait for more.
  void Flush();
  void SetIdentity(const ProducerIdentity& identity);
  void OnAck(int64_t number, const ProduceAck& ack);
  void OnFailure(int64_t number, const Failure& failure, int64_t now_us);
  /// Why nothing can be sent at present; told to those whose time runs out.
  void NoteTrouble(const Error& error) { last_error_ = error; }
  /// Gives up what has waited longer than the delivery timeout.
  void Expire(int64_t now_us);
  /// Gives up everything, whatever is under way.
  void FailAll(const Error& error);

  // ---- out ----
  struct Try {
    int64_t number = 0;  // names this try in its answer; never used again in this queue
    Bytes batch;
    int64_t timeout_ms = 0;
  };
  /// The next batch to send now, if there is one. Call until it answers nothing.
  std::optional<Try> Next(int64_t now_us);

  /// Nothing is sent until SetIdentity.
  bool needs_identity() const {
    return options_.idempotent && !identity_.has_value() && !batches_.empty();
  }
  bool empty() const { return batches_.empty(); }
  /// The youngest batch still takes a record of that size.
  bool HasRoomFor(size_t charged_bytes) const;
  /// When Next or Expire may have something to do though nothing else happens. INT64_MAX: never.
  int64_t NextDueUs(int64_t now_us) const;

  /// A batch that is through: every callback gets its offset, or the error.
  struct Finished {
    std::vector<DeliveryCallback> callbacks;
    Result<int64_t> base_offset = int64_t{0};
    size_t charged_bytes = 0;
  };
  /// In the order of the records.
  std::vector<Finished> TakeFinished() { return std::exchange(finished_, {}); }

 private:
  enum class State { kOpen, kWaiting, kInFlight, kDone };

  struct Batch {
    explicit Batch(storage::Compression compression) : builder(compression) {}
    State state = State::kOpen;
    storage::BatchBuilder builder;  // while kOpen
    Bytes encoded;                  // afterwards
    int32_t count = 0;
    bool numbered = false;                  // has a sequence under the present identity
    bool maybe_written = false;             // a try of unknown fate was made
    int64_t number = 0;                     // of the try under way
    Result<int64_t> outcome = int64_t{-1};  // kDone: the base offset, or why it was given up
    int64_t opened_us = 0;
    int64_t expires_us = 0;
    size_t charged_bytes = 0;
    std::vector<DeliveryCallback> callbacks;
  };

  bool has_open_batch() const { return !batches_.empty() && batches_.back().state == State::kOpen; }
  bool ReadyToSend(const Batch& batch, int64_t now_us) const;
  /// False: it could not be encoded, and was given up.
  bool Encode(Batch* batch);
  void Number(Batch* batch);
  Batch* FindInFlight(int64_t number);
  bool IsOldestUnfinished(const Batch& batch) const;
  static Error FateUnknown(const Error& error);
  /// What a failed try means for its batch: try again, or the error that it ends with.
  std::optional<Error> Verdict(const Batch& batch, const Failure& failure);
  void RetryLater(int64_t now_us);
  void GiveUp(Batch* batch, Error error);
  /// Ends batches in their order, and a failure once all that was under way is answered.
  void Settle();
  /// Once nothing is under way: makes good for the hole in the sequences that GiveUp left.
  void Renumber();

  const ProducerOptions options_;
  // Invariants:
  //  1. Only the last batch is kOpen; only it may be unencoded.
  //  2. In-flight batches have numbers in the order of the queue.
  //  3. Numbered batches have consecutive sequences, in the order of the queue, the last ends
  //  before
  //     next_sequence_, unless renumber_ is set.
  std::deque<Batch> batches_;
  std::optional<ProducerIdentity> identity_;
  int32_t next_sequence_ = 0;
  int64_t last_number_ = 0;
  int in_flight_ = 0;
  bool draining_ = false;  // a try failed: nothing is sent until in_flight_ is 0
  bool renumber_ = false;  // a numbered batch was given up
  bool flushing_ = false;  // until the open batch is sent
  int64_t retry_at_us_ = 0;
  int64_t backoff_us_ = 0;  // 0: the last try went well
  Error last_error_;
  std::vector<Finished> finished_;
};

}  // namespace jangada::client
