// The bytes of one connection to the Kafka door, in pieces as a network may cut them: frames are
// cut out, and each is dispatched, whatever its head says. Memory is taken as bytes come.
#include <algorithm>

#include "server/kafka/frame_cutter.h"
#include "server/kafka/messages/03_metadata.h"
#include "server/kafka/messages/18_api_versions.h"
#include "server/kafka/protocol.h"
#include "tests/fuzz/kafka_desk.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

using server::kafka::FrameCutter;

constexpr size_t kMaxFrame = 1 << 20;
constexpr size_t kFirstPiece = 64 << 10;  // what a length alone may take

template <class Request>
std::string FrameOf(int16_t version) {
  server::kafka::Writer writer;
  writer.WriteMessage(server::kafka::RequestHeader{
      .key = Request::kKey, .version = version, .correlation_id = 1, .client_id = "fuzz"});
  const bool flexible = version >= Request::kFlexibleSince;
  writer.SetVersion(version, flexible);
  if (flexible) writer.NoTags();
  writer.WriteMessage(Request{});
  std::string all;
  for (const Bytes& part : writer.Finish()) all += part.view();
  return all;
}

/// Gives the cutter the next piece, by the way that it wants: into its space, or from elsewhere.
void Feed(FrameCutter* cutter, std::string_view piece) {
  while (!piece.empty()) {
    const std::span<char> space = cutter->Space();
    const size_t size = std::min(space.size(), piece.size());
    if (size == 0) return cutter->Append(piece);
    std::copy_n(piece.data(), size, space.data());
    cutter->OnFilled(size);
    piece.remove_prefix(size);
  }
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const size_t piece = 1 + input.Byte();
  KafkaDesk desk;
  FrameCutter cutter(kMaxFrame);
  size_t fed = 0;
  while (!input.AtEnd() && !cutter.failure()) {
    const std::string_view next = input.Take(piece);
    fed += next.size();
    Feed(&cutter, next);
    CHECK_LE(cutter.held_bytes(), kFirstPiece + 2 * fed);
    while (auto frame = cutter.Next()) {
      const auto reply = desk.Ask(*std::move(frame));
      if (reply.close) return;
    }
  }
  desk.CheckNothingHeld();
}

std::vector<std::string> Seeds() {
  using server::kafka::ApiVersionsRequest;
  using server::kafka::MetadataRequest;
  const std::string hello = FrameOf<ApiVersionsRequest>(3);
  const std::string metadata = FrameOf<MetadataRequest>(9);
  return {Seed(255, hello + metadata + FrameOf<MetadataRequest>(1)), Seed(0, hello),
          Seed(6, FrameOf<ApiVersionsRequest>(0) + metadata),
          Seed(255, std::string("\x00\x0f\xff\xff", 4) + metadata),
          Seed(255, "GET / HTTP/1.1\r\n")};
}

}  // namespace jangada::fuzz
