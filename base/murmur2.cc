#include "base/murmur2.h"

#include <cstring>

namespace jangada {

uint32_t Murmur2(std::string_view key) {
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;

  const auto length = static_cast<uint32_t>(key.size());
  uint32_t hash = kSeed ^ length;
  while (key.size() >= 4) {
    uint32_t word;  // little-endian, as base/coding.h asserts of the machine
    std::memcpy(&word, key.data(), sizeof word);
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
    key.remove_prefix(4);
  }
  for (size_t i = key.size(); i > 0; --i) {
    hash ^= static_cast<uint32_t>(static_cast<uint8_t>(key[i - 1])) << (8 * (i - 1));
    if (i == 1) hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

}  // namespace jangada
