// PartitionState: what a partition's log folds into: where it starts and ends, which term wrote
// what, and its idempotent producers. A pure fold of committed entries: equal logs give equal
// states, whether applied live, replayed after a restart or taken from a checkpoint. No clock; time
// comes in with entries only. Owned by a shard.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "raft/types.h"
#include "server/partition/producers.h"

namespace jangada::server {

// ---- decisions of the leader, replicated as kCommand entries ----

/// Records below `offset` are no longer part of the log.
struct TrimCommand {
  int64_t offset = 0;
  friend bool operator==(const TrimCommand&, const TrimCommand&) = default;
};
struct ExpireProducersCommand {
  std::vector<Producers::Idle> idle;
  friend bool operator==(const ExpireProducersCommand&, const ExpireProducersCommand&) = default;
};
using PartitionCommand = std::variant<TrimCommand, ExpireProducersCommand>;

/// The payload of the entry. Never changes silently: docs/on-disk-format.md.
Bytes EncodeCommand(const PartitionCommand& command);
/// nullopt for bytes that EncodeCommand of this version did not make.
std::optional<PartitionCommand> DecodeCommand(std::string_view payload);

// ---- the state ----

/// The first offset that a term wrote, for OffsetForLeaderEpoch and the epochs of listed offsets.
struct EpochStart {
  raft::Term term = 0;
  int64_t first_offset = 0;
  friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

/// A batch that holds the greatest timestamp of all that follow it.
struct TimePeak {
  int64_t base_offset = 0;
  int64_t timestamp_ms = -1;
  friend bool operator==(const TimePeak&, const TimePeak&) = default;
};

class PartitionState {
 public:
  /// Where timestamps go down for a long time, only the highest peaks are kept.
  static constexpr size_t kMaxPeaks = 128;

  explicit PartitionState(size_t max_producers) : producers_(max_producers) {}

  /// A record batch's producer, if it is idempotent and well-formed.
  static std::optional<ProducerBatch> ProducerOf(const raft::Entry& entry);

  void Apply(const raft::Entry& entry);

  /// Offset after the last committed record.
  int64_t high_watermark() const { return high_watermark_; }
  /// Lowest offset that may be read; may lie inside a batch.
  int64_t log_start_offset() const { return log_start_offset_; }
  const Producers& producers() const { return producers_; }
  /// The term that wrote `offset`; 0 when it was trimmed or is not there.
  raft::Term EpochOf(int64_t offset) const;
  const std::vector<EpochStart>& epochs() const { return epochs_; }
  /// The last term up to `term` that wrote records, and the offset after them; `term` itself and
  /// the log start offset where none is known any more.
  struct TermEnd {
    raft::Term term = 0;
    int64_t end_offset = 0;
  };
  TermEnd EndOf(raft::Term term) const;
  /// The batch with the greatest timestamp of all that may be read; nullopt when there is none.
  std::optional<TimePeak> latest_peak() const;

  /// Its own, versioned encoding; offsets travel beside it in the checkpoint.
  Bytes Encode() const;
  /// An empty `state` is that of a new partition. kDataCorrupt or kUnsupportedVersion.
  Status Restore(std::string_view state, int64_t next_offset, int64_t log_start_offset);

  friend bool operator==(const PartitionState&, const PartitionState&) = default;

 private:
  void ApplyRecords(const raft::Entry& entry);
  void ApplyCommand(const PartitionCommand& command);
  void Trim(int64_t offset);

  // 1. 0 <= log_start_offset_ <= high_watermark_; neither goes back.
  int64_t high_watermark_ = 0;
  int64_t log_start_offset_ = 0;
  // 2. Terms and offsets ascend; at most one begins at or below log_start_offset_.
  std::vector<EpochStart> epochs_;
  // 3. Offsets ascend, timestamps descend.
  std::deque<TimePeak> peaks_;
  Producers producers_;
};

}  // namespace jangada::server
