#include "storage/group_writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "storage/rocks_reader.h"
#include "storage/timestamps.h"

namespace jangada::storage {
namespace {

/// Puts of RocksDB fail only for a batch over its size limit, which our batches are far from.
void Require(const rocksdb::Status& status) { CHECK_MSG(status.ok(), status.ToString()); }

GroupId NextGroup(GroupId group) { return GroupId(group.value() + 1); }

bool Truncates(const GroupWrite& write, const GroupLog& log) {
  return !write.entries.empty() && !log.empty() && write.entries.front().index <= log.last.index &&
         !(write.install && !write.install->keep_suffix);
}

}  // namespace

bool GroupWriter::NeedsCommittedRows(const GroupWrite& write, const GroupLog& log) {
  return write.erase || write.install || write.trim_below > log.first || Truncates(write, log);
}

void GroupWriter::Make(bool damaged) {
  if (damaged) MarkDamaged(/*forgot_votes=*/true);
  PutLogStart();
}

void GroupWriter::Erase() {
  const std::string begin = GroupKey(id_);
  const std::string end = GroupKey(NextGroup(id_));
  for (rocksdb::ColumnFamilyHandle* family : {db_.entries, db_.sparse, db_.meta}) {
    Require(batch_->DeleteRange(family, begin, end));
  }
  *log_ = GroupLog();
}

void GroupWriter::NoteErased() { Require(batch_->Put(db_.meta, ErasedKey(id_), "")); }

Status GroupWriter::Apply(const GroupWrite& write) {
  // First what may fail, then the rows.
  if (Truncates(write, *log_)) {
    const raft::Index first = write.entries.front().index;
    TRY_ASSIGN(const Stretch open, OpenStretchBefore(first));
    TruncateFrom(first, open);
  }
  if (write.hard_state) {
    Require(batch_->Put(db_.meta, MetaKey(id_, MetaTag::kHardState),
                        EncodeHardState(*write.hard_state)));
  }
  if (write.install) {
    if (write.install->keep_suffix) {
      PutCheckpoint(write.install->checkpoint);
      TRY(TrimBelow(write.install->checkpoint.meta.last.index + 1));
    } else {
      Install(*write.install);
    }
  }
  for (const raft::Entry& entry : write.entries) Append(entry);
  if (write.checkpoint) {
    CHECK_LE(write.checkpoint->meta.last.index, log_->last.index);
    PutCheckpoint(*write.checkpoint);
  }
  TRY(TrimBelow(write.trim_below));
  if (write.clear_damaged && log_->damaged) {
    Require(batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kDamaged)));
    log_->damaged = log_->forgot_votes = false;
  }
  return {};
}

void GroupWriter::Append(const raft::Entry& entry) {
  CHECK_EQ(entry.index, log_->last.index + 1);
  CHECK_GE(entry.base_offset, 0);
  const std::string key = EntryKey(id_, entry.index);
  const std::array<char, kEntryHeaderSize> header = EntryHeader(id_, entry);
  const rocksdb::Slice key_part(key);
  const rocksdb::Slice value_parts[] = {{header.data(), header.size()},
                                        {entry.payload.data(), entry.payload.size()}};
  Require(batch_->Put(db_.entries, rocksdb::SliceParts(&key_part, 1),
                      rocksdb::SliceParts(value_parts, 2)));
  if (log_->terms.empty() || log_->terms.back().term != entry.term) {
    log_->terms.push_back({entry.index, entry.term});
    Require(batch_->Put(db_.meta, MetaKey(id_, MetaTag::kTermRun, entry.index),
                        EncodeTerm(entry.term)));
  }
  if (entry.type == raft::EntryType::kMembership) {
    log_->memberships.push_back(entry.index);
    Require(batch_->Put(db_.meta, MetaKey(id_, MetaTag::kMembership, entry.index),
                        rocksdb::Slice(entry.payload.data(), entry.payload.size())));
  }
  log_->last = entry.position();
  log_->end_offset = entry.base_offset + entry.record_count;
  log_->open.Add(entry, MaxTimestampMs(entry));
  if (log_->open.bytes >= kSparseBytes) CloseStretch();
}

void GroupWriter::CloseStretch() {
  const Stretch& open = log_->open;
  Require(
      batch_->Put(db_.sparse, SparseKey(id_, open.base_offset, open.first), EncodeStretch(open)));
  log_->open = open.Next();
}

Result<Stretch> GroupWriter::OpenStretchBefore(raft::Index index) const {
  if (index >= log_->open.next) return log_->open;
  const RocksReader reader(db_);
  TRY_ASSIGN(const RocksReader::Border border, reader.FindByIndex(id_, index));
  Stretch open;
  if (border.before) {
    open = border.before->Next();
  } else {  // in the first stretch of all
    open = border.after.value_or(log_->open);
    open.next = open.first;
    open.end_offset = open.base_offset;
    open.bytes = 0;
    open.max_timestamp_ms = log_->start.max_timestamp_ms;
  }
  const auto add = [&open](const raft::Entry& entry) {
    open.Add(entry, MaxTimestampMs(entry));
    return true;
  };
  // Its first entries may be gone with the log's beginning; its row is found by the first of all.
  const int64_t base_offset = open.base_offset;
  TRY_ASSIGN(const auto suspect, reader.Visit(id_, *log_->View(), {open.first, index - 1}, add));
  open.base_offset = base_offset;
  if (suspect) {
    return Error{ErrorCode::kDataCorrupt, "entry " + std::to_string(*suspect) + " is damaged"};
  }
  return open;
}

void GroupWriter::TruncateFrom(raft::Index index, const Stretch& open) {
  // To the end of the group, not of the log: where the end is damaged nobody knows where it is.
  Require(batch_->DeleteRange(db_.entries, EntryKey(id_, index), GroupKey(NextGroup(id_))));
  Require(batch_->DeleteRange(db_.sparse, SparseKey(id_, open.base_offset, open.first),
                              GroupKey(NextGroup(id_))));
  while (!log_->terms.empty() && log_->terms.back().first_index >= index) {
    Require(
        batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kTermRun, log_->terms.back().first_index)));
    log_->terms.pop_back();
  }
  while (!log_->memberships.empty() && log_->memberships.back() >= index) {
    Require(batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kMembership, log_->memberships.back())));
    log_->memberships.pop_back();
  }
  log_->open = open;
  if (index > log_->first) {
    log_->last = {index - 1, log_->terms.back().term};
    log_->end_offset = open.end_offset;
  } else {
    log_->last = log_->checkpoint ? log_->checkpoint->last : raft::Position{};
    log_->end_offset = log_->checkpoint ? log_->checkpoint->next_offset : 0;
  }
}

void GroupWriter::EraseLog() {
  Require(batch_->DeleteRange(db_.entries, GroupKey(id_), GroupKey(NextGroup(id_))));
  Require(batch_->DeleteRange(db_.sparse, GroupKey(id_), GroupKey(NextGroup(id_))));
  for (const raft::TermRun& run : log_->terms) {
    Require(batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kTermRun, run.first_index)));
  }
  for (const raft::Index index : log_->memberships) {
    Require(batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kMembership, index)));
  }
  log_->terms.clear();
  log_->memberships.clear();
}

void GroupWriter::Install(const GroupWrite::Install& install) {
  EraseLog();
  PutCheckpoint(install.checkpoint);
  const Stretch after = log_->open.Next();
  log_->last = install.checkpoint.meta.last;
  log_->end_offset = install.checkpoint.next_offset;
  log_->first = log_->last.index + 1;
  log_->open = {log_->first,        log_->first, log_->end_offset,      log_->end_offset,
                after.bytes_before, 0,           after.max_timestamp_ms};
  log_->bytes_gone = after.bytes_before;
  log_->start = {log_->first, log_->end_offset, after.bytes_before, after.max_timestamp_ms};
  PutLogStart();
}

void GroupWriter::PutCheckpoint(const Checkpoint& checkpoint) {
  log_->checkpoint = {checkpoint.meta.last, checkpoint.next_offset};
  const Bytes encoded = EncodeCheckpoint(checkpoint);
  Require(batch_->Put(db_.meta, MetaKey(id_, MetaTag::kCheckpoint),
                      rocksdb::Slice(encoded.data(), encoded.size())));
}

void GroupWriter::PutLogStart() {
  log_->start.first_index = log_->first;
  Require(batch_->Put(db_.meta, MetaKey(id_, MetaTag::kGroup), EncodeLogStart(log_->start)));
}

Status GroupWriter::TrimBelow(raft::Index index) {
  if (index <= log_->first) return {};
  CHECK(log_->checkpoint && log_->checkpoint->last.index + 1 >= index);
  TRY_ASSIGN(const RocksReader::Border border, RocksReader(db_).FindByIndex(id_, index));
  Require(batch_->DeleteRange(db_.entries, EntryKey(id_, log_->first), EntryKey(id_, index)));
  // The stretch that holds `index` stays whole. Where none is closed yet it is closed here, so that
  // a row always tells what went before the entries that stay.
  std::optional<Stretch> keep = border.after;
  if (!keep && index > log_->open.first && !log_->open.empty()) {
    keep = log_->open;
    CloseStretch();
  }
  if (!keep) keep = border.before;
  if (keep) {
    log_->bytes_gone = keep->bytes_before;
    Require(batch_->DeleteRange(db_.sparse, GroupKey(id_),
                                SparseKey(id_, keep->base_offset, keep->first)));
  }
  while (log_->terms.size() > 1 && log_->terms[1].first_index <= index) {
    Require(
        batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kTermRun, log_->terms.front().first_index)));
    log_->terms.erase(log_->terms.begin());
  }
  while (!log_->memberships.empty() && log_->memberships.front() < index) {
    Require(
        batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kMembership, log_->memberships.front())));
    log_->memberships.erase(log_->memberships.begin());
  }
  log_->first = index;
  if (log_->empty()) {
    log_->last = log_->checkpoint->last;
    log_->end_offset = log_->checkpoint->next_offset;
  }
  PutLogStart();
  return {};
}

void GroupWriter::MarkDamaged(bool forgot_votes) {
  log_->damaged = true;
  log_->forgot_votes |= forgot_votes;
  Require(batch_->Put(db_.meta, MetaKey(id_, MetaTag::kDamaged), EncodeDamage(log_->forgot_votes)));
}

Status GroupWriter::CutDamage(raft::Index first_bad) {
  const Result<Stretch> open = OpenStretchBefore(first_bad);
  if (!open.ok() && open.error().code == ErrorCode::kIoError) return open.error();
  MarkDamaged(/*forgot_votes=*/false);
  const bool folds =
      log_->first == 1 || (log_->checkpoint && log_->checkpoint->last.index < first_bad);
  if (log_->checkpoint && log_->checkpoint->last.index >= first_bad) {
    log_->checkpoint.reset();
    Require(batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kCheckpoint)));
  }
  if (folds && open.ok()) {
    TruncateFrom(first_bad, *open);
    return {};
  }
  // What is left ends before the checkpoint and does not begin at the start: it folds into nothing.
  EraseLog();
  log_->first = 1;
  log_->last = {};
  log_->end_offset = 0;
  log_->open = {};
  log_->start = {};
  log_->bytes_gone = 0;
  if (log_->checkpoint) {
    log_->checkpoint.reset();
    Require(batch_->Delete(db_.meta, MetaKey(id_, MetaTag::kCheckpoint)));
  }
  PutLogStart();
  return {};
}

}  // namespace jangada::storage
