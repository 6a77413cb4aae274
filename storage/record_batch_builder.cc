// BatchBuilder: records are encoded as they are added; the header, the compression and the CRC come
// at Build.
#include <algorithm>

#include "base/coding.h"
#include "base/crc32c.h"
#include "storage/record_batch.h"
#include "storage/record_batch_codec.h"
#include "storage/record_batch_layout.h"

namespace jangada::storage {
namespace {

size_t NullableSize(const std::optional<std::string>& field) {
  if (!field.has_value()) return VarintSize(-1);
  return VarintSize(static_cast<int64_t>(field->size())) + field->size();
}

void AppendField(std::string* out, std::string_view field) {
  AppendVarint(out, static_cast<int64_t>(field.size()));
  out->append(field);
}

void AppendNullable(std::string* out, const std::optional<std::string>& field) {
  if (field.has_value()) {
    AppendField(out, *field);
  } else {
    AppendVarint(out, -1);
  }
}

size_t BodySize(const Record& record, int64_t timestamp_delta, int32_t offset_delta) {
  size_t size = 1 + VarintSize(timestamp_delta) + VarintSize(offset_delta) +
                NullableSize(record.key) + NullableSize(record.value) +
                VarintSize(static_cast<int64_t>(record.headers.size()));
  for (const Header& header : record.headers) {
    size += VarintSize(static_cast<int64_t>(header.key.size())) + header.key.size() +
            NullableSize(header.value);
  }
  return size;
}

}  // namespace

BatchBuilder::BatchBuilder(Compression compression) : compression_(compression) {}

void BatchBuilder::SetProducer(int64_t producer_id, int16_t epoch, int32_t base_sequence) {
  producer_id_ = producer_id;
  producer_epoch_ = epoch;
  base_sequence_ = base_sequence;
}

void BatchBuilder::Add(const Record& record) {
  if (count_ == 0) base_timestamp_ms_ = record.timestamp_ms;
  max_timestamp_ms_ =
      count_ == 0 ? record.timestamp_ms : std::max(max_timestamp_ms_, record.timestamp_ms);
  // Unsigned: times that lie more than 2^63 ms apart wrap, and DecodeRecords wraps them back.
  const auto timestamp_delta = static_cast<int64_t>(static_cast<uint64_t>(record.timestamp_ms) -
                                                    static_cast<uint64_t>(base_timestamp_ms_));
  AppendVarint(&records_, static_cast<int64_t>(BodySize(record, timestamp_delta, count_)));
  records_.push_back(0);  // attributes: none are defined
  AppendVarint(&records_, timestamp_delta);
  AppendVarint(&records_, count_);
  AppendNullable(&records_, record.key);
  AppendNullable(&records_, record.value);
  AppendVarint(&records_, static_cast<int64_t>(record.headers.size()));
  for (const Header& header : record.headers) {
    AppendField(&records_, header.key);
    AppendNullable(&records_, header.value);
  }
  ++count_;
}

Result<Bytes> BatchBuilder::Build() {
  CHECK_GT(count_, 0);
  std::string packed;
  if (compression_ != Compression::kNone) {
    TRY_ASSIGN(packed, Compress(compression_, records_));
  }
  const std::string& records = compression_ == Compression::kNone ? records_ : packed;

  std::string batch;
  batch.reserve(kBatchHeaderSize + records.size());
  AppendBig<int64_t>(&batch, 0);
  AppendBig(&batch, static_cast<int32_t>(kBatchHeaderSize - kLengthCountsFrom + records.size()));
  AppendBig<int32_t>(&batch, -1);  // leader epoch: the log fills it in
  AppendBig<int8_t>(&batch, kMagicV2);
  AppendBig<uint32_t>(&batch, 0);  // CRC, below
  AppendBig(&batch, static_cast<int16_t>(compression_));
  AppendBig<int32_t>(&batch, count_ - 1);
  AppendBig<int64_t>(&batch, base_timestamp_ms_);
  AppendBig<int64_t>(&batch, max_timestamp_ms_);
  AppendBig<int64_t>(&batch, producer_id_);
  AppendBig<int16_t>(&batch, producer_epoch_);
  AppendBig<int32_t>(&batch, base_sequence_);
  AppendBig<int32_t>(&batch, count_);
  batch.append(records);
  StoreBig(batch.data() + kCrcAt, Crc32c(std::string_view(batch).substr(kCrcCoversFrom)));
  return Bytes(std::move(batch));
}

}  // namespace jangada::storage
