#include "server/groups/shard_of.h"

#include <limits>

#include "base/check.h"

namespace jangada::server::groups {
namespace {

constexpr uint32_t kFirstPair = 0x10000;  // from here on UTF-16 takes two units

struct Decoded {
  uint32_t code = 0;
  size_t bytes = 1;
};

/// The code point at the front of a text that is not empty.
Decoded Decode(std::string_view text) {
  const auto first = static_cast<uint8_t>(text.front());
  const size_t length = first < 0x80   ? 1
                        : first < 0xc0 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                                       : 4;
  if (length == 1 || length == 0 || text.size() < length) return {first, 1};
  uint32_t code = first & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80) return {first, 1};
    code = (code << 6) | (next & 0x3fU);
  }
  return {code, length};
}

}  // namespace

int32_t JavaHash(std::string_view text) {
  uint32_t hash = 0;
  const auto add = [&hash](uint32_t unit) { hash = hash * 31 + unit; };
  while (!text.empty()) {
    const Decoded decoded = Decode(text);
    text.remove_prefix(decoded.bytes);
    if (decoded.code < kFirstPair) {
      add(decoded.code);
    } else {
      const uint32_t rest = decoded.code - kFirstPair;
      add(0xd800U + (rest >> 10));
      add(0xdc00U + (rest & 0x3ffU));
    }
  }
  return static_cast<int32_t>(hash);
}

int32_t ShardOf(std::string_view group, int32_t partitions) {
  CHECK_GT(partitions, 0);
  const int32_t hash = JavaHash(group);
  const int32_t positive = hash == std::numeric_limits<int32_t>::min() ? 0
                           : hash < 0                                  ? -hash
                                                                       : hash;
  return positive % partitions;
}

}  // namespace jangada::server::groups
