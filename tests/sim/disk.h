// SimDisk: what one node keeps, as its disk holds it: the rows of its database, the mark of synced
// writes, its identity. It outlives every process of the node, loses what was not synced when a
// crash says so, fills up, fails, hangs and rots. SimDb is RocksDB's interface to it: all that the
// store uses, on memory.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "storage/data_folder.h"
#include "storage/rocks_parts.h"
#include "tests/sim/reached.h"

namespace jangada::sim {

enum class Family : uint32_t { kDefault = 0, kEntries = 1, kSparse = 2, kMeta = 3 };
inline constexpr size_t kFamilies = 4;

/// Told of every row that becomes durable, in order.
class RowObserver {
 public:
  virtual ~RowObserver() = default;
  virtual void OnPut(Family family, std::string_view key, std::string_view value) = 0;
  virtual void OnDelete(Family family, std::string_view key) = 0;
  virtual void OnDeleteRange(Family family, std::string_view begin, std::string_view end) = 0;
  /// Rows went that were durable: a fault took them, no write did.
  virtual void OnLoss() = 0;
};

class SimDisk {
 public:
  using Table = std::map<std::string, std::string, std::less<>>;

  SimDisk(Random random, Reached& reached) : random_(random), reached_(reached) {}

  void SetObserver(RowObserver* observer) { observer_ = observer; }
  /// Called when a synced write begins: what the process's other threads do meanwhile.
  void SetMeanwhile(std::function<void()> meanwhile) { meanwhile_ = std::move(meanwhile); }

  // ---- what is on it ----
  storage::DataFolderMeta& identity() { return identity_; }
  Table& table(Family family) { return tables_[static_cast<size_t>(family)]; }
  const Table& table(Family family) const { return tables_[static_cast<size_t>(family)]; }
  uint64_t sequence() const { return sequence_; }
  bool holds_store() const { return holds_store_; }
  /// A new disk, empty but for the identity that is given.
  void Replace(storage::DataFolderMeta identity);

  /// What a store opens on: all of it in memory. `readers` outlive the store.
  Result<storage::StoreParts> Open(std::vector<Executor*> readers);

  static constexpr int64_t kRoomy = int64_t{1} << 40;

  // ---- faults; they stay until they are taken back ----
  /// Takes back all but damage.
  void Mend();
  /// So much room is left; at first more than anybody needs.
  void SetFree(int64_t bytes) { free_bytes_ = bytes; }
  bool IsFull() const { return free_bytes_ < kRoomy; }
  /// The next sync fails: what it wrote is there after a restart, or not.
  void FailNextSync(bool no_space);
  /// The next so many walks over rows meet an error that is gone when one looks again.
  void FailReads(int count) { failing_reads_ = count; }
  /// A bit of an entry's row flips, or (`torn`) its table block cannot be read at all. False: there
  /// is no such row.
  bool Rot(GroupId group, uint64_t index, bool torn);
  size_t rotten() const { return rotten_.size(); }
  /// A table block of the rows by which all others are understood cannot be read any more.
  void RotMeta() { meta_rotten_ = true; }
  bool is_meta_rotten() const { return meta_rotten_; }

  // ---- crashes; between two processes, but for BeginDying ----
  /// Of the writes that come from here on, only the first `writes` reach the disk: the process is
  /// dying.
  void BeginDying(int writes) { writes_before_death_ = writes; }
  /// The process is gone. power: what the file system had not synced by itself may be gone, too.
  void EndOfProcess(bool power);
  /// The newest synced writes are gone: RocksDB drops what follows a damaged record of its log.
  /// Returns how many rows went.
  size_t LoseNewestWrites(size_t batches);
  /// A store has opened on it, and has made durable what it missed.
  void NoteStarted() { unnoticed_loss_ = false; }
  /// Something was lost that no start of the store has had a chance to notice.
  bool has_unnoticed_loss() const { return unnoticed_loss_; }
  /// The store knows that whole groups may be missing.
  bool may_miss_groups() const;

 private:
  friend class SimDb;
  friend class SimRows;
  friend class MemoryMark;

  static constexpr size_t kUndoKept = 64;  // batches

  /// What a batch changed, so that it can be taken back.
  struct Undo {
    uint64_t sequence_before = 0;
    struct Row {
      Family family;
      std::string key;
      std::optional<std::string> value_before;
    };
    std::vector<Row> rows;
  };

  rocksdb::Status Write(rocksdb::WriteBatch* batch);
  void Apply(rocksdb::WriteBatch* batch);
  void Put(Family family, std::string_view key, std::string_view value);
  void Delete(Family family, std::string_view key);
  void DeleteRange(Family family, std::string_view begin, std::string_view end);
  /// True: this read fails.
  bool TakeReadError();

  Random random_;
  Reached& reached_;
  RowObserver* observer_ = nullptr;
  std::function<void()> meanwhile_;

  storage::DataFolderMeta identity_;
  bool holds_store_ = false;
  std::array<Table, kFamilies> tables_;
  uint64_t sequence_ = 0;
  std::deque<Undo> undo_;
  Undo* undoing_ = nullptr;
  std::string mark_;                      // the bytes of the file
  std::vector<std::string> older_marks_;  // since the last sync of the file system

  int64_t free_bytes_ = kRoomy;
  std::optional<rocksdb::Status> next_failure_;
  int failing_reads_ = 0;
  bool unnoticed_loss_ = false;
  int writes_before_death_ = -1;                     // -1: it lives
  std::map<std::string, bool, std::less<>> rotten_;  // keys of entries -> torn
  bool meta_rotten_ = false;
};

}  // namespace jangada::sim
