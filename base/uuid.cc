#include "base/uuid.h"

#include <algorithm>

namespace jangada {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsDash(size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

}  // namespace

Uuid Uuid::Make(Random& random) {
  Uuid id;
  for (size_t i = 0; i < 16; i += 8) {
    const uint64_t word = random.Next();
    for (size_t j = 0; j < 8; ++j) id.bytes_[i + j] = static_cast<uint8_t>(word >> (8 * j));
  }
  id.bytes_[6] = (id.bytes_[6] & 0x0f) | 0x40;  // version 4, variant 1 (RFC 4122, 4.4)
  id.bytes_[8] = (id.bytes_[8] & 0x3f) | 0x80;
  return id;
}

std::optional<Uuid> Uuid::FromRaw(std::string_view raw) {
  if (raw.size() != 16) return std::nullopt;
  Uuid id;
  std::copy(raw.begin(), raw.end(), id.bytes_.begin());
  return id;
}

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  size_t byte = 0;
  for (size_t i = 0; i < text.size();) {
    if (IsDash(i)) {
      if (text[i] != '-') return std::nullopt;
      ++i;
      continue;
    }
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes_[byte++] = static_cast<uint8_t>(high * 16 + low);
    i += 2;
  }
  return id;
}

std::string Uuid::ToString() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes_) {
    if (IsDash(text.size())) text += '-';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace jangada
