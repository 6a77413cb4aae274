// Uuid: 128 bits that name a topic, a cluster or a disk for ever. Made from the seeded Random, so
// that simulated runs replay; the shell seeds that Random from the machine's entropy.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/random.h"

namespace jangada {

class Uuid {
 public:
  constexpr Uuid() = default;  // the zero UUID: "none"

  static Uuid Make(Random& random);
  /// From 16 raw bytes; nullopt for any other length.
  static std::optional<Uuid> FromRaw(std::string_view raw);
  /// From the usual 36-character form, upper or lower case.
  static std::optional<Uuid> Parse(std::string_view text);

  bool IsZero() const { return *this == Uuid(); }
  std::string Raw() const { return std::string(bytes_.begin(), bytes_.end()); }
  std::string ToString() const;

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Uuid& id) {
    return out << id.ToString();
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

}  // namespace jangada
