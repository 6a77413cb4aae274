// StrongId: an integer that does not turn into another kind of integer. A node id is no group id.
#pragma once

#include <compare>
#include <functional>
#include <ostream>

namespace jangada {

template <class Tag, class Int>
class StrongId {
 public:
  using Value = Int;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Int value) : value_(value) {}

  constexpr Int value() const { return value_; }

  friend constexpr auto operator<=>(StrongId, StrongId) = default;
  friend std::ostream& operator<<(std::ostream& out, StrongId id) { return out << id.value_; }

 private:
  Int value_ = 0;
};

}  // namespace jangada

template <class Tag, class Int>
struct std::hash<jangada::StrongId<Tag, Int>> {
  size_t operator()(jangada::StrongId<Tag, Int> id) const noexcept {
    return std::hash<Int>{}(id.value());
  }
};
