// LogStore: where the groups of a node keep their logs, hard states and checkpoints. One per node;
// RocksLogStore is the real one, MemLogStore the tests' (it can crash).
// tests/storage/log_store_contract runs against both.
//
// Threads: Persist, Read and the searches may be called from any executor; `done` is posted to the
// executor that the call names, never run inside the call. Writes of one group take effect in the
// order of the calls; a read sees every write of its group whose `done` has been posted.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/callback.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/result.h"
#include "raft/ready.h"
#include "raft/types.h"

namespace jangada::storage {

/// Everything that a group's log folds into up to an index: from here a restart replays, and this
/// is what a follower behind the trimmed prefix gets. Kilobytes, not gigabytes: records are not in
/// it.
struct Checkpoint {
  raft::SnapshotMeta meta;
  int64_t next_offset = 0;       // of the first record after meta.last
  int64_t log_start_offset = 0;  // the lowest offset that may be read
  Bytes state;                   // the state machine's own encoding
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// Never changes silently: docs/on-disk-format.md. Carries a format version and a CRC.
Bytes EncodeCheckpoint(const Checkpoint& checkpoint);
/// kDataCorrupt or kUnsupportedVersion.
Result<Checkpoint> DecodeCheckpoint(std::string_view bytes);

/// One group's part of an atomic, synced write. The steps happen in the order of the fields.
struct GroupWrite {
  GroupId group;
  /// First: everything the group ever had is removed (its topic is gone, or it will be refilled).
  /// Where nothing comes after, WasErased is true from then on.
  bool erase = false;
  /// The group is made by this write, by a replica that joins it: it is marked as `damaged` with
  /// `forgot_votes`, for it may have been a member before.
  bool joins = false;
  std::optional<raft::HardState> hard_state;
  /// A checkpoint from the leader: replaces the checkpoint, and the log too unless keep_suffix
  /// (then the entries after checkpoint.meta.last stay).
  struct Install {
    Checkpoint checkpoint;
    bool keep_suffix = false;
  };
  std::optional<Install> install;
  /// Truncates from entries.front().index on, then appends. Indices are consecutive and join the
  /// log.
  std::vector<raft::Entry> entries;
  /// A checkpoint of our own; replaces the older one. May be ahead of nothing: its last entry is on
  /// disk.
  std::optional<Checkpoint> checkpoint;
  /// Entries below this index are dropped (0: none). REQUIRES: a checkpoint at or after trim_below
  /// - 1.
  raft::Index trim_below = 0;
  /// The refill of a damaged group is complete: the mark that makes `damaged` true goes.
  bool clear_damaged = false;
};

/// What a group's replica starts from.
struct GroupState {
  GroupId group;
  raft::HardState hard_state;
  std::optional<Checkpoint> checkpoint;
  raft::Index first_index = 1;       // of the entries held
  raft::Position last;               // the last entry, or the checkpoint's position if none is held
  int64_t end_offset = 0;            // offset after the last entry
  std::vector<raft::TermRun> terms;  // of the entries held
  std::vector<raft::MembershipAt> memberships;  // of the entries held
  /// Entries below the last synced position are damaged or missing: this replica must not vote or
  /// lead until refilled. The store has already cut the log before the damage. The mark is durable.
  bool damaged = false;
  /// With `damaged`: hard_state, too, may be older than what this replica once told, for the newest
  /// writes of the store are gone, or the group itself was. As durable as the mark.
  bool forgot_votes = false;

  /// Nothing was ever written of it.
  bool IsEmpty() const {
    return hard_state == raft::HardState() && !checkpoint.has_value() && last == raft::Position() &&
           !damaged;
  }
};

/// Where a record lies in time. offset -1: no such record.
struct OffsetAndTime {
  int64_t offset = -1;
  int64_t timestamp_ms = -1;
};

/// What retention needs to know, oldest first: a sparse row about every 64 KiB of log. The first
/// row may begin below the first entry held (rows are trimmed whole); the last one is that of the
/// open stretch.
struct SparseRow {
  int64_t base_offset = 0;
  raft::Index index = 0;
  int64_t max_timestamp_ms = -1;  // over all records from the log's start up to the next row
  int64_t bytes_before =
      0;  // Entry::size() of all entries since the group was made, before this row's
};

class LogStore {
 public:
  virtual ~LogStore() = default;

  // ---- start ----
  /// Every group on the disk. Once, before the first write; blocks.
  virtual Result<std::vector<GroupState>> Load() = 0;
  /// Groups may be missing altogether from what Load gave, because the disk lost them: a group made
  /// while this is true is durably `damaged` from its first write on, since it may have voted and
  /// acknowledged before. Ends with ForgetLostGroups, once the node has again made every group it
  /// is known to hold.
  virtual bool may_have_lost_groups() const { return false; }
  virtual void ForgetLostGroups(Executor& reply_to, Callback<Status> done) = 0;
  /// The group was erased here, and with it what it had voted and acknowledged: nobody may found it
  /// (ids of groups are never given twice). As durable as the erasure. Any thread.
  virtual bool WasErased(GroupId group) const = 0;
  /// What a restart would find of one group, so that its replica can start again in place after
  /// kDataCorrupt. kNotFound: the store holds nothing of it. After every earlier write of the
  /// group.
  virtual void Reload(GroupId group, Executor& reply_to, Callback<Result<GroupState>> done) = 0;

  // ---- write ----
  /// Atomic and synced before `done`. Writes of many groups and shards are merged into one sync.
  /// An error is final: nothing is known of the disk any more and the node must stop (kIoError),
  /// except two, after which nothing of this write was kept: kDiskFull (later writes may succeed;
  /// writes without records are never refused so), and kDataCorrupt (the
  /// group was found damaged: restart its replica from Reload). Every entry's base_offset is
  /// assigned.
  virtual void Persist(GroupWrite write, Executor& reply_to, Callback<Status> done) = 0;

  // ---- read; answers are at most `max_bytes` but at least one entry, where there is one ----
  /// Entries first..last, or a prefix of them. kNotFound: `first` was trimmed, or is not yet
  /// synced. kDataCorrupt: an entry in the range fails its checks. The group is then marked damaged
  /// on disk, its log is cut before the damage, and every write is refused until Reload.
  virtual void Read(GroupId group, raft::IndexRange range, size_t max_bytes, Executor& reply_to,
                    Callback<Result<std::vector<raft::Entry>>> done) = 0;
  /// From the kRecords entry that holds `offset` on, kRecords entries only, up to index `last`.
  /// Empty when no such entry exists up to `last`; kOffsetOutOfRange when it was trimmed.
  virtual void ReadOffset(GroupId group, int64_t offset, raft::Index last, size_t max_bytes,
                          Executor& reply_to, Callback<Result<std::vector<raft::Entry>>> done) = 0;
  /// The first record whose timestamp is at or after `timestamp_ms`, among entries up to index
  /// `last`.
  virtual void FindTimestamp(GroupId group, int64_t timestamp_ms, raft::Index last,
                             Executor& reply_to, Callback<Result<OffsetAndTime>> done) = 0;
  virtual void ReadSparse(GroupId group, Executor& reply_to,
                          Callback<Result<std::vector<SparseRow>>> done) = 0;
  /// The newest durable checkpoint; kNotFound if there is none.
  virtual void ReadCheckpoint(GroupId group, Executor& reply_to,
                              Callback<Result<Checkpoint>> done) = 0;

  // ---- watch ----
  struct Usage {
    int64_t disk_free_bytes = 0;
    int64_t disk_total_bytes = 0;
    bool accepts_produce = true;  // false below storage.min_free_bytes
    /// False a good deal below that: what a leader elsewhere sends is better not even taken, for
    /// the store would soon refuse it, and what a group must keep in order waits behind it.
    bool accepts_records = true;
  };
  /// Any thread; refreshed about once a second.
  virtual Usage usage() const = 0;
  /// Entry::size() of all entries that the store holds of a group, synced; what was trimmed of its
  /// first stretch (64 KiB) may still count. nullopt: it holds nothing of it. Any thread.
  virtual std::optional<int64_t> LogBytes(GroupId group) const = 0;
};

}  // namespace jangada::storage
