// MemLogStore: a LogStore in memory, for tests and the simulator. "The disk" is an Executor of the
// caller's: a write is synced when the disk runs its task, so that a test decides when a sync
// completes, and Crash() forgets every write that was not. It can also fail syncs, fill up and rot.
//
// Threads: the LogStore calls from any; what they do happens on the disk's executor, which owns the
// data. The rest of the methods are called on the disk's executor, or while nothing runs.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "storage/log_store.h"

namespace jangada::storage {

class MemLogStore final : public LogStore {
 public:
  explicit MemLogStore(Executor& disk) : disk_(disk) {}

  // ---- LogStore ----
  Result<std::vector<GroupState>> Load() override;
  bool may_have_lost_groups() const override { return lost_groups_; }
  void ForgetLostGroups(Executor& reply_to, Callback<Status> done) override;
  bool WasErased(GroupId group) const override;
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

  /// Reads of entries that came to the store so far.
  size_t reads() const { return reads_; }

  // ---- faults ----
  /// The power went: calls that the disk has not yet carried out never happen and are never
  /// answered.
  void Crash() { ++life_; }
  /// The entry's checks fail from now on. REQUIRES: it is held.
  void Rot(GroupId group, raft::Index index);
  /// All groups are gone, and the store knows that it lost some.
  void LoseEverything();
  /// The next write fails with `error`. kDiskFull passes; after any other every write fails.
  void FailNextSync(Error error) { next_failure_ = std::move(error); }
  /// While full, writes with records answer kDiskFull and usage() refuses produce.
  void SetFull(bool full) { full_ = full; }

 private:
  struct Group {
    raft::HardState hard_state;
    std::optional<Checkpoint> checkpoint;
    raft::Index first = 1;
    std::vector<raft::Entry> entries;  // first, first + 1, ...
    int64_t bytes = 0;                 // of `entries`
    int64_t bytes_before = 0;          // of the entries below `first`
    int64_t max_timestamp_before = -1;
    bool damaged = false;
    bool forgot_votes = false;
    bool needs_reload = false;
    std::set<raft::Index> rotten;

    raft::Index last() const { return first + entries.size() - 1; }
  };

  /// Posts `task` to the disk; it does not run if a crash comes first.
  void OnDisk(Callback<> task);
  Status Carry(GroupWrite& write);
  Status Apply(GroupWrite& write);
  /// The first `count` entries stay.
  static void KeepFirst(Group* group, size_t count);
  /// LogBytes says from now on what the group holds.
  void NoteBytes(GroupId id);
  void DropBefore(Group* group, raft::Index first);
  void MarkDamaged(Group* group, raft::Index first_bad);
  GroupState StateOf(GroupId id, const Group& group) const;
  Result<std::vector<raft::Entry>> Take(GroupId id, raft::IndexRange range, size_t max_bytes,
                                        bool records_only);
  Result<std::vector<raft::Entry>> TakeFromOffset(GroupId id, int64_t offset, raft::Index last,
                                                  size_t max_bytes);
  std::vector<SparseRow> SparseOf(const Group& group) const;

  Executor& disk_;
  std::atomic<size_t> reads_ = 0;
  std::atomic<uint64_t> life_ = 0;  // crashes so far
  std::atomic<bool> full_ = false;
  std::atomic<bool> lost_groups_ = false;

  // Owned by the disk's executor.
  std::map<GroupId, Group> groups_;
  std::optional<Error> next_failure_;
  std::optional<Error> failed_;  // final

  mutable std::mutex view_mutex_;     // guards what follows
  std::map<GroupId, int64_t> bytes_;  // of each group's log
  std::set<GroupId> erased_;
};

}  // namespace jangada::storage
