// EntryCache: the newest entries of all groups of one shard, bounded in bytes, so that replication
// and reads at the tail touch no disk. Of each group it holds one run of consecutive entries, the
// end of its log as far as it was Put; the oldest entries of the whole cache go first. Owned by its
// shard.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"
#include "storage/store_stats.h"

namespace jangada::storage {

class EntryCache {
 public:
  /// At most `capacity_bytes` of Entry::size() are held.
  explicit EntryCache(size_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

  /// Adds entries to the group's run. What was held at and after the first one's index goes; so
  /// does all of the run if the first one does not join it. REQUIRES: consecutive indices, offsets
  /// assigned.
  void Put(GroupId group, const std::vector<raft::Entry>& entries);

  /// Entries from range.first on: consecutive, at most `max_bytes` but at least one. Empty:
  /// range.first is not here.
  std::vector<raft::Entry> Get(GroupId group, raft::IndexRange range, size_t max_bytes);

  /// kRecords entries from the one that holds `offset` on, up to index `last`: at most `max_bytes`
  /// but at least one. Empty: that one is not here.
  std::vector<raft::Entry> FindOffset(GroupId group, int64_t offset, raft::Index last,
                                      size_t max_bytes);

  void Erase(GroupId group);

  size_t bytes() const { return bytes_; }
  CacheStats stats() const;

 private:
  struct Cached {
    raft::Entry entry;
    std::list<GroupId>::iterator age;  // this entry's place in ages_
  };
  using Run = std::deque<Cached>;  // consecutive indices, ages growing

  void TruncateFrom(Run* run, raft::Index first);
  void Drop(const Cached& cached);
  void EvictOldest();
  std::vector<raft::Entry> Lookup(GroupId group, raft::IndexRange range, size_t max_bytes) const;
  std::vector<raft::Entry> LookupOffset(GroupId group, int64_t offset, raft::Index last,
                                        size_t max_bytes) const;

  // Constant after construction.
  const size_t capacity_bytes_;

  // Owned by the shard.
  // 1. bytes_ is the sum of size() over all runs, and at most capacity_bytes_ after every public
  // call.
  // 2. ages_ has one element for each cached entry, oldest first.
  // 3. No run is empty.
  std::unordered_map<GroupId, Run> runs_;
  std::list<GroupId> ages_;
  size_t bytes_ = 0;
  CacheStats stats_;  // but for its sizes
};

}  // namespace jangada::storage
