// RocksDb: the one RocksDB of a node, opened with settings chosen for a log, and its column
// families. Opening it never loses data in silence: see RocksOpen. Only rocks_*.cc and
// log_writer.cc include this header.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "storage/manifest_check.h"
#include "storage/rocks_log_store.h"

namespace jangada::storage {

struct RocksDb {
  std::string path;  // the store's folder
  std::unique_ptr<rocksdb::DB> db;
  // Owned by `db`, which destroys them.
  rocksdb::ColumnFamilyHandle* entries = nullptr;
  rocksdb::ColumnFamilyHandle* sparse = nullptr;
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  /// A write met an I/O error. Debian's librocksdb is built with assertions, and one of them ends
  /// the process when a log file that met an error is closed: so the database is then left open
  /// until the process ends, as it is to.
  bool abandoned = false;
  /// Set whenever RocksDB has written tables, and so its MANIFEST.
  std::shared_ptr<std::atomic<bool>> manifest_grew = std::make_shared<std::atomic<bool>>(true);

  RocksDb() = default;
  RocksDb(RocksDb&&) = default;
  RocksDb& operator=(RocksDb&&) = delete;
  ~RocksDb();

  /// How far the MANIFEST is synced now.
  ManifestLength Manifest() const;

  /// Shorthand for a bounded walk over one column family; `upper` must outlive the iterator.
  std::unique_ptr<rocksdb::Iterator> Walk(rocksdb::ColumnFamilyHandle* family,
                                          const rocksdb::Slice* upper) const;
};

/// Which part of the truth about the disk the open store still has.
enum class Found {
  kEverything,  // or the writes up to some point, if the mark of synced writes says so
  kNothing,     // a new store stands in for one that cannot be read
};

struct RocksOpened {
  RocksDb db;
  Found found = Found::kEverything;
  /// Damage was met before the last stop; the tables were checked, the entries' own checks were
  /// not.
  bool suspect = false;
};

/// Opens `options.path`/db, or makes it if the store is new (`is_new`). One that is damaged beyond
/// opening is moved aside, never removed, and an empty one takes its place. An error is one that a
/// repeated start may cure (no permission, no space, the disk does not answer).
Result<RocksOpened> OpenRocksDb(const RocksOptions& options, bool is_new);

/// Moves the database aside and opens a new one in its place, which knows that groups were lost.
Result<RocksOpened> OpenNewInstead(const RocksOptions& options, const std::string& why);

/// Notes that a table of the database was found unreadable: the next start checks them all before
/// it trusts, instead of failing in the same way for ever. Any thread.
void MarkSuspect(const std::string& path);

void ClearSuspect(const std::string& path);

/// Whether the disk failed to answer a call, which says nothing about what is on it: to try again
/// later, or after a restart, may help. Otherwise it succeeded or met damage: files that are
/// missing or say what they must not.
bool IsPassing(const rocksdb::Status& status);

/// Our words for a failed call.
Error ToError(const rocksdb::Status& status, const std::string& doing);

}  // namespace jangada::storage
