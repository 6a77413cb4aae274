// Kafka RecordBatch v2 (magic 2): the one encoding of records from producer to disk to consumer.
// ReadBatchHeader reads a batch in place; ValidateBatch is what every batch from outside passes
// before it is appended; BatchBuilder makes one from plain records. Layout: docs/on-disk-format.md.
//
// Base offset, batch length and leader epoch lie outside the CRC: WithBatchOffset fills them in
// when a batch is served. Plain functions and values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "jangada/record.h"

namespace jangada::storage {

inline constexpr size_t kBatchHeaderSize = 61;
inline constexpr int64_t kNoProducerId = -1;

using jangada::Compression;
using jangada::Record;
using Header = jangada::RecordHeader;

/// The 61 bytes before the records.
struct BatchHeader {
  int64_t base_offset = 0;
  int32_t batch_length = 0;  // bytes after this field: the whole batch is 12 + batch_length
  int32_t leader_epoch = -1;
  int8_t magic = 2;
  uint32_t crc = 0;  // CRC32C of everything from `attributes` on
  int16_t attributes = 0;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp_ms = 0;
  int64_t max_timestamp_ms = -1;
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = -1;
  int32_t base_sequence = -1;
  int32_t record_count = 0;

  size_t size() const { return 12 + static_cast<size_t>(batch_length); }
  Compression compression() const { return static_cast<Compression>(attributes & 7); }
  bool log_append_time() const { return (attributes & 8) != 0; }
  bool transactional() const { return (attributes & 16) != 0; }
  bool control() const { return (attributes & 32) != 0; }
};

/// The header fields, unchecked beyond "61 bytes are there". kCorruptRecord if they are not.
Result<BatchHeader> ReadBatchHeader(std::string_view batch);

struct BatchLimits {
  size_t max_batch_bytes = 1048588;  // Kafka's default for message.max.bytes
};

/// Everything a batch from outside must satisfy: exactly one batch in `batch`, magic 2, a length
/// that agrees, CRC32C, count = last_offset_delta + 1 > 0, no control, transactional or append-time
/// bit, known compression, an epoch and a sequence beside every producer id, and for uncompressed
/// batches every record's length, deltas 0..n-1 and field bounds. Compressed records are checked
/// too when `decompress` is set (bounded by max_batch_bytes * 16). kCorruptRecord, kRecordTooLarge,
/// kInvalidArgument, kUnsupportedVersion.
Result<BatchHeader> ValidateBatch(std::string_view batch, const BatchLimits& limits,
                                  bool decompress);

/// Splits a sequence of whole batches. kCorruptRecord if the last one is cut short or the lengths
/// lie.
Result<std::vector<Bytes>> SplitBatches(const Bytes& batches);

/// The batch as a client must see it: base offset and leader epoch filled in. Copies.
std::string WithBatchOffset(std::string_view batch, int64_t base_offset, int32_t leader_epoch);

/// The first bytes of the same; the rest of the batch follows as it is. For whoever sends the batch
/// in two pieces instead of copying it. REQUIRES: a whole batch.
inline constexpr size_t kServedHeadSize = 16;
std::string ServedHead(std::string_view batch, int64_t base_offset, int32_t leader_epoch);

/// The batch with log-append time: attribute bit set, max timestamp = now, CRC made anew. Copies.
Result<std::string> WithAppendTime(std::string_view batch, int64_t now_ms);

/// The batch under another producer id and sequence, CRC made anew. Copies.
/// REQUIRES: a whole batch.
std::string WithProducer(std::string_view batch, int64_t producer_id, int16_t epoch,
                         int32_t base_sequence);

/// All records of exactly one batch, its CRC checked, with offsets from `base_offset`,
/// decompressed. REQUIRES nothing: bytes may be hostile. Stops with kCorruptRecord; decompressed
/// size is bounded by `max_decompressed`.
Result<std::vector<Record>> DecodeRecords(std::string_view batch, int64_t base_offset,
                                          size_t max_decompressed = 64 << 20);

/// Builds one batch from records, in order. Offsets start at 0 (the log assigns them).
class BatchBuilder {
 public:
  explicit BatchBuilder(Compression compression = Compression::kNone);

  void SetProducer(int64_t producer_id, int16_t epoch, int32_t base_sequence);
  /// record.offset is ignored.
  void Add(const Record& record);

  int32_t count() const { return count_; }
  /// Bytes of the records so far, before compression.
  size_t records_bytes() const { return records_.size(); }
  /// REQUIRES: count() > 0. kInvalidArgument for a compression this build does not have.
  Result<Bytes> Build();

 private:
  Compression compression_;
  int64_t producer_id_ = kNoProducerId;
  int16_t producer_epoch_ = -1;
  int32_t base_sequence_ = -1;
  int64_t base_timestamp_ms_ = 0;
  int64_t max_timestamp_ms_ = -1;
  int32_t count_ = 0;
  std::string records_;
};

}  // namespace jangada::storage
