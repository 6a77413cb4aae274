// DiskSpace: how much room the disk of a folder has, and what that allows. Three limits: below
// min_free_bytes no client may add records (the node still votes, replicates, trims and serves);
// below three eighths of that it takes no records from other leaders either; below a quarter none
// are written at all, so that RocksDB never meets a full disk, after which nothing would be known.
// What a group lives by (terms, votes, entries without records, checkpoints) is always written: it
// is small, and it is how room is made. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "storage/log_store.h"

namespace jangada::storage {

class DiskSpace {
 public:
  /// `min_free_bytes` 0: the smaller of 1 GiB and 5 % of the disk.
  DiskSpace(std::string path, int64_t min_free_bytes);

  /// Asks the file system at most once a second.
  LogStore::Usage usage() const;
  /// Asks now: may `bytes` of records be written?
  bool AdmitsRecords(size_t bytes) const;

 private:
  void Refresh() const;
  int64_t min_free_bytes(int64_t total) const;

  const std::string path_;
  const int64_t min_free_bytes_;
  mutable std::atomic<int64_t> refreshed_ms_ = 0;
  mutable std::atomic<int64_t> free_ = 0;
  mutable std::atomic<int64_t> total_ = 0;
};

}  // namespace jangada::storage
