// What a few bytes declare to be huge is refused before memory is taken for it: one test a decoder,
// each of which watches every allocation.
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <zstd.h>

#include <functional>

#include "base/coding.h"
#include "base/crc32c.h"
#include "server/controller/founding.h"
#include "server/controller/records.h"
#include "server/controller/requests.h"
#include "server/groups/consumer_protocol.h"
#include "server/groups/records.h"
#include "server/groups/shard_state.h"
#include "server/kafka/apis.h"
#include "server/kafka/frame_cutter.h"
#include "server/kafka/protocol.h"
#include "server/partition/folded_state.h"
#include "server/partition/partition_state.h"
#include "server/partition_calls.h"
#include "server/transport/wire.h"
#include "storage/log_store.h"
#include "storage/record_batch.h"
#include "storage/record_batch_codec.h"
#include "storage/record_batch_layout.h"
#include "tests/fuzz/allocations.h"
#include "tests/fuzz/kafka_desk.h"

namespace jangada::fuzz {
namespace {

/// What an honest small input may take, with all that a decoder keeps for itself.
constexpr size_t kSmall = 1 << 20;
/// lz4's own buffers, for one block of the largest size in its format.
constexpr size_t kLz4Buffers = 9 << 20;
constexpr size_t kMaxBytes = 64 << 20;

/// The bytes that `decode` takes, all in all.
size_t BytesTakenBy(const std::function<void()>& decode) {
  const AllocationWatch watch;
  decode();
  return watch.bytes();
}

std::string Varint(uint64_t value) {
  std::string out;
  AppendUnsignedVarint(&out, value);
  return out;
}
const std::string kHuge = Varint(uint64_t{1} << 40);

TEST(AllocationWatch, SeesWhatIsAllocated) {
  EXPECT_GE(BytesTakenBy([] { std::string(3 << 20, 'x').front() = 'y'; }), size_t{3} << 20);
  EXPECT_LT(BytesTakenBy([] {}), 1024U);
}

// ---- record batches ----

std::string Batch(int32_t declared_length, int32_t declared_records, std::string_view records) {
  storage::BatchBuilder builder;
  builder.Add({.value = "v"});
  std::string batch = builder.Build()->ToString().substr(0, storage::kBatchHeaderSize);
  batch.append(records);
  StoreBig(batch.data() + storage::kBatchLengthAt, declared_length);
  constexpr size_t kLastDeltaAt = 23;
  StoreBig(batch.data() + kLastDeltaAt, declared_records - 1);
  StoreBig(batch.data() + storage::kBatchHeaderSize - sizeof(int32_t), declared_records);
  const std::string_view covered = std::string_view(batch).substr(storage::kCrcCoversFrom);
  StoreBig(batch.data() + storage::kCrcAt, Crc32c(covered));
  return batch;
}

void ExpectRefusedBatch(const std::string& batch) {
  const size_t taken = BytesTakenBy([&] {
    EXPECT_FALSE(storage::ValidateBatch(batch, {}, true).ok());
    EXPECT_FALSE(storage::DecodeRecords(batch, 0).ok());
  });
  EXPECT_LT(taken, kSmall);
}

int32_t TrueLength(std::string_view records) {
  return static_cast<int32_t>(storage::kBatchHeaderSize + records.size() -
                              storage::kLengthCountsFrom);
}

TEST(DeclaredSizes, OfABatch) {
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  ExpectRefusedBatch(Batch(kMost, 1, "x"));
  ExpectRefusedBatch(Batch(TrueLength("0123456"), kMost, "0123456"));
}

TEST(DeclaredSizes, OfRecordsKeysAndHeaders) {
  std::string huge;
  AppendVarint(&huge, std::numeric_limits<int32_t>::max());
  const std::string head("\0\0\0", 3);  // attributes and both deltas
  for (const std::string& body :
       {huge, head + huge, head + "\x01" + huge, head + "\x01\x01" + huge}) {
    std::string record = huge;
    if (body != huge) {
      record.clear();
      AppendVarint(&record, static_cast<int64_t>(body.size()));
      record += body;
    }
    ExpectRefusedBatch(Batch(TrueLength(record), 1, record));
  }
}

// ---- codecs ----

size_t BytesTakenToUnpack(Compression compression, const std::string& bytes) {
  return BytesTakenBy(
      [&] { EXPECT_FALSE(storage::Decompress(compression, bytes, kMaxBytes).ok()); });
}

TEST(DeclaredSizes, OfZstd) {
  // Magic, a descriptor, a window of 2^27 or of 2^31 bytes, a content of 2^60 bytes, and the head
  // of a block that is not there.
  for (const char window : {'\x88', '\xa8'}) {
    const std::string frame = std::string("\x28\xb5\x2f\xfd\xc0", 5) + window +
                              std::string("\0\0\0\0\0\0\0\x10", 8) + std::string("\xff\xff\x01", 3);
    EXPECT_LT(BytesTakenToUnpack(Compression::kZstd, frame), kSmall);
  }
}

TEST(DeclaredSizes, OfZstdDoNotKeepALargeWindowFromBeingRead) {
  const std::string text(100'000, 'a');
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                   ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, 27);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_outBuffer out{packed.data(), packed.size(), 0};
  ASSERT_EQ(ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_continue), 0U);
  ASSERT_EQ(ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_end), 0U);
  packed.resize(out.pos);
  std::string back;
  const size_t taken = BytesTakenBy(
      [&] { back = storage::Decompress(Compression::kZstd, packed, kMaxBytes).value(); });
  EXPECT_EQ(back, text);
  EXPECT_LT(taken, kSmall);
}

TEST(DeclaredSizes, OfLz4) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max4MB;
  preferences.frameInfo.contentSize = uint64_t{1} << 60;
  std::string frame(64, '\0');
  LZ4F_cctx* context = nullptr;
  ASSERT_FALSE(LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)));
  const size_t head = LZ4F_compressBegin(context, frame.data(), frame.size(), &preferences);
  LZ4F_freeCompressionContext(context);
  ASSERT_FALSE(LZ4F_isError(head));
  frame.resize(head);
  frame += std::string("\xff\xff\x3f\x00", 4) + "block";
  EXPECT_LT(BytesTakenToUnpack(Compression::kLz4, frame), kLz4Buffers);
}

TEST(DeclaredSizes, OfSnappy) {
  const std::string block = Varint(0xffffffff) + "few";
  EXPECT_LT(BytesTakenToUnpack(Compression::kSnappy, block), kSmall);
  const std::string framed = std::string("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
  EXPECT_LT(BytesTakenToUnpack(Compression::kSnappy, framed + "\x7f\xff\xff\xff" + block), kSmall);
  EXPECT_LT(BytesTakenToUnpack(Compression::kSnappy, framed + std::string("\0\0\0\x08", 4) + block),
            kSmall);
}

// ---- what is on the disk and between nodes ----

TEST(DeclaredSizes, OfAMembership) {
  const size_t taken = BytesTakenBy(
      [] { EXPECT_FALSE(raft::DecodeMembership("\x01" + kHuge + "\x02").has_value()); });
  EXPECT_LT(taken, kSmall);
}

TEST(DeclaredSizes, OfACheckpoint) {
  std::string bytes = "\x01" + std::string(24, '\0') + kHuge;
  AppendBig<uint32_t>(&bytes, Crc32c(bytes));
  const size_t taken = BytesTakenBy([&] { EXPECT_FALSE(storage::DecodeCheckpoint(bytes).ok()); });
  EXPECT_LT(taken, kSmall);
}

TEST(DeclaredSizes, OfAReplicasState) {
  const Bytes bytes("\x01" + std::string(24, '\0') + kHuge);
  const size_t taken = BytesTakenBy([&] { EXPECT_FALSE(server::DecodeFoldedState(bytes).ok()); });
  EXPECT_LT(taken, kSmall);
}

TEST(DeclaredSizes, OfAPartitionsState) {
  const std::string none(1, '\0');
  for (const std::string& lists : {kHuge, none + kHuge, none + none + kHuge}) {
    const size_t taken = BytesTakenBy([&] {
      server::PartitionState state(8);
      EXPECT_FALSE(state.Restore("\x01" + lists, 10, 0).ok());
    });
    EXPECT_LT(taken, kSmall);
  }
}

TEST(DeclaredSizes, OfAPartitionsCommand) {
  const size_t taken =
      BytesTakenBy([] { EXPECT_FALSE(server::DecodeCommand("\x01\x02" + kHuge).has_value()); });
  EXPECT_LT(taken, kSmall);
}

TEST(DeclaredSizes, OfAPeersFrame) {
  // Field 5 is the messages, field 3 the heartbeats with packed lists.
  const std::string largest = Varint(std::numeric_limits<int32_t>::max());
  for (const std::string& bytes : {"\x2a" + largest, "\x1a" + largest, "\x1a\x06\x0a" + largest}) {
    const size_t taken = BytesTakenBy([&] {
      v1::PeerFrame frame;
      EXPECT_FALSE(frame.ParseFromString(bytes));
    });
    EXPECT_LT(taken, kSmall);
  }
}

TEST(DeclaredSizes, OfTheControllersRecordsAndRequests) {
  const std::string largest = Varint(std::numeric_limits<int32_t>::max());
  for (const std::string& bytes : {"\x0a" + largest, "\x1a" + largest, "\x22" + largest}) {
    EXPECT_LT(BytesTakenBy([&] {
                EXPECT_FALSE(server::record::DecodeCommand(bytes).ok());
                EXPECT_FALSE(server::record::DecodeImage(bytes).ok());
              }),
              kSmall);
  }
  for (int kind = 0; kind < 32; ++kind) {
    std::string bytes = "\x01";
    AppendVarint(&bytes, kind);
    EXPECT_LT(BytesTakenBy([&] {  // of some requests the number is all that there is
                (void)server::request::DecodeRequest(bytes + kHuge);
                EXPECT_FALSE(server::request::DecodeRequest(bytes + kHuge + kHuge + "x").ok());
                EXPECT_FALSE(server::request::DecodeAnswer(bytes + kHuge).ok());
              }),
              kSmall);
  }
}

TEST(DeclaredSizes, OfWhatFoundersSayAndAsk) {
  for (const std::string& bytes :
       {kHuge, "\x01" + kHuge, "\x01\x02" + kHuge, "\x01\x02" + std::string(16, 'd') + kHuge}) {
    const size_t taken = BytesTakenBy([&] {
      EXPECT_FALSE(server::DecodeFounding(bytes).ok());
      EXPECT_FALSE(server::DecodeProbeQuestion(bytes).ok());
      EXPECT_FALSE(server::DecodeProbeAnswer(bytes).ok());
    });
    EXPECT_LT(taken, kSmall);
  }
}

TEST(DeclaredSizes, OfQuestionsAboutPartitions) {
  namespace calls = server::peer_calls;
  for (size_t zeros = 0; zeros < 12; ++zeros) {
    const Bytes bytes(std::string(zeros, '\0') + kHuge);
    const size_t taken = BytesTakenBy([&] {
      (void)calls::DecodeQuestion({"partition.ask", bytes});
      (void)calls::InspectAnswer(bytes);
    });
    EXPECT_LT(taken, kSmall);
  }
}

TEST(DeclaredSizes, OfConsumerGroups) {
  for (size_t zeros = 0; zeros < 40; ++zeros) {
    for (const std::string& length : {kHuge, std::string("\x7f\xff\xff\xff")}) {
      const std::string bytes = std::string(zeros, '\0') + length;
      const size_t taken = BytesTakenBy([&] {
        for (const char version : {'\0', '\1'}) {
          (void)server::groups::DecodeCommand(version + bytes);
          server::groups::ShardState state;
          (void)state.Restore(version + bytes);
        }
        (void)server::groups::DecodeSubscription(bytes);
        (void)server::groups::DecodeAssignment(bytes);
      });
      EXPECT_LT(taken, kSmall) << zeros;
    }
  }
}

// ---- the Kafka door ----

TEST(DeclaredSizes, OfEveryKafkaRequest) {
  KafkaDesk desk;
  for (const server::kafka::Api& api : server::kafka::Apis()) {
    for (int16_t version = api.min_version; version <= api.max_version; ++version) {
      server::kafka::Writer writer;
      writer.WriteMessage(server::kafka::RequestHeader{.key = api.key, .version = version});
      if (version >= api.flexible_since) writer.NoTags();
      std::string head;
      for (const Bytes& part : writer.Finish()) head += part.view();
      head.erase(0, sizeof(int32_t));
      // At every place a length may stand: as four or two bytes, and as a varint.
      for (size_t zeros = 0; zeros < 40; ++zeros) {
        for (const char* length : {"\x7f\xff\xff\xff", "\xff\xff\xff\xff\x07"}) {
          const Bytes frame(head + std::string(zeros, '\0') + length);
          const size_t taken = BytesTakenBy([&] { (void)desk.Ask(frame); });
          EXPECT_LT(taken, kSmall) << api.name << " " << version << " " << zeros;
        }
      }
    }
  }
}

TEST(DeclaredSizes, OfAKafkaFrame) {
  const size_t taken = BytesTakenBy([] {
    server::kafka::FrameCutter cutter(100 << 20);
    cutter.Append(std::string("\x06\0\0\0few", 7));
    EXPECT_EQ(cutter.frame_bytes(), size_t{96} << 20);
    EXPECT_FALSE(cutter.Next().has_value());
  });
  EXPECT_LT(taken, kSmall);
}

}  // namespace
}  // namespace jangada::fuzz
