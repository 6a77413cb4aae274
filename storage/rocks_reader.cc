#include "storage/rocks_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace jangada::storage {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

/// Why a walk over sparse rows ended early. They are few and small, and all of them stand in table
/// files that also hold others: if one is damaged, the store as a whole is in doubt.
Error SparseFailed(const RocksDb& db, GroupId group, const rocksdb::Iterator& row) {
  if (IsPassing(row.status())) return ToError(row.status(), "read a sparse row");
  MarkSuspect(db.path);
  return {ErrorCode::kIoError, "a sparse row of group " + std::to_string(group.value()) +
                                   " is damaged; the store must be checked at the next start"};
}

/// The chain of docs/on-disk-format.md: what one entry and the one after it must have in common.
bool Joins(const raft::Entry& before, const raft::Entry& after) {
  return after.index == before.index + 1 && after.term >= before.term &&
         after.base_offset == before.base_offset + before.record_count;
}

GroupId NextGroup(GroupId group) { return GroupId(group.value() + 1); }

}  // namespace

Result<std::optional<raft::Index>> RocksReader::Visit(
    GroupId group, const GroupView& view, raft::IndexRange range,
    const std::function<bool(raft::Entry)>& visit) const {
  const std::optional<raft::Index> none;
  const raft::IndexRange held{std::max(range.first, view.first), std::min(range.last, view.last)};
  if (held.empty()) return none;
  const std::string end = EntryKey(group, held.last + 1);
  const rocksdb::Slice upper(end);
  const auto row = db_.Walk(db_.entries, &upper);
  row->Seek(EntryKey(group, held.first));
  std::optional<raft::Entry> before;
  for (raft::Index index = held.first; index <= held.last; ++index, row->Next()) {
    const std::optional<raft::Index> suspect = index;
    if (IsPassing(row->status())) {
      return ToError(row->status(), "read entry " + std::to_string(index) + " of group " +
                                        std::to_string(group.value()));
    }
    if (!row->Valid() || IndexOfKey(View(row->key())) != index) return suspect;
    Result<raft::Entry> entry = DecodeEntry(group, index, View(row->value()));
    if (!entry.ok() || entry->term != view.TermOf(index)) return suspect;
    if (before && !Joins(*before, *entry)) return suspect;
    before = *entry;
    if (!visit(*std::move(entry))) break;
  }
  return none;
}

Result<ReadEntries> RocksReader::Read(GroupId group, const GroupView& view,
                                      const ReadLimits& limits) const {
  ReadEntries found;
  size_t bytes = 0;
  auto suspect = Visit(group, view, limits.range, [&](raft::Entry entry) {
    if (limits.records_only && entry.type != raft::EntryType::kRecords) return true;
    bytes += entry.size();
    if (!found.entries.empty() && bytes > limits.max_bytes) return false;
    found.entries.push_back(std::move(entry));
    return bytes < limits.max_bytes;
  });
  if (suspect.ok()) {
    found.suspect = *suspect;
  } else if (found.entries.empty()) {
    return suspect.error();
  }
  return found;
}

Result<RocksReader::Border> RocksReader::Find(
    GroupId group, const std::function<bool(const Stretch&)>& wanted) const {
  const std::string end = GroupKey(NextGroup(group));
  const rocksdb::Slice upper(end);
  const auto row = db_.Walk(db_.sparse, &upper);
  const auto here = [&]() -> std::optional<Stretch> {
    if (!row->Valid() || GroupOfKey(View(row->key())) != group) return std::nullopt;
    return DecodeStretch(View(row->key()), View(row->value()));
  };
  constexpr raft::Index kLastIndex = std::numeric_limits<raft::Index>::max();

  // Halving by offset; stretches that share one (entries without records) are walked.
  row->SeekForPrev(SparseKey(group, std::numeric_limits<int64_t>::max(), kLastIndex));
  const std::optional<Stretch> last = here();
  if (!row->status().ok()) return SparseFailed(db_, group, *row);
  if (!last || !wanted(*last)) return Border{last, std::nullopt};
  int64_t low = 0;
  int64_t high = last->base_offset;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    row->SeekForPrev(SparseKey(group, middle, kLastIndex));
    const std::optional<Stretch> stretch = here();
    if (!row->status().ok()) return SparseFailed(db_, group, *row);
    if (stretch && wanted(*stretch)) {
      high = stretch->base_offset;
      if (high == low) break;
    } else {
      low = middle + 1;
    }
  }
  Border border;
  for (row->Seek(SparseKey(group, low, 0));; row->Next()) {
    border.after = here();
    if (!border.after) return SparseFailed(db_, group, *row);
    if (wanted(*border.after)) break;
  }
  row->Prev();
  border.before = here();
  if (!row->status().ok()) return SparseFailed(db_, group, *row);
  return border;
}

Result<RocksReader::Border> RocksReader::FindByIndex(GroupId group, raft::Index index) const {
  return Find(group, [index](const Stretch& stretch) { return stretch.next > index; });
}

Result<raft::Index> RocksReader::StartForOffset(GroupId group, const GroupView& view,
                                                int64_t offset) const {
  TRY_ASSIGN(const Border border,
             Find(group, [offset](const Stretch& stretch) { return stretch.end_offset > offset; }));
  return std::max(view.first, border.after ? border.after->first : view.open.first);
}

Result<raft::Index> RocksReader::StartForTimestamp(GroupId group, const GroupView& view,
                                                   int64_t timestamp_ms) const {
  TRY_ASSIGN(const Border border, Find(group, [timestamp_ms](const Stretch& stretch) {
               return stretch.max_timestamp_ms >= timestamp_ms;
             }));
  if (border.after) return std::max(view.first, border.after->first);
  if (view.open.max_timestamp_ms >= timestamp_ms) return std::max(view.first, view.open.first);
  return view.last + 1;
}

Result<std::vector<SparseRow>> RocksReader::Sparse(GroupId group, const GroupView& view) const {
  const std::string end = GroupKey(NextGroup(group));
  const rocksdb::Slice upper(end);
  const auto row = db_.Walk(db_.sparse, &upper);
  std::vector<SparseRow> rows;
  for (row->Seek(GroupKey(group)); row->Valid(); row->Next()) {
    const auto stretch = DecodeStretch(View(row->key()), View(row->value()));
    if (!stretch) return SparseFailed(db_, group, *row);
    if (stretch->next > view.first && stretch->next <= view.open.first) {
      rows.push_back(stretch->row());
    }
  }
  if (!row->status().ok()) return SparseFailed(db_, group, *row);
  if (!view.open.empty()) rows.push_back(view.open.row());
  return rows;
}

Result<Checkpoint> RocksReader::ReadCheckpoint(GroupId group) const {
  std::string value;
  const rocksdb::Status status =
      db_.db->Get({}, db_.meta, MetaKey(group, MetaTag::kCheckpoint), &value);
  if (status.IsNotFound()) {
    return Error{ErrorCode::kNotFound,
                 "group " + std::to_string(group.value()) + " has no checkpoint yet"};
  }
  if (!status.ok()) return ToError(status, "read a checkpoint");
  return DecodeCheckpoint(value);
}

}  // namespace jangada::storage
