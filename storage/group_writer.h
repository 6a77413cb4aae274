// GroupWriter: turns one GroupWrite into rows of a batch and keeps the group's GroupLog in step.
// The writer's executor only. What it must know of the past it reads from the database, so a write
// for which NeedsCommittedRows is true starts a new batch.
#pragma once

#include <rocksdb/write_batch.h>

#include "storage/group_log.h"
#include "storage/log_store.h"
#include "storage/rocks_db.h"

namespace jangada::storage {

class GroupWriter {
 public:
  GroupWriter(const RocksDb& db, rocksdb::WriteBatch* batch, GroupId id, GroupLog* log)
      : db_(db), batch_(batch), id_(id), log_(log) {}

  /// The write removes entries that are held, or asks where rows are.
  static bool NeedsCommittedRows(const GroupWrite& write, const GroupLog& log);

  /// The rows of a group that is new to the store. `damaged`: it may have been here before, and was
  /// lost with its votes.
  void Make(bool damaged);
  void Erase();
  /// In the batch that erases it for good.
  void NoteErased();
  /// Everything in `write` but erase. kDataCorrupt, with nothing put in the batch: a row that had
  /// to be read is damaged; kIoError: final.
  Status Apply(const GroupWrite& write);

  /// Entry `first_bad` is damaged: marks the group and cuts the log there. Empties it where what is
  /// left could not be folded, or where entries just before are damaged too. kIoError, with nothing
  /// done: the disk did not give the entries just before.
  Status CutDamage(raft::Index first_bad);

  /// `forgot_votes`: the hard state may have been lost, too. What was marked so stays so.
  void MarkDamaged(bool forgot_votes);

 private:
  /// The open stretch as it was before entry `index` came. kDataCorrupt if an entry of it is
  /// damaged.
  Result<Stretch> OpenStretchBefore(raft::Index index) const;
  void TruncateFrom(raft::Index index, const Stretch& open);
  void Install(const GroupWrite::Install& install);
  void Append(const raft::Entry& entry);
  Status TrimBelow(raft::Index index);
  void PutCheckpoint(const Checkpoint& checkpoint);
  void CloseStretch();
  void EraseLog();
  void PutLogStart();

  const RocksDb& db_;
  rocksdb::WriteBatch* const batch_;
  const GroupId id_;
  GroupLog* const log_;
};

}  // namespace jangada::storage
