#include "storage/record_batch.h"

#include <algorithm>
#include <limits>

#include "base/coding.h"
#include "base/crc32c.h"
#include "storage/record_batch_codec.h"
#include "storage/record_batch_layout.h"
#include "storage/record_batch_records.h"

namespace jangada::storage {
namespace {

/// How much more than a batch's bytes its records may become: what an honest codec reaches on text.
constexpr size_t kMaxCompressionRatio = 16;

Error Corrupt(const std::string& what) {
  return {ErrorCode::kCorruptRecord, "the batch is damaged: " + what + "; send it again"};
}

/// The header of a batch that fills `batch` exactly, of our version, its CRC right.
Result<BatchHeader> CheckFrame(std::string_view batch) {
  TRY_ASSIGN(BatchHeader header, ReadBatchHeader(batch));
  if (header.magic != kMagicV2) {
    return Error{ErrorCode::kUnsupportedVersion, "record batches must have magic 2, not " +
                                                     std::to_string(header.magic) +
                                                     "; use a newer client"};
  }
  if (header.batch_length < 0 || header.size() > batch.size()) {
    return Corrupt("its length field says " + std::to_string(header.batch_length) + " but " +
                   std::to_string(batch.size()) + " bytes came");
  }
  if (header.size() < batch.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 "exactly one record batch is taken at a time; send the "
                 "others in requests of their own"};
  }
  if (Crc32c(batch.substr(kCrcCoversFrom)) != header.crc)
    return Corrupt("its CRC32C does not match");
  return header;
}

/// What a client may not say about its own batch.
Status CheckAttributes(const BatchHeader& header) {
  const auto refuse = [](const char* why) { return Error{ErrorCode::kInvalidArgument, why}; };
  if (header.compression() > Compression::kZstd) {
    return refuse("the batch's compression is unknown; use none, gzip, snappy, lz4 or zstd");
  }
  if (header.control()) return refuse("clients may not write control batches");
  if (header.transactional()) {
    return refuse("transactions are not supported; produce without a transactional id");
  }
  if (header.log_append_time()) {
    return refuse("producers may not set log-append time; the topic's configuration does");
  }
  if (header.producer_id >= 0 && (header.producer_epoch < 0 || header.base_sequence < 0)) {
    return refuse("a batch with a producer id needs an epoch and a sequence of 0 or more");
  }
  if (header.producer_id < kNoProducerId) {
    return refuse("a producer id is 0 or more, or -1 for none");
  }
  return {};
}

Status CheckRecords(std::string_view records, int32_t count) {
  RecordWalker walker(records, count);
  for (;;) {
    TRY_ASSIGN(const auto record, walker.Next());
    if (!record.has_value()) return {};
  }
}

/// Writes the CRC of what the batch now holds.
void Seal(std::string* batch) {
  StoreBig(batch->data() + kCrcAt, Crc32c(std::string_view(*batch).substr(kCrcCoversFrom)));
}

}  // namespace

Result<BatchHeader> ReadBatchHeader(std::string_view batch) {
  if (batch.size() < kBatchHeaderSize) {
    return Corrupt("it has " + std::to_string(batch.size()) + " bytes, less than its header");
  }
  ByteReader in(batch);
  BatchHeader header;
  header.base_offset = in.Big<int64_t>();
  header.batch_length = in.Big<int32_t>();
  header.leader_epoch = in.Big<int32_t>();
  header.magic = in.Big<int8_t>();
  header.crc = in.Big<uint32_t>();
  header.attributes = in.Big<int16_t>();
  header.last_offset_delta = in.Big<int32_t>();
  header.base_timestamp_ms = in.Big<int64_t>();
  header.max_timestamp_ms = in.Big<int64_t>();
  header.producer_id = in.Big<int64_t>();
  header.producer_epoch = in.Big<int16_t>();
  header.base_sequence = in.Big<int32_t>();
  header.record_count = in.Big<int32_t>();
  return header;
}

Result<BatchHeader> ValidateBatch(std::string_view batch, const BatchLimits& limits,
                                  bool decompress) {
  if (batch.size() > limits.max_batch_bytes) {
    return Error{ErrorCode::kRecordTooLarge, "the batch has " + std::to_string(batch.size()) +
                                                 " bytes, more than the limit of " +
                                                 std::to_string(limits.max_batch_bytes) +
                                                 "; send smaller batches, or raise the topic's "
                                                 "max.message.bytes"};
  }
  TRY_ASSIGN(const BatchHeader header, CheckFrame(batch));
  TRY(CheckAttributes(header));
  if (header.record_count <= 0 || header.last_offset_delta != header.record_count - 1) {
    return Corrupt("it declares " + std::to_string(header.record_count) +
                   " records and a last offset delta of " +
                   std::to_string(header.last_offset_delta));
  }
  const std::string_view records = batch.substr(kBatchHeaderSize);
  const size_t max_decompressed = limits.max_batch_bytes * kMaxCompressionRatio;
  if (header.compression() == Compression::kNone) {
    TRY(CheckRecords(records, header.record_count));
  } else if (decompress) {
    TRY_ASSIGN(const std::string plain,
               Decompress(header.compression(), records, max_decompressed));
    TRY(CheckRecords(plain, header.record_count));
  } else if (static_cast<size_t>(header.record_count) > max_decompressed / kSmallestRecord) {
    return Corrupt("it declares more records than its bytes can hold");
  }
  return header;
}

Result<std::vector<Bytes>> SplitBatches(const Bytes& batches) {
  std::vector<Bytes> split;
  size_t at = 0;
  while (at < batches.size()) {
    TRY_ASSIGN(const BatchHeader header, ReadBatchHeader(batches.view().substr(at)));
    if (header.batch_length < 0 || header.size() < kBatchHeaderSize ||
        header.size() > batches.size() - at) {
      return Corrupt("its length field does not fit the bytes that came");
    }
    split.push_back(batches.Slice(at, header.size()));
    at += header.size();
  }
  return split;
}

std::string WithBatchOffset(std::string_view batch, int64_t base_offset, int32_t leader_epoch) {
  return ServedHead(batch, base_offset, leader_epoch).append(batch.substr(kServedHeadSize));
}

std::string ServedHead(std::string_view batch, int64_t base_offset, int32_t leader_epoch) {
  static_assert(kServedHeadSize == kLeaderEpochAt + sizeof leader_epoch);
  CHECK_GE(batch.size(), kBatchHeaderSize);
  std::string head(batch.substr(0, kServedHeadSize));
  StoreBig(head.data() + kBaseOffsetAt, base_offset);
  StoreBig(head.data() + kLeaderEpochAt, leader_epoch);
  return head;
}

Result<std::string> WithAppendTime(std::string_view batch, int64_t now_ms) {
  TRY_ASSIGN(const BatchHeader header, ReadBatchHeader(batch));
  std::string copy(batch);
  StoreBig(copy.data() + kAttributesAt,
           static_cast<int16_t>(header.attributes | kLogAppendTimeBit));
  StoreBig(copy.data() + kMaxTimestampAt, now_ms);
  Seal(&copy);
  return copy;
}

std::string WithProducer(std::string_view batch, int64_t producer_id, int16_t epoch,
                         int32_t base_sequence) {
  CHECK_GE(batch.size(), kBatchHeaderSize);
  std::string copy(batch);
  StoreBig(copy.data() + kProducerIdAt, producer_id);
  StoreBig(copy.data() + kProducerEpochAt, epoch);
  StoreBig(copy.data() + kBaseSequenceAt, base_sequence);
  Seal(&copy);
  return copy;
}

Result<std::vector<Record>> DecodeRecords(std::string_view batch, int64_t base_offset,
                                          size_t max_decompressed) {
  TRY_ASSIGN(const BatchHeader header, CheckFrame(batch));
  if (header.compression() > Compression::kZstd) return Corrupt("its compression is unknown");
  // Of the caller, who may have it from outside: the CRC does not cover it.
  const int64_t count = std::max(header.record_count, 0);  // RecordWalker refuses less than 1
  if (base_offset < 0 || base_offset > std::numeric_limits<int64_t>::max() - count) {
    return Corrupt("its records cannot begin at offset " + std::to_string(base_offset));
  }
  std::string_view bytes = batch.substr(kBatchHeaderSize);
  std::string plain;
  if (header.compression() != Compression::kNone) {
    TRY_ASSIGN(plain, Decompress(header.compression(), bytes, max_decompressed));
    bytes = plain;
  }
  std::vector<Record> records;  // grows as records come: the declared count is only a claim
  RecordWalker walker(bytes, header.record_count);
  for (;;) {
    TRY_ASSIGN(const auto view, walker.Next());
    if (!view.has_value()) return records;
    Record record;
    record.offset = base_offset + view->offset_delta;
    // Unsigned, because a hostile delta may overflow and wrapping is as good an answer as any.
    record.timestamp_ms =
        header.log_append_time()
            ? header.max_timestamp_ms
            : static_cast<int64_t>(static_cast<uint64_t>(header.base_timestamp_ms) +
                                   static_cast<uint64_t>(view->timestamp_delta_ms));
    if (view->key.has_value()) record.key = std::string(*view->key);
    if (view->value.has_value()) record.value = std::string(*view->value);
    record.headers = DecodeHeaders(*view);
    records.push_back(std::move(record));
  }
}

}  // namespace jangada::storage
