// Choices from a list, by a seeded generator.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/random.h"

namespace jangada::sim {

/// REQUIRES: not empty.
template <class T>
const T& OneOf(const std::vector<T>& all, Random& random) {
  return all[random.Below(all.size())];
}

/// In an order of its own.
template <class T>
std::vector<T> Shuffled(std::vector<T> all, Random& random) {
  for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.Below(i)]);
  return all;
}

}  // namespace jangada::sim
