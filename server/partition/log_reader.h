// LogReader: where a replica finds the entries of its own log. Three places, in order: what is
// being written and not yet synced (held here), the shard's cache, the store. The first two answer
// at once; the third never blocks the shard. On the group's shard.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/callback.h"
#include "base/executor.h"
#include "raft/types.h"
#include "storage/log_store.h"

namespace jangada::storage {
class EntryCache;
}

namespace jangada::server {

class LogReader {
 public:
  using Entries = std::vector<raft::Entry>;

  LogReader(GroupId group, Executor& executor, storage::LogStore& store, storage::EntryCache& cache)
      : group_(group), executor_(executor), store_(store), cache_(cache) {}

  /// `entries` are about to be written as part of the Ready `number`; they replace what stood at
  /// their indices and after. REQUIRES: numbers never go back.
  void OnWriting(const Entries& entries, uint64_t number);
  /// Everything up to the Ready `number` is synced: the store has it.
  void OnSynced(uint64_t number);
  /// The log was replaced: nothing held here is true any more.
  void Reset();

  /// Entries from range.first on, at most `max_bytes` but at least one. Empty: not in memory.
  Entries InMemory(raft::IndexRange range, size_t max_bytes) const;
  /// From the store; the answer comes later. Only what is synced as the log has it now.
  /// REQUIRES: range.first is not in memory.
  void FromStore(raft::IndexRange range, size_t max_bytes, Callback<Result<Entries>> done);

  /// kRecords entries from the one that holds `offset` on, up to index `last`. Empty: not in
  /// memory.
  Entries OffsetInMemory(int64_t offset, raft::Index last, size_t max_bytes) const;
  void OffsetFromStore(int64_t offset, raft::Index last, size_t max_bytes,
                       Callback<Result<Entries>> done);

 private:
  struct Writing {
    raft::Entry entry;
    uint64_t number = 0;
  };

  raft::Index LastInStore(raft::Index last) const;

  // Constant after construction.
  const GroupId group_;
  Executor& executor_;
  storage::LogStore& store_;
  storage::EntryCache& cache_;

  // 1. Consecutive indices; numbers never go back along it.
  std::deque<Writing> writing_;
};

}  // namespace jangada::server
