// The codecs of record batches: gzip, snappy (raw and as Java frames it), lz4, zstd. What comes out
// is bounded whatever the input declares, and what we compress comes back.
#include <snappy.h>

#include "base/check.h"
#include "base/coding.h"
#include "storage/record_batch_codec.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

constexpr uint8_t kRoundTrip = 0x80;
constexpr size_t kMaxBytes = 1 << 20;

Compression Choose(uint8_t choice) { return static_cast<Compression>(choice % 5); }

std::string Xerial(const std::vector<std::string>& blocks) {
  std::string out("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
  for (const std::string& block : blocks) {
    std::string compressed;
    snappy::Compress(block.data(), block.size(), &compressed);
    AppendBig(&out, static_cast<int32_t>(compressed.size()));
    out += compressed;
  }
  return out;
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const uint8_t choice = input.Byte();
  const Compression compression = Choose(choice & ~kRoundTrip);
  const std::string_view data = input.Rest();
  if ((choice & kRoundTrip) == 0) {
    const auto out = storage::Decompress(compression, data, kMaxBytes);
    if (out.ok()) CHECK_LE(out->size(), kMaxBytes);
    return;
  }
  const auto packed = storage::Compress(compression, data);
  if (!packed.ok()) return;  // snappy is only read
  const auto back = storage::Decompress(compression, *packed, data.size());
  CHECK(back.ok());
  CHECK(*back == data);
}

std::vector<std::string> Seeds() {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "record " + std::to_string(i * i) + "; ";
  std::vector<std::string> seeds;
  for (const Compression compression :
       {Compression::kNone, Compression::kGzip, Compression::kLz4, Compression::kZstd}) {
    const auto number = static_cast<uint8_t>(compression);
    seeds.push_back(Seed(number, storage::Compress(compression, text).value()));
    seeds.push_back(Seed(number, storage::Compress(compression, "").value()));
    seeds.push_back(Seed(number | kRoundTrip, text));
  }
  const auto snappy_number = static_cast<uint8_t>(Compression::kSnappy);
  std::string raw;
  snappy::Compress(text.data(), text.size(), &raw);
  seeds.push_back(Seed(snappy_number, raw));
  seeds.push_back(Seed(snappy_number, Xerial({text, "more"})));
  seeds.push_back(Seed(snappy_number, Xerial({"a"}) + Xerial({"b"})));
  return seeds;
}

}  // namespace jangada::fuzz
