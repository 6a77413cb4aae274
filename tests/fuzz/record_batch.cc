// Record batches of producers: header, checks, records, with and without their checksum made right
// first (else nearly all inputs would end at the checksum).
#include "storage/record_batch.h"

#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "storage/record_batch_layout.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

constexpr uint8_t kSealed = 1;      // length and checksum are made right
constexpr uint8_t kDecompress = 2;  // compressed records are checked, too
constexpr size_t kMaxUnfolded = 1 << 20;
constexpr storage::BatchLimits kLimits{.max_batch_bytes = kMaxUnfolded / 16};

void Seal(std::string* batch) {
  if (batch->size() < storage::kBatchHeaderSize) return;
  StoreBig(batch->data() + storage::kBatchLengthAt,
           static_cast<int32_t>(batch->size() - storage::kLengthCountsFrom));
  const std::string_view covered = std::string_view(*batch).substr(storage::kCrcCoversFrom);
  StoreBig(batch->data() + storage::kCrcAt, Crc32c(covered));
}

/// What passes the checks can be read, and what was read can be written and read again.
void CheckRecords(std::string_view batch, const storage::BatchHeader& header) {
  const auto records = storage::DecodeRecords(batch, 0, kMaxUnfolded);
  CHECK(records.ok());
  CHECK_EQ(records->size(), static_cast<size_t>(header.record_count));
  storage::BatchBuilder builder(
      header.compression() == Compression::kSnappy ? Compression::kNone : header.compression());
  for (const Record& record : *records) builder.Add(record);
  const Bytes rebuilt = builder.Build().value();
  const auto again = storage::DecodeRecords(rebuilt.view(), 0, 2 * kMaxUnfolded);
  CHECK(again.ok());
  CHECK_EQ(again->size(), records->size());
  for (size_t i = 0; i < records->size(); ++i) {
    CHECK(again->at(i).key == records->at(i).key && again->at(i).value == records->at(i).value);
    CHECK_EQ(again->at(i).headers.size(), records->at(i).headers.size());
  }
}

void CheckServed(const std::string& batch) {
  const std::string served = storage::WithBatchOffset(batch, 7, 3);
  const storage::BatchHeader header = storage::ReadBatchHeader(served).value();
  CHECK_EQ(header.base_offset, 7);
  CHECK(storage::DecodeRecords(storage::WithProducer(batch, 5, 1, 2), 0, kMaxUnfolded).ok());
  CHECK(storage::DecodeRecords(storage::WithAppendTime(batch, 9).value(), 0, kMaxUnfolded).ok());
}

std::string BatchOf(Compression compression, int records, bool idempotent) {
  storage::BatchBuilder builder(compression);
  if (idempotent) builder.SetProducer(12, 3, 70);
  for (int i = 0; i < records; ++i) {
    Record record{.timestamp_ms = 1'700'000'000'000 + i, .value = "value " + std::to_string(i)};
    if (i % 2 == 0) record.key = "key";
    if (i % 3 == 1) record.headers = {{"header", "x"}, {"null", std::nullopt}};
    if (i % 5 == 4) record.value.reset();
    builder.Add(record);
  }
  return builder.Build()->ToString();
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const uint8_t how = input.Byte();
  std::string batch(input.Rest());
  if ((how & kSealed) != 0) Seal(&batch);
  const bool decompress = (how & kDecompress) != 0;

  const auto header = storage::ValidateBatch(batch, kLimits, decompress);
  const auto records = storage::DecodeRecords(batch, int64_t{how} << 55, kMaxUnfolded);
  if (header.ok() && (decompress || header->compression() == Compression::kNone)) {
    CheckRecords(batch, *header);
    CheckServed(batch);
  }
  const Bytes all(std::move(batch));
  if (const auto split = storage::SplitBatches(all); split.ok()) {
    size_t total = 0;
    for (const Bytes& part : *split) total += part.size();
    CHECK_EQ(total, all.size());
  }
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const Compression compression :
       {Compression::kNone, Compression::kGzip, Compression::kLz4, Compression::kZstd}) {
    for (const int records : {1, 6}) {
      seeds.push_back(Seed(kSealed | kDecompress, BatchOf(compression, records, records == 1)));
    }
  }
  seeds.push_back(Seed(0, BatchOf(Compression::kNone, 2, true)));
  seeds.push_back(
      Seed(0, BatchOf(Compression::kNone, 1, false) + BatchOf(Compression::kLz4, 1, false)));
  return seeds;
}

}  // namespace jangada::fuzz
