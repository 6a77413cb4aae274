#include "storage/synced_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"

namespace jangada::storage {
namespace {

// Layout: docs/on-disk-format.md, "The mark". A slot: u64 sequence number ‖ u32 CRC32C of it.
constexpr size_t kSlotSize = 12;
constexpr int kSlots = 2;
constexpr off_t kSlotDistance = 4096;  // a page each: a torn page costs one slot

Error Failed(const char* doing) {
  return {ErrorCode::kIoError, std::string("cannot ") + doing +
                                   " the store's mark of synced writes: " + std::strerror(errno)};
}

std::optional<uint64_t> ReadSlot(int file, int slot) {
  char raw[kSlotSize];
  if (::pread(file, raw, kSlotSize, slot * kSlotDistance) != kSlotSize) return std::nullopt;
  if (LoadBig<uint32_t>(raw + 8) != Crc32c({raw, 8})) return std::nullopt;
  return LoadBig<uint64_t>(raw);
}

}  // namespace

Result<SyncedMark> SyncedMark::Open(const std::string& path) {
  const bool existed = ::access(path.c_str(), F_OK) == 0;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return Failed("open");
  uint64_t noted = 0;
  for (int slot = 0; slot < kSlots; ++slot) {
    noted = std::max(noted, ReadSlot(file, slot).value_or(0));
  }
  return SyncedMark(file, noted, existed);
}

SyncedMark::SyncedMark(SyncedMark&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      noted_(other.noted_),
      existed_(other.existed_),
      slot_(other.slot_) {}

SyncedMark::~SyncedMark() {
  if (file_ >= 0) ::close(file_);
}

Status SyncedMark::Note(uint64_t sequence) {
  char raw[kSlotSize];
  StoreBig<uint64_t>(raw, sequence);
  StoreBig<uint32_t>(raw + 8, Crc32c({raw, 8}));
  if (::pwrite(file_, raw, kSlotSize, slot_ * kSlotDistance) != kSlotSize) return Failed("write");
  slot_ = (slot_ + 1) % kSlots;
  noted_ = sequence;
  return {};
}

Status SyncedMark::Reset() {
  for (int slot = 0; slot < kSlots; ++slot) TRY(Note(0));
  if (::fsync(file_) != 0) return Failed("sync");
  return {};
}

}  // namespace jangada::storage
