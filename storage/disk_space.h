// DiskSpace: how much room the disk of a folder has, and what that allows. Three limits: below
// min_free_bytes no client may add records (the node still votes, replicates, trims and serves);
// below three eighths of that it takes no records from other leaders either; below a quarter none
// are written at all, so that RocksDB never meets a full disk, after which nothing would be known.
// What a group lives by (terms, votes, entries without records, checkpoints) is always written: it
// is small, and it is how room is made. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "storage/log_store.h"

namespace jangada::storage {

class DiskSpace {
 public:
  struct Room {
    int64_t free_bytes = 0;
    int64_t total_bytes = 0;
  };
  /// nullopt: it cannot be told now; what is known stays, and a write will tell.
  using AskRoom = std::function<std::optional<Room>()>;

  /// `min_free_bytes` 0: the smaller of 1 GiB and 5 % of the disk.
  DiskSpace(const std::string& path, int64_t min_free_bytes);
  /// A disk that needs no sparing: it is asked each time.
  DiskSpace(AskRoom ask, int64_t min_free_bytes);

  /// Asks the file system at most once a second.
  LogStore::Usage usage() const;
  /// Asks now: may `bytes` of records be written?
  bool AdmitsRecords(size_t bytes) const;

 private:
  void Refresh() const;
  int64_t min_free_bytes(int64_t total) const;

  const AskRoom ask_;
  const int64_t min_free_bytes_;
  const int64_t refresh_ms_;  // 0: always
  mutable std::atomic<int64_t> refreshed_ms_ = 0;
  mutable std::atomic<int64_t> free_ = 0;
  mutable std::atomic<int64_t> total_ = 0;
};

}  // namespace jangada::storage
