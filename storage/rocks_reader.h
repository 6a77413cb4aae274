// Reading rows back: entries with every check that docs/on-disk-format.md names, and searches over
// sparse rows. Blocks on the disk: called on the store's reader threads, and by the writer where it
// must know the past.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "storage/group_log.h"
#include "storage/log_store.h"
#include "storage/rocks_db.h"

namespace jangada::storage {

struct ReadLimits {
  raft::IndexRange range;
  size_t max_bytes = 0;
  bool records_only = false;
};

struct ReadEntries {
  std::vector<raft::Entry> entries;
  /// The first entry that is missing or fails a check. Only a suspicion while writes go on: the log
  /// may have been cut or trimmed since the view was taken.
  std::optional<raft::Index> suspect;
};

class RocksReader {
 public:
  explicit RocksReader(const RocksDb& db) : db_(db) {}

  /// Entries of the range that the view holds, up to the limits but at least one. kIoError: the
  /// disk did not give the first one, which says nothing about it.
  Result<ReadEntries> Read(GroupId group, const GroupView& view, const ReadLimits& limits) const;
  /// Calls `visit` for entry after entry until it says false. The first suspect ends the walk, and
  /// so does an error of the disk (kIoError), which makes nothing suspect: it may pass.
  Result<std::optional<raft::Index>> Visit(GroupId group, const GroupView& view,
                                           raft::IndexRange range,
                                           const std::function<bool(raft::Entry)>& visit) const;

  /// The index where a search for `offset` starts: at or before the entry that holds it.
  Result<raft::Index> StartForOffset(GroupId group, const GroupView& view, int64_t offset) const;
  /// The same for the first record at or after `timestamp_ms`; beyond the last entry if there is
  /// none.
  Result<raft::Index> StartForTimestamp(GroupId group, const GroupView& view,
                                        int64_t timestamp_ms) const;
  Result<std::vector<SparseRow>> Sparse(GroupId group, const GroupView& view) const;

  /// Two neighbours among the closed stretches.
  struct Border {
    std::optional<Stretch> before;  // the last one for which the search's condition does not hold
    std::optional<Stretch> after;   // the first one for which it does
  };
  /// `after` ends after entry `index`: it holds it or lies beyond.
  Result<Border> FindByIndex(GroupId group, raft::Index index) const;

  Result<Checkpoint> ReadCheckpoint(GroupId group) const;

 private:
  /// `wanted`, once true for a stretch, is true for all later ones.
  Result<Border> Find(GroupId group, const std::function<bool(const Stretch&)>& wanted) const;

  const RocksDb& db_;
};

}  // namespace jangada::storage
