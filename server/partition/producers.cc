#include "server/partition/producers.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"

namespace jangada::server {
namespace {

constexpr uint32_t kSequences = uint32_t{1} << 31;  // 0 .. 2^31 - 1

/// How far `sequence` lies behind `next`, around the circle.
uint32_t Behind(int32_t sequence, int32_t next) {
  return (static_cast<uint32_t>(next) - static_cast<uint32_t>(sequence)) & (kSequences - 1);
}

std::string Name(const ProducerBatch& batch) {
  return "producer " + std::to_string(batch.producer_id) + " epoch " + std::to_string(batch.epoch);
}

Error OutOfOrder(const ProducerBatch& batch, int32_t expected) {
  return {ErrorCode::kOutOfOrderSequence,
          Name(batch) + " sent sequence " + std::to_string(batch.sequence) + " but " +
              std::to_string(expected) + " comes next; an earlier batch was not appended"};
}

/// A batch of a producer (or an epoch of one) that the log knows nothing of yet.
Result<BatchVerdict> CheckFirst(const ProducerBatch& batch, bool known) {
  if (batch.sequence == 0) return BatchVerdict(BatchIsNew());
  if (known) return OutOfOrder(batch, 0);
  return Error{ErrorCode::kUnknownProducer,
               Name(batch) + " is not known here (it was idle for too long), yet its sequence is " +
                   std::to_string(batch.sequence) +
                   "; ask for a new producer id and start at sequence 0"};
}

Error Fenced(const ProducerBatch& batch, int16_t epoch) {
  return {ErrorCode::kProducerFenced, Name(batch) + " was replaced by epoch " +
                                          std::to_string(epoch) +
                                          " of the same producer; stop this one"};
}

/// Neither what comes next nor a batch that is remembered.
Error CheckPast(const ProducerBatch& batch, int32_t next) {
  const uint32_t behind = Behind(batch.sequence, next);
  const bool is_past = behind >= static_cast<uint32_t>(batch.count) && behind < kSequences / 2;
  if (!is_past) return OutOfOrder(batch, next);
  return {ErrorCode::kDuplicateSequence,
          Name(batch) + " repeats sequence " + std::to_string(batch.sequence) +
              ", which is in the log, but too long ago for its offset to be remembered"};
}

}  // namespace

int32_t NextSequence(int32_t sequence, int32_t count) {
  return static_cast<int32_t>((static_cast<uint32_t>(sequence) + static_cast<uint32_t>(count)) &
                              (kSequences - 1));
}

int32_t ProducerBatch::last_sequence() const { return NextSequence(sequence, count - 1); }

// ---- Producers ----

const Producers::Producer* Producers::Find(int64_t producer_id) const {
  const auto it = producers_.find(producer_id);
  return it == producers_.end() ? nullptr : &it->second;
}

void Producers::Apply(const ProducerBatch& batch, int64_t base_offset, int64_t timestamp_ms) {
  Producer& producer = producers_[batch.producer_id];
  if (!producer.window.empty()) by_age_.erase(producer.last_offset());
  if (producer.epoch != batch.epoch) producer.window.clear();
  producer.epoch = batch.epoch;
  if (producer.window.size() == kWindow) producer.window.erase(producer.window.begin());
  producer.window.push_back({batch.sequence, batch.last_sequence(), base_offset, timestamp_ms});
  by_age_[base_offset] = batch.producer_id;
  while (producers_.size() > max_producers_) EvictOldest();
}

void Producers::EvictOldest() {
  producers_.erase(by_age_.begin()->second);
  by_age_.erase(by_age_.begin());
}

void Producers::Expire(const Idle& idle) {
  const auto it = producers_.find(idle.producer_id);
  if (it == producers_.end() || it->second.last_offset() != idle.last_offset) return;
  by_age_.erase(it->second.last_offset());
  producers_.erase(it);
}

void Producers::Clear() {
  producers_.clear();
  by_age_.clear();
}

void Producers::EncodeTo(std::string* out) const {
  AppendUnsignedVarint(out, producers_.size());
  for (const auto& [id, producer] : producers_) {
    AppendVarint(out, id);
    AppendVarint(out, producer.epoch);
    AppendUnsignedVarint(out, producer.window.size());
    for (const Appended& batch : producer.window) {
      AppendVarint(out, batch.sequence);
      AppendVarint(out, batch.last_sequence);
      AppendVarint(out, batch.base_offset);
      AppendVarint(out, batch.timestamp_ms);
    }
  }
}

Status Producers::DecodeFrom(ByteReader* in) {
  const Error damaged{ErrorCode::kDataCorrupt,
                      "the producers in a partition's checkpoint are damaged"};
  Clear();
  const uint64_t count = in->UnsignedVarint();
  for (uint64_t i = 0; i < count && in->ok(); ++i) {
    const int64_t id = in->Varint();
    Producer producer;
    producer.epoch = static_cast<int16_t>(in->Varint());
    const uint64_t batches = in->UnsignedVarint();
    if (batches == 0 || batches > kWindow) return damaged;
    for (uint64_t j = 0; j < batches; ++j) {
      Appended batch;
      batch.sequence = static_cast<int32_t>(in->Varint());
      batch.last_sequence = static_cast<int32_t>(in->Varint());
      batch.base_offset = in->Varint();
      batch.timestamp_ms = in->Varint();
      producer.window.push_back(batch);
    }
    if (!in->ok() || !by_age_.emplace(producer.last_offset(), id).second) return damaged;
    if (!producers_.emplace(id, std::move(producer)).second) return damaged;
  }
  if (!in->ok()) return damaged;
  return Status();
}

// ---- ProducersInFlight ----

Result<BatchVerdict> ProducersInFlight::Check(const Producers& applied,
                                              const ProducerBatch& batch) const {
  if (batch.epoch < 0 || batch.sequence < 0 || batch.count <= 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "a batch with a producer id needs an epoch and a sequence of 0 or more"};
  }
  // What is under way follows what is applied, so the newest epoch and sequence are the last
  // flight's.
  const Producers::Producer* producer = applied.Find(batch.producer_id);
  const auto under_way = flights_.find(batch.producer_id);
  const ProducerBatch* last_flight =
      under_way == flights_.end() ? nullptr : &under_way->second.back().batch;
  if (producer == nullptr && last_flight == nullptr) return CheckFirst(batch, false);

  const int16_t epoch = last_flight != nullptr ? last_flight->epoch : producer->epoch;
  if (batch.epoch < epoch) return Fenced(batch, epoch);
  if (batch.epoch > epoch) return CheckFirst(batch, true);

  const int32_t last =
      last_flight != nullptr ? last_flight->last_sequence() : producer->window.back().last_sequence;
  const int32_t next = NextSequence(last, 1);
  if (batch.sequence == next) return BatchVerdict(BatchIsNew());
  if (last_flight != nullptr) {
    for (const Flight& flight : under_way->second) {
      if (flight.batch == batch) return BatchVerdict(BatchIsInFlight{flight.flight});
    }
  }
  if (producer != nullptr && producer->epoch == batch.epoch) {
    for (const Producers::Appended& there : producer->window) {
      if (there.sequence == batch.sequence && there.last_sequence == batch.last_sequence()) {
        return BatchVerdict(BatchIsInLog{there});
      }
    }
  }
  return CheckPast(batch, next);
}

void ProducersInFlight::OnProposed(const ProducerBatch& batch, uint64_t flight) {
  flights_[batch.producer_id].push_back({batch, flight});
}

void ProducersInFlight::OnRefused(const ProducerBatch& batch) {
  const auto it = flights_.find(batch.producer_id);
  CHECK(it != flights_.end() && it->second.back().batch == batch);
  it->second.pop_back();
  if (it->second.empty()) flights_.erase(it);
}

std::optional<uint64_t> ProducersInFlight::OnApplied(const ProducerBatch& batch) {
  const auto it = flights_.find(batch.producer_id);
  if (it == flights_.end() || it->second.front().batch != batch) return std::nullopt;
  const uint64_t flight = it->second.front().flight;
  it->second.pop_front();
  if (it->second.empty()) flights_.erase(it);
  return flight;
}

// ---- IdleProducers ----

std::vector<Producers::Idle> IdleProducers::Check(const Producers& producers, int64_t now_us,
                                                  int64_t expiration_us) {
  std::vector<Producers::Idle> idle;
  std::map<int64_t, Seen> seen;
  for (const auto& [id, producer] : producers.all()) {
    const auto before = seen_.find(id);
    if (before == seen_.end() || before->second.last_offset != producer.last_offset()) {
      seen[id] = {producer.last_offset(), now_us};
      continue;
    }
    seen[id] = before->second;
    if (now_us - before->second.since_us >= expiration_us) {
      idle.push_back({id, producer.last_offset()});
    }
  }
  seen_ = std::move(seen);
  return idle;
}

}  // namespace jangada::server
