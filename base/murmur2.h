// Murmur2 as Kafka's Java client computes it: the hash that decides which partition a key belongs
// to, so a key written through any door and by any client lands in the same partition. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/check.h"

namespace jangada {

/// The 32-bit hash with Kafka's seed 0x9747b28c (Utils.murmur2).
uint32_t Murmur2(std::string_view key);

/// Kafka's default partitioner for a record that has a key, an empty one included.
/// REQUIRES: partitions > 0.
inline int32_t PartitionOfKey(std::string_view key, int32_t partitions) {
  CHECK_GT(partitions, 0);
  return static_cast<int32_t>((Murmur2(key) & 0x7fffffffu) % static_cast<uint32_t>(partitions));
}

}  // namespace jangada
