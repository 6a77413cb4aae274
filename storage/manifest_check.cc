#include "storage/manifest_check.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/crc32c.h"

namespace jangada::storage {
namespace {

// RocksDB's log format (its wiki, "Write Ahead Log File Format"): blocks of 32 KiB; a record is a
// little-endian u32 masked CRC32C of what follows the length, u16 length, u8 type, payload; a
// block's last six bytes are unused.
constexpr size_t kBlock = 32768;
constexpr size_t kHeader = 7;
constexpr std::string_view kNamePrefix = "MANIFEST-";

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

/// A stored CRC is rotated and shifted, so that the CRC of data that holds CRCs stays useful.
uint32_t Mask(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Where the last sound record ends.
size_t SoundBytes(std::string_view log) {
  size_t at = 0;
  for (;;) {
    const size_t left_in_block = kBlock - at % kBlock;
    if (left_in_block < kHeader) at += left_in_block;
    if (at + kHeader > log.size()) return at;
    const size_t length = LittleEndian(log.substr(at + 4, 2));
    if (length > kBlock - at % kBlock - kHeader || at + kHeader + length > log.size()) return at;
    const std::string_view covered = log.substr(at + 6, length + 1);
    if (LittleEndian(log.substr(at, 4)) != Mask(Crc32c(covered))) return at;
    at += kHeader + length;
  }
}

}  // namespace

bool ManifestReaches(const std::string& db_path, const ManifestLength& noted) {
  if (noted.number == 0) return true;
  std::string_view name;
  const std::string current = ReadAll(db_path + "/CURRENT");
  name = std::string_view(current).substr(0, current.find('\n'));
  if (!name.starts_with(kNamePrefix)) return false;
  const std::string_view digits = name.substr(kNamePrefix.size());
  uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc() || number < noted.number) return false;
  // A newer file begins with all that the older one said.
  if (number > noted.number) return true;
  return SoundBytes(ReadAll(db_path + "/" + std::string(name))) >= noted.bytes;
}

}  // namespace jangada::storage
