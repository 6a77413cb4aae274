// RecordBatch v2: the bytes of Kafka's protocol guide, every refusal, every codec, and hostile
// bytes.
#include "storage/record_batch.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "storage/record_batch_codec.h"

namespace jangada::storage {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

/// Three records, written byte by byte from the protocol guide by another program, CRC included.
std::string GoldenBatch() {
  return FromHex(
      "0000000000000000"                // base offset
      "00000055"                        // length of what follows
      "ffffffff"                        // leader epoch
      "02"                              // magic
      "26edcc27"                        // CRC32C
      "0000"                            // attributes
      "00000002"                        // last offset delta
      "0000018bcfe56800"                // base timestamp 1700000000000
      "0000018bcfe56805"                // max timestamp
      "0000000000001092"                // producer id 4242
      "0007"                            // producer epoch
      "00000064"                        // base sequence 100
      "00000003"                        // record count
      "1c000000066b65790a76616c756500"  // key, value
      "1a000a0201000402680278026e01"    // null key, empty value, h=x, n=null
      "0c000504000100");                // earlier time, empty key, null value
}

std::vector<Record> GoldenRecords() {
  return {
      {.offset = 0, .timestamp_ms = 1700000000000, .key = "key", .value = "value", .headers = {}},
      {.offset = 1,
       .timestamp_ms = 1700000000005,
       .key = std::nullopt,
       .value = "",
       .headers = {{"h", "x"}, {"n", std::nullopt}}},
      {.offset = 2, .timestamp_ms = 1699999999997, .key = "", .value = std::nullopt, .headers = {}},
  };
}

/// Makes the CRC right again, so that a test reaches the checks behind it.
std::string Resealed(std::string batch) {
  StoreBig(batch.data() + 17, Crc32c(std::string_view(batch).substr(21)));
  return batch;
}

/// The golden batch with some field overwritten and the CRC made right.
template <class Int>
std::string With(size_t at, Int value) {
  std::string batch = GoldenBatch();
  StoreBig(batch.data() + at, value);
  return Resealed(batch);
}

/// A batch around these record bytes, whatever they are.
std::string Wrapped(std::string_view records, int32_t count, Compression compression) {
  std::string batch = GoldenBatch().substr(0, kBatchHeaderSize);
  StoreBig(batch.data() + 8, static_cast<int32_t>(kBatchHeaderSize - 12 + records.size()));
  StoreBig(batch.data() + 21, static_cast<int16_t>(compression));
  StoreBig(batch.data() + 23, count - 1);
  StoreBig(batch.data() + 57, count);
  return Resealed(batch.append(records));
}

ErrorCode CodeOf(std::string_view batch, bool decompress = true) {
  const auto result = ValidateBatch(batch, {}, decompress);
  EXPECT_FALSE(result.ok());
  return result.ok() ? ErrorCode::kInternal : result.error().code;
}

TEST(RecordBatch, GoldenBytesOfTheProtocolGuideAreRead) {
  const auto header = ValidateBatch(GoldenBatch(), {}, true);
  ASSERT_TRUE(header.ok()) << header.error();
  EXPECT_EQ(header->record_count, 3);
  EXPECT_EQ(header->producer_id, 4242);
  EXPECT_EQ(header->producer_epoch, 7);
  EXPECT_EQ(header->base_sequence, 100);
  EXPECT_EQ(header->max_timestamp_ms, 1700000000005);
  const auto records = DecodeRecords(GoldenBatch(), 0);
  ASSERT_TRUE(records.ok()) << records.error();
  EXPECT_EQ(*records, GoldenRecords());
}

TEST(RecordBatch, BuilderWritesTheGoldenBytes) {
  BatchBuilder builder;
  builder.SetProducer(4242, 7, 100);
  for (const Record& record : GoldenRecords()) builder.Add(record);
  EXPECT_EQ(builder.count(), 3);
  EXPECT_EQ(builder.Build()->view(), GoldenBatch());
}

TEST(RecordBatch, TimesThatLieFarApartComeBackAlike) {
  BatchBuilder builder;
  std::vector<Record> records;
  for (const int64_t time : {INT64_MIN, INT64_MAX, int64_t{0}, int64_t{-1}, INT64_MIN}) {
    records.push_back({.offset = static_cast<int64_t>(records.size()),
                       .timestamp_ms = time,
                       .key = std::nullopt,
                       .value = "x",
                       .headers = {}});
    builder.Add(records.back());
  }
  const Bytes batch = *builder.Build();
  EXPECT_EQ(ValidateBatch(batch.view(), {}, true)->max_timestamp_ms, INT64_MAX);
  const auto decoded = DecodeRecords(batch.view(), 0);
  ASSERT_TRUE(decoded.ok()) << decoded.error();
  EXPECT_EQ(*decoded, records);
}

TEST(RecordBatch, OffsetAndEpochAreFilledInWithoutTouchingTheCrc) {
  const std::string served = WithBatchOffset(GoldenBatch(), 1'000'000'007, 9);
  const auto header = ValidateBatch(served, {}, true);
  ASSERT_TRUE(header.ok()) << header.error();
  EXPECT_EQ(header->base_offset, 1'000'000'007);
  EXPECT_EQ(header->leader_epoch, 9);
  EXPECT_EQ(DecodeRecords(served, header->base_offset)->back().offset, 1'000'000'009);
}

TEST(RecordBatch, ANewProducerIdentityIsSealedWithANewCrc) {
  const std::string renumbered = WithProducer(GoldenBatch(), 77, 3, 12);
  const auto header = ValidateBatch(renumbered, {}, true);
  ASSERT_TRUE(header.ok()) << header.error();
  EXPECT_EQ(header->producer_id, 77);
  EXPECT_EQ(header->producer_epoch, 3);
  EXPECT_EQ(header->base_sequence, 12);
  EXPECT_EQ(WithProducer(renumbered, 4242, 7, 100), GoldenBatch());
}

TEST(RecordBatch, AppendTimeReplacesEveryTimestamp) {
  const auto stamped = WithAppendTime(GoldenBatch(), 1800000000000);
  ASSERT_TRUE(stamped.ok());
  const auto records = DecodeRecords(*stamped, 0);
  ASSERT_TRUE(records.ok()) << records.error();
  for (const Record& record : *records) EXPECT_EQ(record.timestamp_ms, 1800000000000);
}

TEST(RecordBatch, EveryFlippedBitAfterTheCrcIsNoticed) {
  for (size_t at = 17; at < GoldenBatch().size(); ++at) {
    std::string batch = GoldenBatch();
    batch[at] = static_cast<char>(batch[at] ^ 0x10);
    EXPECT_EQ(CodeOf(batch), ErrorCode::kCorruptRecord) << at;
  }
}

TEST(RecordBatch, EveryCutIsNoticed) {
  for (size_t size = 0; size < GoldenBatch().size(); ++size) {
    EXPECT_EQ(CodeOf(GoldenBatch().substr(0, size)), ErrorCode::kCorruptRecord) << size;
    EXPECT_FALSE(DecodeRecords(GoldenBatch().substr(0, size), 0).ok()) << size;
  }
}

TEST(RecordBatch, WhatAClientMayNotSayIsRefused) {
  EXPECT_EQ(CodeOf(With<int8_t>(16, 1)), ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(CodeOf(With<int16_t>(21, 32)), ErrorCode::kInvalidArgument) << "control";
  EXPECT_EQ(CodeOf(With<int16_t>(21, 16)), ErrorCode::kInvalidArgument) << "transactional";
  EXPECT_EQ(CodeOf(With<int16_t>(21, 8)), ErrorCode::kInvalidArgument) << "append time";
  EXPECT_EQ(CodeOf(With<int16_t>(21, 5)), ErrorCode::kInvalidArgument) << "unknown codec";
  EXPECT_EQ(CodeOf(With<int16_t>(51, -1)), ErrorCode::kInvalidArgument) << "id without epoch";
  EXPECT_EQ(CodeOf(With<int32_t>(53, -1)), ErrorCode::kInvalidArgument) << "id without sequence";
  EXPECT_EQ(CodeOf(With<int64_t>(43, -2)), ErrorCode::kInvalidArgument) << "negative id";
  EXPECT_EQ(CodeOf(GoldenBatch() + GoldenBatch()), ErrorCode::kInvalidArgument) << "two batches";
}

TEST(RecordBatch, CountsThatDisagreeAreRefused) {
  EXPECT_EQ(CodeOf(With<int32_t>(57, 2)), ErrorCode::kCorruptRecord);
  EXPECT_EQ(CodeOf(With<int32_t>(23, 3)), ErrorCode::kCorruptRecord);
  const std::string records = GoldenBatch().substr(kBatchHeaderSize);
  EXPECT_EQ(CodeOf(Wrapped(records, 2, Compression::kNone)), ErrorCode::kCorruptRecord)
      << "too few";
  EXPECT_EQ(CodeOf(Wrapped(records, 4, Compression::kNone)), ErrorCode::kCorruptRecord)
      << "too many";
  EXPECT_EQ(CodeOf(Wrapped(records, 0, Compression::kNone)), ErrorCode::kCorruptRecord) << "none";
}

TEST(RecordBatch, HugeDeclaredCountsAreRefusedBeforeAnythingIsAllocated) {
  const std::string records = GoldenBatch().substr(kBatchHeaderSize);
  EXPECT_EQ(CodeOf(Wrapped(records, INT32_MAX, Compression::kNone)), ErrorCode::kCorruptRecord);
  const std::string packed = *Compress(Compression::kLz4, records);
  EXPECT_EQ(CodeOf(Wrapped(packed, INT32_MAX, Compression::kLz4), true), ErrorCode::kCorruptRecord);
  EXPECT_EQ(CodeOf(Wrapped(packed, INT32_MAX, Compression::kLz4), false),
            ErrorCode::kCorruptRecord);
  // A record that declares 2^31-1 headers.
  std::string body("\0\0\0\1\1", 5);
  AppendVarint(&body, INT32_MAX);
  std::string record;
  AppendVarint(&record, static_cast<int64_t>(body.size()));
  EXPECT_EQ(CodeOf(Wrapped(record + body, 1, Compression::kNone)), ErrorCode::kCorruptRecord);
}

TEST(RecordBatch, SkippedOffsetDeltasAreRefused) {
  std::string records = GoldenBatch().substr(kBatchHeaderSize);
  records[15 + 3] = 4;  // the second record says delta 2
  EXPECT_EQ(CodeOf(Wrapped(records, 3, Compression::kNone)), ErrorCode::kCorruptRecord);
}

TEST(RecordBatch, OffsetsBeyondTheLastThereCanBeAreRefused) {
  for (const int64_t base_offset : {INT64_MIN, int64_t{-1}, INT64_MAX - 2, INT64_MAX}) {
    const auto records = DecodeRecords(GoldenBatch(), base_offset);
    ASSERT_FALSE(records.ok()) << base_offset;
    EXPECT_EQ(records.error().code, ErrorCode::kCorruptRecord) << base_offset;
  }
  EXPECT_EQ(DecodeRecords(GoldenBatch(), INT64_MAX - 3)->back().offset, INT64_MAX - 1);
}

TEST(RecordBatch, LimitOfTheTopicHolds) {
  const BatchLimits limits{.max_batch_bytes = GoldenBatch().size() - 1};
  EXPECT_EQ(ValidateBatch(GoldenBatch(), limits, true).error().code, ErrorCode::kRecordTooLarge);
}

TEST(RecordBatch, SplittingGivesTheBatchesInOrderWithoutCopies) {
  const std::string other = WithBatchOffset(GoldenBatch(), 3, 1);
  const Bytes both(GoldenBatch() + other);
  const auto split = SplitBatches(both);
  ASSERT_TRUE(split.ok()) << split.error();
  ASSERT_EQ(split->size(), 2U);
  EXPECT_EQ((*split)[0].view(), GoldenBatch());
  EXPECT_EQ((*split)[1].view(), other);
  EXPECT_EQ((*split)[1].data(), both.data() + GoldenBatch().size());
  EXPECT_FALSE(SplitBatches(both.Slice(0, both.size() - 1)).ok());
  EXPECT_FALSE(SplitBatches(Bytes(With<int32_t>(8, -13))).ok());
  EXPECT_TRUE(SplitBatches(Bytes())->empty());
}

// ---- compression ----

class Codec : public testing::TestWithParam<Compression> {};

TEST_P(Codec, BuiltBatchesComeBackAlike) {
  BatchBuilder builder(GetParam());
  std::vector<Record> records;
  for (int i = 0; i < 3000; ++i) {
    records.push_back({.offset = i,
                       .timestamp_ms = 1700000000000 + i,
                       .key = std::to_string(i % 7),
                       .value = "a value that compresses well, number " + std::to_string(i),
                       .headers = {}});
    builder.Add(records.back());
  }
  const Bytes batch = *builder.Build();
  const auto header = ValidateBatch(batch.view(), {}, true);
  ASSERT_TRUE(header.ok()) << header.error();
  EXPECT_EQ(header->compression(), GetParam());
  if (GetParam() != Compression::kNone) {
    EXPECT_LT(batch.size(), builder.records_bytes() / 2);
  }
  EXPECT_EQ(*DecodeRecords(batch.view(), 0), records);
}

TEST_P(Codec, BombsStopAtTheBound) {
  const std::string packed = *Compress(GetParam(), std::string(8 << 20, 'x'));
  EXPECT_EQ(Decompress(GetParam(), packed, 1 << 20).error().code, ErrorCode::kRecordTooLarge);
  EXPECT_EQ(Decompress(GetParam(), packed, 8 << 20)->size(), size_t{8} << 20);
}

INSTANTIATE_TEST_SUITE_P(All, Codec,
                         testing::Values(Compression::kNone, Compression::kGzip, Compression::kLz4,
                                         Compression::kZstd));

TEST(RecordBatchCodec, TruncatedStreamsAreCorrupt) {
  const std::string plain = "some text, some text, some text, some more text";
  for (const auto codec : {Compression::kGzip, Compression::kLz4, Compression::kZstd}) {
    const std::string packed = *Compress(codec, plain);
    for (size_t size = 0; size < packed.size(); ++size) {
      const auto out = Decompress(codec, std::string_view(packed).substr(0, size), 1 << 20);
      ASSERT_FALSE(out.ok()) << static_cast<int>(codec) << " cut at " << size;
      EXPECT_EQ(out.error().code, ErrorCode::kCorruptRecord);
    }
  }
}

TEST(RecordBatchCodec, ConcatenatedFramesAreOneStream) {
  for (const auto codec : {Compression::kGzip, Compression::kLz4, Compression::kZstd}) {
    const auto out = Decompress(codec, *Compress(codec, "log") + *Compress(codec, "raft"), 1 << 20);
    ASSERT_TRUE(out.ok()) << out.error();
    EXPECT_EQ(*out, "lograft");
  }
}

/// A raw snappy block of one literal, by the format's description.
std::string SnappyLiteral(std::string_view text) {
  std::string block;
  AppendUnsignedVarint(&block, text.size());
  block.push_back(static_cast<char>((text.size() - 1) << 2));
  return block.append(text);
}

std::string XerialHeader() { return std::string("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16); }

std::string XerialBlock(std::string_view text) {
  std::string out;
  AppendBig(&out, static_cast<int32_t>(SnappyLiteral(text).size()));
  return out + SnappyLiteral(text);
}

TEST(RecordBatchCodec, SnappyIsReadRawAndInXerialFrames) {
  EXPECT_EQ(*Decompress(Compression::kSnappy, SnappyLiteral("jangada"), 100), "jangada");
  const std::string framed = XerialHeader() + XerialBlock("jan") + XerialBlock("gada");
  EXPECT_EQ(*Decompress(Compression::kSnappy, framed, 100), "jangada");
  EXPECT_EQ(*Decompress(Compression::kSnappy, framed + framed, 100), "jangadajangada");
  const std::string records = GoldenBatch().substr(kBatchHeaderSize);
  const std::string batch = Wrapped(SnappyLiteral(records), 3, Compression::kSnappy);
  ASSERT_TRUE(ValidateBatch(batch, {}, true).ok());
  EXPECT_EQ(*DecodeRecords(batch, 0), GoldenRecords());
}

TEST(RecordBatchCodec, SnappyLengthsThatLieAreRefused) {
  std::string huge;
  AppendUnsignedVarint(&huge, 0xfffffff0U);
  huge += "abc";
  EXPECT_EQ(Decompress(Compression::kSnappy, huge, SIZE_MAX).error().code,
            ErrorCode::kCorruptRecord);
  EXPECT_EQ(Decompress(Compression::kSnappy, SnappyLiteral("jangada"), 6).error().code,
            ErrorCode::kRecordTooLarge);
  std::string framed = XerialHeader() + XerialBlock("jan");
  framed[16] = 0x7f;
  EXPECT_EQ(Decompress(Compression::kSnappy, framed, 100).error().code, ErrorCode::kCorruptRecord);
  EXPECT_EQ(Decompress(Compression::kSnappy, XerialHeader().substr(0, 12), 100).error().code,
            ErrorCode::kCorruptRecord);
}

TEST(RecordBatchCodec, SnappyIsNotWritten) {
  EXPECT_EQ(Compress(Compression::kSnappy, "x").error().code, ErrorCode::kInvalidArgument);
}

// ---- hostile bytes ----

TEST(RecordBatch, MutatedBatchesNeverCrashAndNeverGrowBeyondTheirBound) {
  Random random(20261122);
  std::vector<std::string> seeds = {GoldenBatch()};
  const std::string records = GoldenBatch().substr(kBatchHeaderSize);
  for (const auto codec : {Compression::kGzip, Compression::kLz4, Compression::kZstd}) {
    seeds.push_back(Wrapped(*Compress(codec, records), 3, codec));
  }
  seeds.push_back(Wrapped(SnappyLiteral(records), 3, Compression::kSnappy));
  seeds.push_back(Wrapped(XerialHeader() + XerialBlock(records), 3, Compression::kSnappy));
  constexpr size_t kBound = 1 << 16;
  int accepted = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string batch = seeds[random.Below(seeds.size())];
    for (uint64_t flips = random.Between(1, 4); flips > 0; --flips) {
      batch[random.Below(batch.size())] = static_cast<char>(random.Next());
    }
    if (random.Chance(1, 8)) batch.resize(random.Between(kBatchHeaderSize, batch.size()));
    batch = Resealed(batch);
    const bool valid = ValidateBatch(batch, {}, true).ok();
    const auto decoded = DecodeRecords(batch, 0, kBound);
    if (!valid) continue;
    ++accepted;
    size_t bytes = 0;
    if (!decoded.ok()) continue;  // beyond this test's smaller bound
    for (const Record& record : *decoded) bytes += record.value.value_or("").size();
    EXPECT_LE(bytes, kBound);
  }
  EXPECT_GT(accepted, 0);  // else the mutations test only the first check
}

}  // namespace
}  // namespace jangada::storage
