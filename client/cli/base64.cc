#include "client/cli/base64.h"

#include <cstdint>

namespace jangada::client {

bool IsUtf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const auto first = static_cast<uint8_t>(bytes[i++]);
    if (first < 0x80) continue;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4) return false;
    uint32_t letter = first & (0x3fU >> more);
    for (int k = 0; k < more; ++k) {
      if (i >= bytes.size() || (static_cast<uint8_t>(bytes[i]) & 0xc0U) != 0x80) return false;
      letter = letter << 6 | (static_cast<uint8_t>(bytes[i++]) & 0x3fU);
    }
    const bool overlong = (more == 2 && letter < 0x800) || (more == 3 && letter < 0x10000);
    if (overlong || letter > 0x10ffff || (letter >= 0xd800 && letter <= 0xdfff)) return false;
  }
  return true;
}

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view three = bytes.substr(i, 3);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < three.size() ? static_cast<uint8_t>(three[k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= three.size() ? kLetters[bits >> (18 - 6 * k) & 0x3fU] : '=';
    }
  }
  return out;
}

}  // namespace jangada::client
