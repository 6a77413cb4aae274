#include "base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace jangada {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}

constexpr auto kTable = MakeTable();

uint32_t ExtendByTable(uint32_t crc, std::string_view data) {
  for (const char c : data) crc = kTable[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
// The instruction takes three cycles but a new one can start in each: three lanes of the input run
// side by side, and their CRCs are joined by the linear map "as many zero bytes follow".
constexpr size_t kLane = 1024;

/// The map for kLane zero bytes, as a table for each byte of the register.
using ZeroMap = std::array<std::array<uint32_t, 256>, 4>;

ZeroMap MakeZeroMap() {
  std::array<uint32_t, 32> of_bit;
  for (uint32_t bit = 0; bit < 32; ++bit) {
    uint32_t crc = uint32_t{1} << bit;
    for (size_t i = 0; i < kLane; ++i) crc = kTable[crc & 0xff] ^ (crc >> 8);
    of_bit[bit] = crc;
  }
  ZeroMap map{};
  for (uint32_t byte = 0; byte < 4; ++byte) {
    for (uint32_t value = 0; value < 256; ++value) {
      for (uint32_t bit = 0; bit < 8; ++bit) {
        if ((value >> bit & 1) != 0) map[byte][value] ^= of_bit[8 * byte + bit];
      }
    }
  }
  return map;
}

uint32_t AfterLaneOfZeros(const ZeroMap& map, uint64_t crc) {
  return map[0][crc & 0xff] ^ map[1][crc >> 8 & 0xff] ^ map[2][crc >> 16 & 0xff] ^
         map[3][crc >> 24 & 0xff];
}

uint64_t LoadWord(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) uint32_t ExtendByInstruction(uint32_t crc,
                                                               std::string_view data) {
  static const ZeroMap zeros = MakeZeroMap();
  const char* at = data.data();
  size_t left = data.size();
  uint64_t wide = crc;
  for (; left >= 3 * kLane; at += 3 * kLane, left -= 3 * kLane) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      wide = _mm_crc32_u64(wide, LoadWord(at + i));
      second = _mm_crc32_u64(second, LoadWord(at + kLane + i));
      third = _mm_crc32_u64(third, LoadWord(at + 2 * kLane + i));
    }
    wide = AfterLaneOfZeros(zeros, wide) ^ second;
    wide = AfterLaneOfZeros(zeros, wide) ^ third;
  }
  for (; left >= 8; at += 8, left -= 8) wide = _mm_crc32_u64(wide, LoadWord(at));
  auto narrow = static_cast<uint32_t>(wide);
  for (; left > 0; ++at, --left) narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(*at));
  return narrow;
}
#endif

using Extend = uint32_t (*)(uint32_t, std::string_view);

Extend Choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ExtendByInstruction;
#endif
  return ExtendByTable;
}

}  // namespace

uint32_t ExtendCrc32c(uint32_t crc, std::string_view data) {
  static const Extend extend = Choose();
  return ~extend(~crc, data);
}

}  // namespace jangada
