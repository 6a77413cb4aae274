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
constexpr int64_t kSlotDistance = 4096;  // a page each: a torn page costs one slot

Error Failed(const char* doing) {
  return {ErrorCode::kIoError, std::string("cannot ") + doing +
                                   " the store's mark of synced writes: " + std::strerror(errno)};
}

struct Slot {
  uint64_t sequence = 0;
  ManifestLength manifest;
};

Result<std::optional<Slot>> ReadSlot(MarkFile& file, int slot) {
  const std::optional<Slot> none;
  char raw[kSlotSize];
  TRY_ASSIGN(const bool is_there, file.Read(raw, kSlotSize, slot * kSlotDistance));
  if (!is_there) return none;
  ByteReader in({raw, kSlotSize});
  Slot read;
  read.sequence = in.Big<uint64_t>();
  read.manifest = {in.Big<uint64_t>(), in.Big<uint64_t>()};
  if (in.Big<uint32_t>() != Crc32c({raw, kBodySize})) return none;
  return std::optional(read);
}

class RealMarkFile final : public MarkFile {
 public:
  explicit RealMarkFile(int file) : file_(file) {}
  ~RealMarkFile() override { ::close(file_); }

  Result<bool> Read(char* bytes, size_t size, int64_t offset) override {
    const ssize_t read = ::pread(file_, bytes, size, offset);
    if (read < 0) return Failed("read");
    return read == static_cast<ssize_t>(size);
  }
  bool Write(const char* bytes, size_t size, int64_t offset) override {
    return ::pwrite(file_, bytes, size, offset) == static_cast<ssize_t>(size);
  }
  bool Sync() override { return ::fsync(file_) == 0; }

 private:
  const int file_;
};

}  // namespace

Result<SyncedMark> SyncedMark::Open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return Failed("open");
  return Open(std::make_unique<RealMarkFile>(file));
}

Result<SyncedMark> SyncedMark::Open(std::unique_ptr<MarkFile> file) {
  SyncedMark mark(std::move(file));
  for (int i = 0; i < kSlots; ++i) {
    TRY_ASSIGN(const std::optional<Slot> slot, ReadSlot(*mark.file_, i));
    if (!slot || slot->sequence < mark.noted_) continue;
    mark.noted_ = slot->sequence;
    mark.manifest_ = slot->manifest;
  }
  return mark;
}

Status SyncedMark::Note(uint64_t sequence, const ManifestLength& manifest) {
  char raw[kSlotSize];
  StoreBig<uint64_t>(raw, sequence);
  StoreBig<uint64_t>(raw + 8, manifest.number);
  StoreBig<uint64_t>(raw + 16, manifest.bytes);
  StoreBig<uint32_t>(raw + kBodySize, Crc32c({raw, kBodySize}));
  if (!file_->Write(raw, kSlotSize, slot_ * kSlotDistance)) return Failed("write");
  slot_ = (slot_ + 1) % kSlots;
  noted_ = sequence;
  manifest_ = manifest;
  return {};
}

Status SyncedMark::Reset() {
  for (int slot = 0; slot < kSlots; ++slot) TRY(Note(0, {}));
  if (!file_->Sync()) return Failed("sync");
  return {};
}

}  // namespace jangada::storage
