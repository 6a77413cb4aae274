// AllocationWatch: how many bytes this thread allocated since the watch was made, by new and by
// malloc alike, freed or not. One at a time.
#pragma once

#include <cstddef>

namespace jangada::fuzz {

class AllocationWatch {
 public:
  AllocationWatch();
  ~AllocationWatch();
  AllocationWatch(const AllocationWatch&) = delete;
  AllocationWatch& operator=(const AllocationWatch&) = delete;

  size_t bytes() const;
};

}  // namespace jangada::fuzz
