#include "tests/sim/disk.h"

#include <rocksdb/utilities/stackable_db.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "storage/rocks_rows.h"

namespace jangada::sim {
namespace {

using rocksdb::Slice;
using rocksdb::Status;
using storage::RocksOpened;

std::string_view View(const Slice& slice) { return {slice.data(), slice.size()}; }

class FamilyHandle final : public rocksdb::ColumnFamilyHandle {
 public:
  explicit FamilyHandle(Family family) : family_(family) {}
  const std::string& GetName() const override { return name_; }
  uint32_t GetID() const override { return static_cast<uint32_t>(family_); }
  Status GetDescriptor(rocksdb::ColumnFamilyDescriptor*) override { return Status::NotSupported(); }
  const rocksdb::Comparator* GetComparator() const override {
    return rocksdb::BytewiseComparator();
  }

 private:
  const Family family_;
  const std::string name_ = "simulated";
};

Family FamilyOf(rocksdb::ColumnFamilyHandle* handle) {
  return static_cast<Family>(handle->GetID());
}

}  // namespace

/// A walk over one family. Nothing is written while one lives: reads are one task.
class SimRows final : public rocksdb::Iterator {
 public:
  SimRows(SimDisk& disk, Family family, const Slice* upper)
      : disk_(disk),
        table_(disk.table(family)),
        checks_rot_(family == Family::kEntries && !disk.rotten_.empty()),
        unreadable_(family == Family::kMeta && disk.meta_rotten_),
        upper_(upper == nullptr ? std::nullopt : std::optional<std::string>(View(*upper))),
        at_(table_.end()) {
    if (disk.TakeReadError()) status_ = Status::IOError("injected");
  }

  bool Valid() const override { return status_.ok() && at_ != table_.end() && !IsBeyond(); }
  void SeekToFirst() override { MoveTo(table_.begin()); }
  void SeekToLast() override { SeekForPrev(upper_ ? Slice(*upper_) : Slice("\xff")); }
  void Seek(const Slice& target) override { MoveTo(table_.lower_bound(View(target))); }
  void SeekForPrev(const Slice& target) override {
    auto at = table_.upper_bound(View(target));
    MoveTo(at == table_.begin() ? table_.end() : std::prev(at));
  }
  void Next() override { MoveTo(std::next(at_)); }
  void Prev() override { MoveTo(at_ == table_.begin() ? table_.end() : std::prev(at_)); }
  Slice key() const override { return at_->first; }
  Slice value() const override { return flipped_.empty() ? Slice(at_->second) : Slice(flipped_); }
  Status status() const override { return status_; }

 private:
  bool IsBeyond() const { return upper_ && at_->first >= *upper_; }
  void MoveTo(SimDisk::Table::const_iterator at) {
    at_ = at;
    flipped_.clear();
    if (unreadable_ && at_ != table_.end()) status_ = Status::Corruption("injected");
    if (!checks_rot_ || at_ == table_.end() || IsBeyond()) return;
    const auto rotten = disk_.rotten_.find(at_->first);
    if (rotten == disk_.rotten_.end()) return;
    if (rotten->second) {
      status_ = Status::Corruption("injected");
    } else {
      flipped_ = at_->second;
      flipped_[flipped_.size() / 2] ^= 0x10;
    }
  }

  SimDisk& disk_;
  const SimDisk::Table& table_;
  const bool checks_rot_;
  const bool unreadable_;
  const std::optional<std::string> upper_;
  SimDisk::Table::const_iterator at_;
  std::string flipped_;
  Status status_;
};

class SimDb final : public rocksdb::StackableDB {
 public:
  explicit SimDb(SimDisk& disk) : StackableDB(static_cast<rocksdb::DB*>(nullptr)), disk_(disk) {}

  Status Close() override { return Status::OK(); }
  Status DestroyColumnFamilyHandle(rocksdb::ColumnFamilyHandle* handle) override {
    const std::unique_ptr<rocksdb::ColumnFamilyHandle> gone(handle);
    return Status::OK();
  }
  using StackableDB::Write;
  Status Write(const rocksdb::WriteOptions& options, rocksdb::WriteBatch* batch) override {
    CHECK_MSG(options.sync, "every write of the store is synced");
    return disk_.Write(batch);
  }
  using StackableDB::Get;
  Status Get(const rocksdb::ReadOptions&, rocksdb::ColumnFamilyHandle* handle, const Slice& key,
             rocksdb::PinnableSlice* value) override {
    if (disk_.TakeReadError()) return Status::IOError("injected");
    const Family family = FamilyOf(handle);
    if (family == Family::kMeta && disk_.meta_rotten_) return Status::Corruption("injected");
    const SimDisk::Table& table = disk_.table(family);
    const auto row = table.find(View(key));
    if (row == table.end()) return Status::NotFound();
    value->PinSelf(row->second);
    return Status::OK();
  }
  using StackableDB::NewIterator;
  rocksdb::Iterator* NewIterator(const rocksdb::ReadOptions& options,
                                 rocksdb::ColumnFamilyHandle* handle) override {
    return std::make_unique<SimRows>(disk_, FamilyOf(handle), options.iterate_upper_bound)
        .release();
  }
  rocksdb::SequenceNumber GetLatestSequenceNumber() const override { return disk_.sequence(); }
  Status GetLiveFiles(std::vector<std::string>& files, uint64_t* size, bool) override {
    files = {"/MANIFEST-000001"};
    *size = 1;
    return Status::OK();
  }

 private:
  SimDisk& disk_;
};

/// The mark's file: what is written is there unless the power goes.
class MemoryMark final : public storage::MarkFile {
 public:
  explicit MemoryMark(SimDisk& disk) : disk_(disk) {}

  Result<bool> Read(char* bytes, size_t size, int64_t offset) override {
    const auto at = static_cast<size_t>(offset);
    if (at + size > disk_.mark_.size()) return false;
    std::copy_n(disk_.mark_.data() + at, size, bytes);
    return true;
  }
  bool Write(const char* bytes, size_t size, int64_t offset) override {
    if (disk_.writes_before_death_ == 0) return true;
    if (disk_.older_marks_.size() == kOlder) disk_.older_marks_.erase(disk_.older_marks_.begin());
    disk_.older_marks_.push_back(disk_.mark_);
    const auto at = static_cast<size_t>(offset);
    disk_.mark_.resize(std::max(disk_.mark_.size(), at + size));
    std::copy_n(bytes, size, disk_.mark_.data() + at);
    return true;
  }
  bool Sync() override {
    disk_.older_marks_.clear();
    return true;
  }

 private:
  static constexpr size_t kOlder = 4;
  SimDisk& disk_;
};

// ---- SimDisk ----

void SimDisk::Replace(storage::DataFolderMeta identity) {
  identity_ = std::move(identity);
  holds_store_ = false;
  for (Table& table : tables_) table.clear();
  sequence_ = 0;
  undo_.clear();
  mark_.clear();
  older_marks_.clear();
  rotten_.clear();
  meta_rotten_ = false;
  unnoticed_loss_ = false;  // nobody can miss what is on no disk of the cluster
  if (observer_ != nullptr) observer_->OnLoss();
}

namespace {

/// As storage/rocks_db.cc does for a new database.
Result<RocksOpened> NewDb(std::unique_ptr<rocksdb::DB> db, bool is_new, bool lost_groups) {
  RocksOpened opened;
  opened.db.path = "simulated";
  opened.db.db = std::move(db);
  opened.db.entries = std::make_unique<FamilyHandle>(Family::kEntries).release();
  opened.db.sparse = std::make_unique<FamilyHandle>(Family::kSparse).release();
  opened.db.meta = std::make_unique<FamilyHandle>(Family::kMeta).release();
  if (!is_new) return opened;
  rocksdb::WriteBatch batch;
  std::string version;
  AppendBig<uint32_t>(&version, storage::kStoreFormatVersion);
  batch.Put(opened.db.meta, storage::MetaKey(storage::kStoreRows, storage::MetaTag::kFormat),
            version);
  if (lost_groups) {
    batch.Put(opened.db.meta, storage::MetaKey(storage::kStoreRows, storage::MetaTag::kLostGroups),
              "");
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const Status status = opened.db.db->Write(synced, &batch);
  if (!status.ok()) return storage::ToError(status, "start a new store");
  return opened;
}

}  // namespace

Result<storage::StoreParts> SimDisk::Open(std::vector<Executor*> readers) {
  writes_before_death_ = -1;
  TRY_ASSIGN(RocksOpened opened, NewDb(std::make_unique<SimDb>(*this), !holds_store_, false));
  holds_store_ = true;
  storage::StoreParts parts{
      .opened = std::move(opened),
      .mark = storage::SyncedMark::Open(std::make_unique<MemoryMark>(*this)).value(),
      .space = std::make_unique<storage::DiskSpace>(
          [this] {
            return std::optional(storage::DiskSpace::Room{free_bytes_, kRoomy});
          },
          1 << 20),
      .readers = std::move(readers),
      .open_new_instead = [this](const std::string&) -> Result<RocksOpened> {
        reached_.Count(Rare::kStoreMovedAside);
        for (Table& table : tables_) table.clear();
        undo_.clear();
        rotten_.clear();
        meta_rotten_ = false;
        if (observer_ != nullptr) observer_->OnLoss();
        TRY_ASSIGN(RocksOpened anew, NewDb(std::make_unique<SimDb>(*this), true, true));
        anew.found = storage::Found::kNothing;
        return anew;
      }};
  return parts;
}

void SimDisk::FailNextSync(bool no_space) {
  next_failure_ =
      no_space ? Status::IOError(Status::SubCode::kNoSpace) : Status::IOError("injected");
}

void SimDisk::Mend() {
  free_bytes_ = kRoomy;
  next_failure_.reset();
  failing_reads_ = 0;
}

bool SimDisk::TakeReadError() {
  if (failing_reads_ == 0) return false;
  --failing_reads_;
  reached_.Count(Rare::kReadError);
  return true;
}

// ---- writing ----

Status SimDisk::Write(rocksdb::WriteBatch* batch) {
  if (writes_before_death_ == 0) return Status::OK();  // nobody will ever hear of it
  if (writes_before_death_ > 0) --writes_before_death_;
  if (meanwhile_) meanwhile_();
  if (next_failure_) {
    const Status failure = *std::exchange(next_failure_, std::nullopt);
    // A failed sync tells nothing: the pages may have been written all the same, and are clean now.
    if (random_.Chance(1, 2)) Apply(batch);
    reached_.Count(Rare::kFailedSync);
    return failure;
  }
  Apply(batch);
  return Status::OK();
}

class BatchReader final : public rocksdb::WriteBatch::Handler {
 public:
  using Put = std::function<void(Family, std::string_view, std::string_view)>;
  using Delete = std::function<void(Family, std::string_view)>;
  BatchReader(Put put, Delete erase, Put erase_range)
      : put_(std::move(put)), erase_(std::move(erase)), erase_range_(std::move(erase_range)) {}

  Status PutCF(uint32_t family, const Slice& key, const Slice& value) override {
    put_(static_cast<Family>(family), View(key), View(value));
    return Status::OK();
  }
  Status DeleteCF(uint32_t family, const Slice& key) override {
    erase_(static_cast<Family>(family), View(key));
    return Status::OK();
  }
  Status DeleteRangeCF(uint32_t family, const Slice& begin, const Slice& end) override {
    erase_range_(static_cast<Family>(family), View(begin), View(end));
    return Status::OK();
  }

 private:
  const Put put_;
  const Delete erase_;
  const Put erase_range_;
};

void SimDisk::Apply(rocksdb::WriteBatch* batch) {
  if (undo_.size() == kUndoKept) undo_.pop_front();
  undo_.emplace_back();
  undo_.back().sequence_before = sequence_;
  undoing_ = &undo_.back();
  BatchReader reader([this](Family family, std::string_view key,
                            std::string_view value) { Put(family, key, value); },
                     [this](Family family, std::string_view key) { Delete(family, key); },
                     [this](Family family, std::string_view begin, std::string_view end) {
                       DeleteRange(family, begin, end);
                     });
  const Status status = batch->Iterate(&reader);
  CHECK_MSG(status.ok(), status.ToString());
  undoing_ = nullptr;
  sequence_ += batch->Count();
}

void SimDisk::Put(Family family, std::string_view key, std::string_view value) {
  Table& rows = table(family);
  auto row = rows.lower_bound(key);
  if (row != rows.end() && row->first == key) {
    undoing_->rows.push_back({family, row->first, std::move(row->second)});
    row->second = value;
  } else {
    row = rows.emplace_hint(row, key, value);
    undoing_->rows.push_back({family, row->first, std::nullopt});
  }
  if (family == Family::kEntries && !rotten_.empty()) rotten_.erase(row->first);
  if (observer_ != nullptr) observer_->OnPut(family, key, value);
}

void SimDisk::Delete(Family family, std::string_view key) {
  Table& rows = table(family);
  const auto row = rows.find(key);
  if (row != rows.end()) {
    undoing_->rows.push_back({family, row->first, std::move(row->second)});
    rows.erase(row);
  }
  if (observer_ != nullptr) observer_->OnDelete(family, key);
}

void SimDisk::DeleteRange(Family family, std::string_view begin, std::string_view end) {
  Table& rows = table(family);
  auto row = rows.lower_bound(begin);
  while (row != rows.end() && row->first < end) {
    if (family == Family::kEntries && !rotten_.empty()) rotten_.erase(row->first);
    undoing_->rows.push_back({family, row->first, std::move(row->second)});
    row = rows.erase(row);
  }
  if (observer_ != nullptr) observer_->OnDeleteRange(family, begin, end);
}

// ---- damage ----

bool SimDisk::Rot(GroupId group, uint64_t index, bool torn) {
  const std::string key = storage::EntryKey(group, index);
  if (!table(Family::kEntries).contains(key)) return false;
  rotten_[key] = torn;
  return true;
}

void SimDisk::EndOfProcess(bool power) {
  writes_before_death_ = 0;
  next_failure_.reset();
  failing_reads_ = 0;
  if (!power || older_marks_.empty()) return;
  // The mark is never synced: any of its last states may be what the disk has.
  const size_t kept = random_.Below(older_marks_.size() + 1);
  if (kept < older_marks_.size()) mark_ = older_marks_[kept];
  older_marks_.clear();
}

size_t SimDisk::LoseNewestWrites(size_t batches) {
  size_t lost = 0;
  for (; batches > 0 && !undo_.empty(); --batches) {
    Undo undo = std::move(undo_.back());
    undo_.pop_back();
    for (auto row = undo.rows.rbegin(); row != undo.rows.rend(); ++row, ++lost) {
      if (row->value_before) {
        table(row->family)[row->key] = std::move(*row->value_before);
      } else {
        table(row->family).erase(row->key);
      }
      if (row->family == Family::kEntries) rotten_.erase(row->key);
    }
    sequence_ = undo.sequence_before;
  }
  if (lost > 0) unnoticed_loss_ = true;
  if (lost > 0 && observer_ != nullptr) observer_->OnLoss();
  return lost;
}

bool SimDisk::may_miss_groups() const {
  return table(Family::kMeta)
      .contains(storage::MetaKey(storage::kStoreRows, storage::MetaTag::kLostGroups));
}

}  // namespace jangada::sim
