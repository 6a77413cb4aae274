#include "server/kafka/frame_cutter.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/coding.h"
#include "base/random.h"

namespace jangada::server::kafka {
namespace {

std::string Framed(const std::string& body) {
  std::string frame;
  AppendBig(&frame, static_cast<int32_t>(body.size()));
  return frame + body;
}

std::string Head(int32_t length) {
  std::string head;
  AppendBig(&head, length);
  return head;
}

TEST(FrameCutter, CutsFramesHoweverTheirBytesCome) {
  Random random(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> bodies;
    std::string stream;
    for (int i = 0; i < 5; ++i) {
      bodies.emplace_back(1 + random.Below(random.Chance(1, 4) ? 300'000 : 50),
                          static_cast<char>('a' + i));
      stream += Framed(bodies.back());
    }
    FrameCutter cutter(1 << 20);
    std::vector<std::string> cut;
    for (size_t at = 0; at < stream.size();) {
      const size_t size = std::min<size_t>(1 + random.Below(40'000), stream.size() - at);
      const size_t straight = std::min(size, cutter.Space().size());
      if (straight > 0) {  // a null pointer is no place to copy even nothing to
        std::memcpy(cutter.Space().data(), stream.data() + at, straight);
        cutter.OnFilled(straight);
      }
      cutter.Append(std::string_view(stream).substr(at + straight, size - straight));
      at += size;
      while (auto frame = cutter.Next()) cut.push_back(frame->ToString());
    }
    ASSERT_EQ(cut, bodies);
    EXPECT_FALSE(cutter.in_frame());
    EXPECT_EQ(cutter.held_bytes(), 0u);
  }
}

TEST(FrameCutter, TakesMemoryAsBytesComeAndNotAsTheyAreDeclared) {
  FrameCutter cutter(100 << 20);
  cutter.Append(Head(100 << 20));
  EXPECT_LE(cutter.held_bytes(), 64u << 10);
  cutter.Append(std::string(1 << 20, 'x'));
  EXPECT_LE(cutter.held_bytes(), 2u << 20);
}

TEST(FrameCutter, RefusesLengthsThatCannotBe) {
  for (const int32_t length : {0, -1, 1001, 0x47455420 /* "GET " */}) {
    FrameCutter cutter(1000);
    cutter.Append(Head(length) + "body");
    EXPECT_TRUE(cutter.failure().has_value()) << length;
    EXPECT_FALSE(cutter.Next().has_value());
    EXPECT_EQ(cutter.held_bytes(), 0u);
  }
}

TEST(FrameCutter, NamesTheStrangersThatMistakeThePort) {
  for (const auto& [bytes, protocol] : std::map<std::string, std::string>{
           {"GET / HTTP/1.1", "HTTP"}, {"PRI * HTTP/2.0", "gRPC"}, {"\x16\x03\x01\x02", "TLS"}}) {
    FrameCutter cutter(1000);
    cutter.Append(bytes);
    EXPECT_NE(cutter.failure()->find("looks like " + protocol), std::string::npos) << bytes;
  }
  FrameCutter cutter(1000);
  cutter.Append(Head(1001));
  EXPECT_EQ(cutter.failure()->find("looks like"), std::string::npos);
}

TEST(FrameCutter, KnowsWhatTheFrameUnderWayLacks) {
  FrameCutter cutter(1000);
  EXPECT_EQ(cutter.missing(), 0u);
  const std::string framed = Framed("hello");
  cutter.Append(framed.substr(0, 1));
  EXPECT_EQ(cutter.missing(), 3u) << "of its length";
  cutter.Append(framed.substr(1, 3));
  EXPECT_EQ(cutter.missing(), 5u);
  cutter.Append(framed.substr(4, 2));
  EXPECT_EQ(cutter.missing(), 3u);
  cutter.Append(framed.substr(6));
  EXPECT_EQ(cutter.missing(), 0u);
}

TEST(FrameCutter, AFrameOutlivesTheCutter) {
  std::optional<Bytes> frame;
  {
    FrameCutter cutter(1000);
    cutter.Append(Framed("hello"));
    frame = cutter.Next();
  }
  EXPECT_EQ(frame->view(), "hello");
}

}  // namespace
}  // namespace jangada::server::kafka
