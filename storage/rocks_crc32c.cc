// Debian builds librocksdb without the processor's CRC instruction: its CRC32C runs from tables and
// costs 40 % of the store's CPU (docs/decisions.md). The function is an exported symbol that the
// library calls through the dynamic linker, so the definition here takes its place in every
// executable that links jangada_storage; its CMakeLists.txt sees to it that it is linked in and
// exported, and a test that it is the one called.
#include <cstddef>
#include <cstdint>

#include "base/crc32c.h"

namespace rocksdb::crc32c {

// The name and signature of util/crc32c.h, which is no public header of RocksDB 7.8.
uint32_t Extend(uint32_t init_crc, const char* data, size_t n);

uint32_t Extend(uint32_t init_crc, const char* data, size_t n) {
  return jangada::ExtendCrc32c(init_crc, {data, n});
}

}  // namespace rocksdb::crc32c
