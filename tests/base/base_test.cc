// base/: bytes, ids, coding, CRC32C, results, callbacks, random.
#include <gtest/gtest.h>

#include <memory>

#include "base/bytes.h"
#include "base/callback.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "base/uuid.h"

namespace jangada {
namespace {

TEST(Bytes, SliceSharesTheMemoryOfItsWhole) {
  Bytes slice;
  const char* where = nullptr;
  {
    const Bytes whole(std::string("a sea-going raft made of logs, long enough for the heap"));
    where = whole.data();
    slice = whole.Slice(2, 9);
  }
  EXPECT_EQ(slice.view(), "sea-going");
  EXPECT_EQ(slice.data(), where + 2);
}

TEST(Bytes, ShortStringsSurviveTheirSource) {
  Bytes b;
  { b = Bytes(std::string("ab")); }
  EXPECT_EQ(b.view(), "ab");
}

TEST(BytesDeathTest, SliceBeyondTheEndIsAProgrammersError) {
  const Bytes b(std::string("abc"));
  EXPECT_DEATH((void)b.Slice(2, 2), "CHECK failed");
}

TEST(Crc32c, MatchesThePublishedVectors) {  // RFC 3720, B.4
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(ExtendCrc32c(Crc32c("12345"), "6789"), 0xe3069283U);
}

TEST(Crc32c, OfLongInputsEqualsThatOfTheirPieces) {  // long ones are read in several lanes
  Random random(3);
  std::string bytes;
  while (bytes.size() < 20'000) bytes.push_back(static_cast<char>(random.Next()));
  for (const size_t size : {3071U, 3072U, 3073U, 6144U, 9999U, 20'000U}) {
    const std::string_view whole = std::string_view(bytes).substr(0, size);
    uint32_t crc = 0;
    for (size_t at = 0; at < size; at += 100) crc = ExtendCrc32c(crc, whole.substr(at, 100));
    EXPECT_EQ(Crc32c(whole), crc) << size;
  }
}

TEST(Coding, VarintsComeBack) {
  for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{1}, int64_t{63}, int64_t{64},
                              int64_t{-65}, int64_t{1} << 40, INT64_MAX, INT64_MIN}) {
    std::string bytes;
    AppendVarint(&bytes, value);
    EXPECT_EQ(bytes.size(), VarintSize(value));
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Varint(), value);
    EXPECT_TRUE(reader.AtEnd());
  }
}

TEST(Coding, BigEndianKeysSortAsNumbers) {
  std::string low;
  std::string high;
  AppendBig(&low, uint64_t{255});
  AppendBig(&high, uint64_t{256});
  EXPECT_LT(low, high);
}

TEST(Coding, ReaderFailsAtTheFirstShortReadAndStaysFailed) {
  ByteReader reader(std::string_view("\x01\x02", 2));
  EXPECT_EQ(reader.Big<uint32_t>(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Big<uint8_t>(), 0U);
  EXPECT_FALSE(reader.AtEnd());
}

TEST(Coding, AVarintOfElevenBytesIsRefused) {
  ByteReader reader(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  reader.UnsignedVarint();
  EXPECT_FALSE(reader.ok());
}

TEST(Result, TryReturnsTheErrorToTheCaller) {
  const auto fails = []() -> Result<int> { return Error{ErrorCode::kNotFound, "no such thing"}; };
  const auto adds_one = [&]() -> Result<int> {
    TRY_ASSIGN(const int value, fails());
    return value + 1;
  };
  ASSERT_FALSE(adds_one().ok());
  EXPECT_EQ(adds_one().error().code, ErrorCode::kNotFound);
}

TEST(ResultDeathTest, TheValueOfAnErrorIsAProgrammersError) {
  const Result<int> result = Error{ErrorCode::kIoError, "disk gone"};
  EXPECT_DEATH((void)result.value(), "disk gone");
}

TEST(Callback, OwnsWhatItNeeds) {
  auto owned = std::make_unique<int>(7);
  int seen = 0;
  Callback<int> callback = [owned = std::move(owned), &seen](int more) { seen = *owned + more; };
  Callback<int> moved = std::move(callback);
  EXPECT_FALSE(callback);  // NOLINT(bugprone-use-after-move)
  moved(1);
  EXPECT_EQ(seen, 8);
}

TEST(Random, TheSameSeedGivesTheSameSequence) {
  Random a(42);
  Random b(42);
  Random c(43);
  const uint64_t first = a.Next();
  EXPECT_EQ(first, b.Next());
  EXPECT_NE(first, c.Next());
}

TEST(Uuid, TextAndRawFormsComeBack) {
  Random random(1);
  const Uuid id = Uuid::Make(random);
  EXPECT_EQ(Uuid::Parse(id.ToString()), id);
  EXPECT_EQ(Uuid::FromRaw(id.Raw()), id);
  EXPECT_EQ(Uuid::Parse("not a uuid"), std::nullopt);
  EXPECT_EQ(id.ToString()[14], '4');
}

}  // namespace
}  // namespace jangada
