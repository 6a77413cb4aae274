#include "server/kafka/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jangada::server::kafka {
namespace {

struct Inner {
  int16_t number = 0;
  static void Fields(auto& m, auto& v) { v(m.number); }
};

struct Message {
  std::string text;
  std::optional<std::string> maybe;
  std::vector<Inner> inners;
  std::optional<Records> records;
  std::vector<int32_t> late;
  std::optional<Inner> tagged;
  std::optional<std::string> tagged_text;
  static void Fields(auto& m, auto& v) {
    v(m.text), v(m.maybe, {.nullable_since = 1}), v(m.inners), v(m.records, {.nullable_since = 0});
    v(m.late, {.since = 2, .until = 3});
    v.Tagged(0, m.tagged, {.since = 2});
    v.Tagged(3, m.tagged_text, {.since = 2});
  }
};

std::string Write(const Message& message, int16_t version, bool flexible) {
  Writer writer;
  writer.SetVersion(version, flexible);
  writer.WriteMessage(message);
  std::string bytes;
  for (const Bytes& piece : writer.Finish()) bytes += piece.view();
  return bytes;
}

struct ReadBack {
  Message message;
  std::string why;  // empty: it was read
  size_t left = 0;
};

ReadBack Read(const Bytes& frame, int16_t version, bool flexible) {
  Reader reader(frame);
  reader.SetVersion(version, flexible);
  ReadBack back;
  reader.ReadMessage(back.message);
  if (!reader.ok()) back.why = reader.Why();
  back.left = reader.remaining();
  return back;
}

ReadBack Read(const std::string& bytes, int16_t version, bool flexible) {
  return Read(Bytes::Copy(bytes), version, flexible);
}

TEST(KafkaCodec, AFrameBeginsWithItsLength) {
  const std::string frame = Write({.text = "ab"}, 0, false);
  EXPECT_EQ(LoadBig<int32_t>(frame.data()), static_cast<int32_t>(frame.size()) - 4);
}

TEST(KafkaCodec, AFieldOutsideItsVersionsIsNotWrittenAndKeepsItsInitialValue) {
  const Message message{.text = "t", .late = {7}};
  for (const int16_t version : {1, 4}) {
    EXPECT_TRUE(
        Read(Write(message, version, false).substr(4), version, false).message.late.empty());
  }
  EXPECT_EQ(Read(Write(message, 3, false).substr(4), 3, false).message.late,
            std::vector<int32_t>{7});
}

TEST(KafkaCodec, NullIsRefusedWhereAValueMustBe) {
  std::string bytes = Write({.text = ""}, 0, false).substr(4);
  bytes[0] = bytes[1] = static_cast<char>(0xff);  // the length of `text`: -1
  EXPECT_THAT(Read(bytes, 0, false).why, ::testing::HasSubstr("null where a value must be"));
}

TEST(KafkaCodec, WhatMayNotBeNullIsWrittenAsEmpty) {
  const ReadBack back = Read(Write({}, 0, false).substr(4), 0, false);
  EXPECT_EQ(back.why, "");
  EXPECT_EQ(back.message.maybe, "");
  EXPECT_EQ(Read(Write({}, 1, false).substr(4), 1, false).message.maybe, std::nullopt);
}

TEST(KafkaCodec, TaggedFieldsTravelAndUnknownOnesAreSkipped) {
  const Message message{.text = "t", .tagged = Inner{5}, .tagged_text = "x"};
  const std::string bytes = Write(message, 2, true).substr(4);
  const ReadBack back = Read(bytes, 2, true);
  EXPECT_EQ(back.message.tagged->number, 5);
  EXPECT_EQ(back.message.tagged_text, "x");

  // The same with a tag 1 that nobody knows, between the two.
  std::string unknown = Write({.text = "t"}, 2, true).substr(4);
  unknown.back() = 2;
  AppendUnsignedVarint(&unknown, 1);
  AppendSized(&unknown, "from the future");
  AppendUnsignedVarint(&unknown, 3);
  AppendSized(&unknown, "\x02y");
  const ReadBack skipped = Read(unknown, 2, true);
  EXPECT_EQ(skipped.why, "");
  EXPECT_EQ(skipped.message.tagged_text, "y");
  EXPECT_EQ(skipped.left, 0u);
}

TEST(KafkaCodec, ATaggedFieldThatHoldsMoreOrLessThanItSaysIsRefused) {
  for (const std::string& body : {std::string("\0\0\0", 3), std::string("\0", 1)}) {
    std::string bytes = Write({.text = "t"}, 2, true).substr(4);
    bytes.back() = 1;
    AppendUnsignedVarint(&bytes, 0);  // an Inner: two bytes, and the end of its tags
    AppendSized(&bytes, body + std::string(1, '\0'));
    EXPECT_NE(Read(bytes, 2, true).why, "") << body.size();
  }
}

TEST(KafkaCodec, RecordsAreSharedSlicesOfTheFrame) {
  const Message message{.text = "t", .records = Records{{Bytes::Copy(std::string(5000, 'r'))}}};
  const Bytes frame = Bytes::Copy(Write(message, 0, false).substr(4));
  const ReadBack back = Read(frame, 0, false);
  ASSERT_EQ(back.message.records->parts.size(), 1u);
  const Bytes& records = back.message.records->parts[0];
  EXPECT_EQ(records.size(), 5000u);
  EXPECT_GE(records.data(), frame.data());
  EXPECT_LE(records.data() + records.size(), frame.data() + frame.size());
}

TEST(KafkaCodec, RecordsOutliveTheFrameThatTheyCameIn) {
  std::optional<Records> records;
  {
    const Message message{.text = "t", .records = Records{{Bytes::Copy(std::string(5000, 'r'))}}};
    records = Read(Write(message, 0, false).substr(4), 0, false).message.records;
  }
  EXPECT_EQ(records->parts[0].view(), std::string(5000, 'r'));
}

TEST(KafkaCodec, LargePartsLeaveWithoutACopy) {
  const Bytes large = Bytes::Copy(std::string(100'000, 'r'));
  const Bytes small = Bytes::Copy("head");
  const Message message{.text = "t", .records = Records{{small, large, small, large}}};
  Writer writer;
  writer.WriteMessage(message);
  const std::vector<Bytes> pieces = writer.Finish();
  ASSERT_EQ(pieces.size(), 4u);
  EXPECT_EQ(pieces[1].data(), large.data());
  EXPECT_EQ(pieces[3].data(), large.data());
  size_t size = 0;
  for (const Bytes& piece : pieces) size += piece.size();
  EXPECT_EQ(LoadBig<int32_t>(pieces[0].data()), static_cast<int32_t>(size) - 4);
}

TEST(KafkaCodec, ACountBeyondTheBytesLeftIsRefusedBeforeAnythingIsTaken) {
  std::string bytes = Write({.text = "t"}, 0, false).substr(4);
  StoreBig<int32_t>(bytes.data() + 5, 0x7fffffff);  // after "t" and an empty `maybe`: the count
  const ReadBack back = Read(bytes, 0, false);
  EXPECT_THAT(back.why, ::testing::HasSubstr("beyond the end"));
  EXPECT_EQ(back.message.inners.capacity(), 0u);
}

struct Wide {
  std::string a, b, c, d;
  static void Fields(auto& m, auto& v) { v(m.a), v(m.b), v(m.c), v(m.d); }
};
struct ManyWide {
  std::vector<Wide> wides;
  static void Fields(auto& m, auto& v) { v(m.wides); }
};

TEST(KafkaCodec, SmallElementsThatUnfoldToMuchMemoryAreRefused) {
  // Flexible and empty: five bytes each on the wire, 128 in memory.
  constexpr size_t kCount = 4 << 20;
  std::string bytes;
  AppendUnsignedVarint(&bytes, kCount + 1);
  for (size_t i = 0; i < kCount; ++i) bytes += std::string("\1\1\1\1\0", 5);
  Reader reader{Bytes(std::move(bytes))};
  reader.SetVersion(0, true);
  ManyWide message;
  reader.ReadMessage(message);
  ASSERT_FALSE(reader.ok());
  EXPECT_THAT(reader.Why(), ::testing::HasSubstr("more elements"));
  EXPECT_LE(message.wides.size() * sizeof(Wide), kMaxDecodedBytes);
}

TEST(KafkaCodec, AVarintOfMoreThanFiveBytesIsRefused) {
  EXPECT_THAT(Read(std::string(20, '\xff'), 0, true).why, ::testing::HasSubstr("five bytes"));
}

}  // namespace
}  // namespace jangada::server::kafka
