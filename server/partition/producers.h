// Producers: what makes a retried batch harmless. For each idempotent producer it keeps the last
// five batches with their offsets; a repeated batch is answered with the offset that it got, any
// other batch must carry the sequence number that comes next. Part of a partition's replicated
// state: a pure fold of committed batches, without a clock, equal on every replica and in every
// checkpoint.
//
// A leader looks through ProducersInFlight, which adds what it has proposed and not yet applied, so
// that a duplicate of a batch under way is found too. Owned by a shard.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/coding.h"
#include "base/result.h"

namespace jangada::server {

/// What a batch says of its producer. sequence: of its first record; each record takes one, and
/// after 2^31 - 1 comes 0.
struct ProducerBatch {
  int64_t producer_id = -1;
  int16_t epoch = 0;
  int32_t sequence = 0;
  int32_t count = 1;

  int32_t last_sequence() const;
  friend bool operator==(const ProducerBatch&, const ProducerBatch&) = default;
};

/// The sequence number `count` after `sequence`.
int32_t NextSequence(int32_t sequence, int32_t count);

class Producers {
 public:
  /// Kafka's own window: a client has at most five batches under way.
  static constexpr size_t kWindow = 5;

  struct Appended {
    int32_t sequence = 0;
    int32_t last_sequence = 0;
    int64_t base_offset = 0;
    int64_t timestamp_ms = -1;  // the batch's greatest
    friend bool operator==(const Appended&, const Appended&) = default;
  };
  struct Producer {
    int16_t epoch = 0;
    std::vector<Appended> window;  // oldest first; never empty, at most kWindow
    int64_t last_offset() const { return window.back().base_offset; }
    friend bool operator==(const Producer&, const Producer&) = default;
  };
  struct Idle {
    int64_t producer_id = -1;
    int64_t last_offset = -1;  // it goes only if it appended nothing since
    friend bool operator==(const Idle&, const Idle&) = default;
  };

  /// `max_producers` must be the same on every replica: beyond it the producer whose last batch is
  /// oldest is forgotten.
  explicit Producers(size_t max_producers) : max_producers_(max_producers) {}

  const Producer* Find(int64_t producer_id) const;
  /// A batch was committed. Whatever is committed is taken.
  void Apply(const ProducerBatch& batch, int64_t base_offset, int64_t timestamp_ms);
  /// The replicated decision that a producer was idle for too long.
  void Expire(const Idle& idle);
  void Clear();

  const std::map<int64_t, Producer>& all() const { return producers_; }

  void EncodeTo(std::string* out) const;
  /// kDataCorrupt.
  Status DecodeFrom(ByteReader* in);

  friend bool operator==(const Producers& a, const Producers& b) {
    return a.producers_ == b.producers_;
  }

 private:
  void EvictOldest();

  size_t max_producers_;  // constant after construction
  // 1. by_age_ has one element for each producer: its last offset -> its id. Offsets differ.
  std::map<int64_t, Producer> producers_;
  std::map<int64_t, int64_t> by_age_;
};

/// What a leader decides about a batch.
struct BatchIsNew {};
struct BatchIsInLog {
  Producers::Appended where;
};
struct BatchIsInFlight {
  uint64_t flight = 0;
};
using BatchVerdict = std::variant<BatchIsNew, BatchIsInLog, BatchIsInFlight>;

class ProducersInFlight {
 public:
  /// `flight` is what the leader calls a batch that it proposed. kOutOfOrderSequence,
  /// kDuplicateSequence (it is in the log, so long ago that its offset is forgotten),
  /// kProducerFenced, kUnknownProducer, kInvalidArgument.
  Result<BatchVerdict> Check(const Producers& applied, const ProducerBatch& batch) const;

  void OnProposed(const ProducerBatch& batch, uint64_t flight);
  /// The proposal just made was refused: it is not under way after all.
  void OnRefused(const ProducerBatch& batch);
  /// `batch` was applied: the flight that carried it, if this leader proposed it.
  std::optional<uint64_t> OnApplied(const ProducerBatch& batch);
  /// Leadership was lost: the applied state says what became of them.
  void Clear() { flights_.clear(); }

 private:
  struct Flight {
    ProducerBatch batch;
    uint64_t flight = 0;
  };
  std::map<int64_t, std::deque<Flight>> flights_;  // by producer id; no queue is empty
};

/// Which producers were idle for too long, by the leader's own clock: it notes when it last saw
/// each one append. A change of leader starts the wait anew, a jump of the wall clock changes
/// nothing.
class IdleProducers {
 public:
  std::vector<Producers::Idle> Check(const Producers& producers, int64_t now_us,
                                     int64_t expiration_us);
  void Clear() { seen_.clear(); }

 private:
  struct Seen {
    int64_t last_offset = -1;
    int64_t since_us = 0;
  };
  std::map<int64_t, Seen> seen_;
};

}  // namespace jangada::server
