#include "storage/disk_space.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace jangada::storage {
namespace {

constexpr int64_t kDefaultMinFreeBytes = int64_t{1} << 30;
constexpr int64_t kDefaultMinFreePercent = 5;
constexpr int64_t kRefreshMs = 1000;
/// What is left for votes, trims and RocksDB's own files when no more entries are taken: this part
/// of the limit.
constexpr int64_t kReserveDivisor = 4;
/// An entry is written twice, to the write-ahead log and to a blob file, before the first copy
/// goes.
constexpr int64_t kCopies = 2;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::optional<DiskSpace::Room> AskFileSystem(const std::string& path) {
  struct statvfs space;
  if (::statvfs(path.c_str(), &space) != 0) return std::nullopt;
  return DiskSpace::Room{
      .free_bytes = static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize),
      .total_bytes = static_cast<int64_t>(space.f_blocks) * static_cast<int64_t>(space.f_frsize)};
}

}  // namespace

DiskSpace::DiskSpace(const std::string& path, int64_t min_free_bytes)
    : ask_([path] { return AskFileSystem(path); }),
      min_free_bytes_(min_free_bytes),
      refresh_ms_(kRefreshMs) {
  Refresh();
}

DiskSpace::DiskSpace(AskRoom ask, int64_t min_free_bytes)
    : ask_(std::move(ask)), min_free_bytes_(min_free_bytes), refresh_ms_(0) {
  Refresh();
}

void DiskSpace::Refresh() const {
  if (refresh_ms_ > 0) refreshed_ms_ = NowMs();
  const std::optional<Room> room = ask_();
  if (!room) return;
  free_ = room->free_bytes;
  total_ = room->total_bytes;
}

int64_t DiskSpace::min_free_bytes(int64_t total) const {
  if (min_free_bytes_ > 0) return min_free_bytes_;
  return std::min(kDefaultMinFreeBytes, total / 100 * kDefaultMinFreePercent);
}

LogStore::Usage DiskSpace::usage() const {
  if (refresh_ms_ == 0 || NowMs() - refreshed_ms_ >= refresh_ms_) Refresh();
  const int64_t total = total_;
  const int64_t free = free_;
  const int64_t wanted = min_free_bytes(total);
  return {.disk_free_bytes = free,
          .disk_total_bytes = total,
          .accepts_produce = free >= wanted,
          .accepts_records = free >= wanted / 8 * 3};
}

bool DiskSpace::AdmitsRecords(size_t bytes) const {
  Refresh();
  const int64_t reserve = min_free_bytes(total_) / kReserveDivisor;
  return free_ >= reserve + kCopies * static_cast<int64_t>(bytes);
}

}  // namespace jangada::storage
