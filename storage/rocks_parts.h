// StoreParts: what a RocksLogStore stands on: an open database, the mark of its synced writes, the
// room on its disk, the executors that read. RocksLogStore::Open makes them of files and threads,
// the simulator of memory and virtual time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "storage/disk_space.h"
#include "storage/rocks_db.h"
#include "storage/synced_mark.h"

namespace jangada::storage {

struct StoreParts {
  RocksOpened opened;
  SyncedMark mark;
  std::unique_ptr<DiskSpace> space;
  std::vector<Executor*> readers;  // not empty; outlive the store
  /// Moves the database aside, which cannot be understood, and opens a new one in its place
  /// (OpenNewInstead). The argument says why.
  std::function<Result<RocksOpened>(const std::string&)> open_new_instead;
};

}  // namespace jangada::storage
