// What the store does when it opens: reads the rows of every group back, checks them, and makes
// durable what it found damaged before anything else is written. Blocks; on the thread that opens
// the store.
#pragma once

#include "storage/log_writer.h"
#include "storage/rocks_db.h"

namespace jangada::storage {

struct LoadedLogs {
  LogWriter::Groups groups;
  std::vector<std::pair<GroupId, raft::Index>> damage;  // the first bad entry of a group
  std::vector<GroupId> erased;                          // on this disk, once
  bool lost_groups = false;
};

/// The logs of all groups. The entries after the last sparse row are read and checked (64 KiB a
/// group), or with `check_all` every entry. kDataCorrupt: rows are damaged by which the others
/// would be understood.
Result<LoadedLogs> LoadLogs(const RocksDb& db, bool check_all);

/// Marks and cuts what is damaged, in one synced write. `lost_writes`: the newest synced writes are
/// gone, of which groups nobody knows, so every group is marked, and some may be missing.
Status RecordDamage(const RocksDb& db, LoadedLogs* loaded, bool lost_writes);

/// The state that a replica starts from: the rows of the group, and its log as the writer knows it.
Result<GroupState> LoadState(const RocksDb& db, GroupId group, const GroupLog& log);

}  // namespace jangada::storage
