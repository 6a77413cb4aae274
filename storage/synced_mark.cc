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

// Layout: docs/on-disk-format.md, "The mark". A slot: u64 sequence number ‖ u64 number and u64
// length of the MANIFEST ‖ u32 CRC32C of these.
constexpr size_t kBodySize = 24;
constexpr size_t kSlotSize = kBodySize + 4;
constexpr int kSlots = 2;
constexpr off_t kSlotDistance = 4096;  // a page each: a torn page costs one slot

Error Failed(const char* doing) {
  return {ErrorCode::kIoError, std::string("cannot ") + doing +
                                   " the store's mark of synced writes: " + std::strerror(errno)};
}

struct Slot {
  uint64_t sequence = 0;
  ManifestLength manifest;
};

std::optional<Slot> ReadSlot(int file, int slot) {
  char raw[kSlotSize];
  if (::pread(file, raw, kSlotSize, slot * kSlotDistance) != kSlotSize) return std::nullopt;
  ByteReader in({raw, kSlotSize});
  Slot read;
  read.sequence = in.Big<uint64_t>();
  read.manifest = {in.Big<uint64_t>(), in.Big<uint64_t>()};
  if (in.Big<uint32_t>() != Crc32c({raw, kBodySize})) return std::nullopt;
  return read;
}

}  // namespace

Result<SyncedMark> SyncedMark::Open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return Failed("open");
  SyncedMark mark(file);
  for (int i = 0; i < kSlots; ++i) {
    const std::optional<Slot> slot = ReadSlot(file, i);
    if (!slot || slot->sequence < mark.noted_) continue;
    mark.noted_ = slot->sequence;
    mark.manifest_ = slot->manifest;
  }
  return mark;
}

SyncedMark::SyncedMark(SyncedMark&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      noted_(other.noted_),
      manifest_(other.manifest_),
      slot_(other.slot_) {}

SyncedMark::~SyncedMark() {
  if (file_ >= 0) ::close(file_);
}

Status SyncedMark::Note(uint64_t sequence, const ManifestLength& manifest) {
  char raw[kSlotSize];
  StoreBig<uint64_t>(raw, sequence);
  StoreBig<uint64_t>(raw + 8, manifest.number);
  StoreBig<uint64_t>(raw + 16, manifest.bytes);
  StoreBig<uint32_t>(raw + kBodySize, Crc32c({raw, kBodySize}));
  if (::pwrite(file_, raw, kSlotSize, slot_ * kSlotDistance) != kSlotSize) return Failed("write");
  slot_ = (slot_ + 1) % kSlots;
  noted_ = sequence;
  manifest_ = manifest;
  return {};
}

Status SyncedMark::Reset() {
  for (int slot = 0; slot < kSlots; ++slot) TRY(Note(0, {}));
  if (::fsync(file_) != 0) return Failed("sync");
  return {};
}

}  // namespace jangada::storage
