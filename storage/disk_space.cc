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

}  // namespace

DiskSpace::DiskSpace(std::string path, int64_t min_free_bytes)
    : path_(std::move(path)), min_free_bytes_(min_free_bytes) {
  Refresh();
}

void DiskSpace::Refresh() const {
  refreshed_ms_ = NowMs();
  struct statvfs space;
  if (::statvfs(path_.c_str(), &space) != 0) return;  // keeps what is known; a write will tell
  free_ = static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize);
  total_ = static_cast<int64_t>(space.f_blocks) * static_cast<int64_t>(space.f_frsize);
}

int64_t DiskSpace::min_free_bytes(int64_t total) const {
  if (min_free_bytes_ > 0) return min_free_bytes_;
  return std::min(kDefaultMinFreeBytes, total / 100 * kDefaultMinFreePercent);
}

LogStore::Usage DiskSpace::usage() const {
  if (NowMs() - refreshed_ms_ >= kRefreshMs) Refresh();
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
