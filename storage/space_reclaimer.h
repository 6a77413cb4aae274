// SpaceReclaimer: gives the room of trimmed entries back to the disk. Trimming writes a range
// tombstone; the room returns when a compaction drops the keys and every value of a blob file is
// garbage. Files where trimmed values lie among kept ones (topics keep their data for different
// times) are emptied by copying the kept values, but only while that copies no more than it frees.
// On a thread of its own; it touches no state of the store.
#pragma once

#include <atomic>
#include <cstdint>

#include "storage/disk_space.h"
#include "storage/log_writer.h"
#include "storage/rocks_db.h"
#include "storage/thread_executor.h"

namespace jangada::storage {

class SpaceReclaimer {
 public:
  SpaceReclaimer(const RocksDb& db, const DiskSpace& space, const LogWriter& writer);
  /// Cancels what runs and waits for its end.
  ~SpaceReclaimer();

 private:
  void Look();
  /// Drops the keys of what was trimmed, and with them the blob files that hold nothing else.
  void DropKeys();
  /// Copies the kept values out of the oldest blob files where garbage outweighs them.
  void CopyOutOfGarbage();
  /// The part of the blob files, oldest first, that is worth emptying; 0: none.
  double PartWorthCopying() const;

  const RocksDb& db_;
  const DiskSpace& space_;
  const LogWriter& writer_;
  std::atomic<bool> canceled_ = false;

  // Owned by thread_.
  int64_t dropped_seen_ = 0;  // of the writer's bytes_dropped, what is reclaimed already

  ThreadExecutor thread_{"store-space"};
};

}  // namespace jangada::storage
