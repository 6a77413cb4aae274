// RocksLogStore: the real LogStore, one RocksDB per node. All writes of all groups go through one
// writer, which merges what is queued into one synced write; cold reads are served by a small pool
// of its own. What it promises about damage is in docs/on-disk-format.md.
//
// Threads: as LogStore says. Open blocks. The destructor waits for the calls that are being carried
// out; the writer's executor must have stopped, or must never run a task again, before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "storage/log_store.h"
#include "storage/store_stats.h"

namespace rocksdb {
class Env;
}

namespace jangada::storage {

struct RocksOptions {
  std::string path;  // a folder of the store's own; made if absent
  /// Below this much free space no produce is accepted. 0: the smaller of 1 GiB and 5 % of the
  /// disk.
  int64_t min_free_bytes = 0;
  size_t write_buffer_bytes =
      32 << 20;  // of entries in memory before they are written out a second time
  size_t block_cache_bytes = 16 << 20;
  int reader_threads = 2;
  /// The files of the database; null: the machine's. A test puts one with faults there. Outlives
  /// the store.
  rocksdb::Env* env = nullptr;
};

struct StoreParts;  // rocks_parts.h

class RocksLogStore final : public LogStore {
 public:
  /// Opens or makes the store. `writer`: a thread of its own, where every write and sync happens.
  static Result<std::unique_ptr<RocksLogStore>> Open(const RocksOptions& options, Executor& writer);
  /// On a database, a mark and readers of the caller's; room that is trimmed is not reclaimed.
  static Result<std::unique_ptr<RocksLogStore>> OpenOn(StoreParts parts, Executor& writer);
  ~RocksLogStore() override;

  Result<std::vector<GroupState>> Load() override;
  bool may_have_lost_groups() const override;
  bool WasErased(GroupId group) const override;
  void ForgetLostGroups(Executor& reply_to, Callback<Status> done) override;
  void Reload(GroupId group, Executor& reply_to, Callback<Result<GroupState>> done) override;
  void Persist(GroupWrite write, Executor& reply_to, Callback<Status> done) override;
  void Read(GroupId group, raft::IndexRange range, size_t max_bytes, Executor& reply_to,
            Callback<Result<std::vector<raft::Entry>>> done) override;
  void ReadOffset(GroupId group, int64_t offset, raft::Index last, size_t max_bytes,
                  Executor& reply_to, Callback<Result<std::vector<raft::Entry>>> done) override;
  void FindTimestamp(GroupId group, int64_t timestamp_ms, raft::Index last, Executor& reply_to,
                     Callback<Result<OffsetAndTime>> done) override;
  void ReadSparse(GroupId group, Executor& reply_to,
                  Callback<Result<std::vector<SparseRow>>> done) override;
  void ReadCheckpoint(GroupId group, Executor& reply_to,
                      Callback<Result<Checkpoint>> done) override;
  Usage usage() const override;
  std::optional<int64_t> LogBytes(GroupId group) const override;
  /// Any thread.
  StoreStats stats() const;

 private:
  struct Impl;
  explicit RocksLogStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangada::storage
