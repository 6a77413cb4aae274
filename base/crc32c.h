// CRC32C (Castagnoli), as Kafka's record batches and our own entries use it. By the processor's
// instruction where it has one, from tables elsewhere; both give the same answer. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace jangada {

/// The CRC of what `crc` covered followed by `data`. Start from 0.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view data);

inline uint32_t Crc32c(std::string_view data) { return ExtendCrc32c(0, data); }

}  // namespace jangada
