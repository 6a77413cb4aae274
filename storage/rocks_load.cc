#include "storage/rocks_load.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/group_writer.h"
#include "storage/rocks_reader.h"
#include "storage/timestamps.h"

namespace jangada::storage {
namespace {

/// Larger than any index, and still far from the end of the numbers.
constexpr raft::Index kUnknownLast = std::numeric_limits<raft::Index>::max() / 2;

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Error RowsDamaged(GroupId group, const char* which) {
  return {ErrorCode::kDataCorrupt,
          std::string(which) + " of group " + std::to_string(group.value()) + " cannot be read"};
}

Error RowsUnread(const rocksdb::Status& status) { return ToError(status, "read the store's rows"); }

/// Walks over the meta rows of one group, from where `row` stands to the first row of the next
/// group.
Status LoadMeta(rocksdb::Iterator* row, GroupId group, GroupLog* log, GroupState* state) {
  bool has_start = false;
  for (; row->Valid() && GroupOfKey(View(row->key())) == group; row->Next()) {
    const std::string_view key = View(row->key());
    const std::string_view value = View(row->value());
    if (key.size() <= sizeof(uint64_t)) return RowsDamaged(group, "a row");
    switch (static_cast<MetaTag>(key[sizeof(uint64_t)])) {
      case MetaTag::kCheckpoint: {
        TRY_ASSIGN(state->checkpoint, DecodeCheckpoint(value));
        log->checkpoint = {state->checkpoint->meta.last, state->checkpoint->next_offset};
        break;
      }
      case MetaTag::kDamaged:
        log->damaged = true;
        log->forgot_votes = MayHaveForgottenVotes(value);
        break;
      case MetaTag::kGroup: {
        const auto start = DecodeLogStart(value);
        if (!start) return RowsDamaged(group, "the log's start");
        log->start = *start;
        has_start = true;
        break;
      }
      case MetaTag::kHardState: {
        const auto hard_state = DecodeHardState(value);
        if (!hard_state) return RowsDamaged(group, "the term and vote");
        state->hard_state = *hard_state;
        break;
      }
      case MetaTag::kMembership: {
        const auto membership = raft::DecodeMembership(value);
        if (!membership) return RowsDamaged(group, "a membership");
        log->memberships.push_back(IndexOfKey(key));
        state->memberships.push_back({IndexOfKey(key), *membership});
        break;
      }
      case MetaTag::kTermRun: {
        const auto term = DecodeTerm(value);
        if (!term) return RowsDamaged(group, "a term run");
        log->terms.push_back({IndexOfKey(key), *term});
        break;
      }
      default: return RowsDamaged(group, "a row");
    }
  }
  if (!row->status().ok()) return RowsUnread(row->status());
  if (!has_start) return RowsDamaged(group, "the log's start");
  return {};
}

/// The last row of the group in a column family whose keys begin with the group.
std::unique_ptr<rocksdb::Iterator> LastRow(const RocksDb& db, rocksdb::ColumnFamilyHandle* family,
                                           GroupId group) {
  auto row = db.Walk(family, nullptr);
  row->SeekForPrev(EntryKey(group, std::numeric_limits<raft::Index>::max()) +
                   std::string(sizeof(uint64_t), '\xff'));
  return row;
}

bool IsOf(const rocksdb::Iterator& row, GroupId group) {
  return row.Valid() && GroupOfKey(View(row.key())) == group;
}

/// REQUIRES: the group has a sparse row.
Result<int64_t> BytesBeforeFirstStretch(const RocksDb& db, GroupId group) {
  auto row = db.Walk(db.sparse, nullptr);
  row->Seek(GroupKey(group));
  if (!row->status().ok()) return RowsUnread(row->status());
  if (!IsOf(*row, group)) return RowsDamaged(group, "the first sparse row");
  const auto stretch = DecodeStretch(View(row->key()), View(row->value()));
  if (!stretch) return RowsDamaged(group, "a sparse row");
  return stretch->bytes_before;
}

/// Completes the log from its sparse rows and its last entries. An index: the first damaged entry.
Result<std::optional<raft::Index>> LoadTail(const RocksDb& db, GroupId group, bool check_all,
                                            GroupLog* log) {
  log->first = log->start.first_index;
  log->last = log->checkpoint ? log->checkpoint->last : raft::Position{};
  log->end_offset = log->checkpoint ? log->checkpoint->next_offset : 0;
  log->open = {log->first,
               log->first,
               log->start.base_offset,
               log->start.base_offset,
               log->start.bytes_before,
               0,
               log->start.max_timestamp_ms};
  const auto sparse = LastRow(db, db.sparse, group);
  if (!sparse->status().ok()) return RowsUnread(sparse->status());
  if (IsOf(*sparse, group)) {
    const auto stretch = DecodeStretch(View(sparse->key()), View(sparse->value()));
    if (!stretch) return RowsDamaged(group, "a sparse row");
    log->open = stretch->Next();
    TRY_ASSIGN(log->bytes_gone, BytesBeforeFirstStretch(db, group));
  } else {
    log->bytes_gone = log->start.bytes_before;
  }

  const auto entry = LastRow(db, db.entries, group);
  raft::Index last = log->first - 1;
  if (IsOf(*entry, group)) {
    last = IndexOfKey(View(entry->key()));
  } else if (IsPassing(entry->status())) {
    return RowsUnread(entry->status());
  } else if (!entry->status().ok()) {
    last = kUnknownLast;  // the last value is damaged; the walk below finds the first that is
  }
  if (last < log->first) return std::optional<raft::Index>();
  if (log->terms.empty() || log->terms.front().first_index > log->first) {
    return RowsDamaged(group, "the term runs");
  }
  log->last = {last, log->terms.back().term};
  log->end_offset = log->open.end_offset;
  const raft::Index from = check_all ? log->first : std::max(log->open.first, log->first);
  const auto add = [log](const raft::Entry& held) {
    if (held.index >= log->open.next) log->open.Add(held, MaxTimestampMs(held));
    return true;
  };
  TRY_ASSIGN(const auto suspect, RocksReader(db).Visit(group, *log->View(), {from, last}, add));
  log->end_offset = log->open.end_offset;
  return suspect;
}

}  // namespace

Result<LoadedLogs> LoadLogs(const RocksDb& db, bool check_all) {
  LoadedLogs loaded;
  const auto row = db.Walk(db.meta, nullptr);
  for (row->SeekToFirst(); row->Valid();) {
    const GroupId group = GroupOfKey(View(row->key()));
    if (group == kStoreRows) break;
    GroupLog log;
    GroupState ignored;
    TRY(LoadMeta(row.get(), group, &log, &ignored));
    TRY_ASSIGN(const auto suspect, LoadTail(db, group, check_all, &log));
    if (suspect) loaded.damage.emplace_back(group, *suspect);
    loaded.groups.emplace(group, std::move(log));
  }
  if (!row->status().ok()) return RowsUnread(row->status());
  const std::string erased = MetaKey(kStoreRows, MetaTag::kErased);
  for (row->Seek(erased); row->Valid() && View(row->key()).starts_with(erased); row->Next()) {
    const auto group = GroupOfErasedKey(View(row->key()));
    if (!group) return RowsDamaged(kStoreRows, "a row");
    loaded.erased.push_back(*group);
  }
  if (!row->status().ok()) return RowsUnread(row->status());
  std::string value;
  const rocksdb::Status lost =
      db.db->Get({}, db.meta, MetaKey(kStoreRows, MetaTag::kLostGroups), &value);
  if (!lost.ok() && !lost.IsNotFound()) return RowsUnread(lost);
  loaded.lost_groups = lost.ok();
  return loaded;
}

Status RecordDamage(const RocksDb& db, LoadedLogs* loaded, bool lost_writes) {
  rocksdb::WriteBatch batch;
  for (const auto& [group, index] : loaded->damage) {
    spdlog::error(
        "a damaged entry was found; the replica is cut there and refilled group={} index={}",
        group.value(), index);
    TRY(GroupWriter(db, &batch, group, &loaded->groups.at(group)).CutDamage(index));
  }
  if (lost_writes) {
    spdlog::error(
        "the newest synced writes of the store are gone; every replica is refilled groups={}",
        loaded->groups.size());
    batch.Put(db.meta, MetaKey(kStoreRows, MetaTag::kLostGroups), "");
    loaded->lost_groups = true;
    for (auto& [group, log] : loaded->groups) {
      GroupWriter(db, &batch, group, &log).MarkDamaged(/*forgot_votes=*/true);
    }
  }
  if (batch.Count() == 0) return {};
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const rocksdb::Status status = db.db->Write(synced, &batch);
  if (!status.ok()) return ToError(status, "note which groups are damaged");
  return {};
}

Result<GroupState> LoadState(const RocksDb& db, GroupId group, const GroupLog& log) {
  GroupState state;
  GroupLog ignored;
  const auto row = db.Walk(db.meta, nullptr);
  row->Seek(GroupKey(group));
  TRY(LoadMeta(row.get(), group, &ignored, &state));
  state.group = group;
  state.first_index = log.first;
  state.last = log.last;
  state.end_offset = log.end_offset;
  state.damaged = log.damaged;
  state.forgot_votes = log.forgot_votes;
  if (!log.empty()) state.terms = log.terms;
  if (!state.terms.empty()) {
    state.terms.front().first_index = std::max(state.terms.front().first_index, log.first);
  }
  return state;
}

}  // namespace jangada::storage
