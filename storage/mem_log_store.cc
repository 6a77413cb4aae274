#include "storage/mem_log_store.h"

#include <algorithm>
#include <utility>

#include "storage/sparse.h"
#include "storage/timestamps.h"

namespace jangada::storage {
namespace {

/// Answers `done` on its own executor.
template <class T>
void Reply(Executor& reply_to, Callback<T> done, T answer) {
  reply_to.Post(
      [done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
}

Error NotHeld(raft::Index index) {
  return {ErrorCode::kNotFound,
          "entry " + std::to_string(index) + " was trimmed or is not yet on the disk"};
}

}  // namespace

void MemLogStore::OnDisk(Callback<> task) {
  disk_.Post([this, life = life_.load(), task = std::move(task)]() mutable {
    if (life == life_) task();
  });
}

Result<std::vector<GroupState>> MemLogStore::Load() {
  std::vector<GroupState> states;
  for (auto& [id, group] : groups_) {
    group.needs_reload = false;
    if (!group.rotten.empty()) MarkDamaged(&group, *group.rotten.begin());
    NoteBytes(id);
    states.push_back(StateOf(id, group));
  }
  return states;
}

void MemLogStore::ForgetLostGroups(Executor& reply_to, Callback<Status> done) {
  OnDisk([this, &reply_to, done = std::move(done)]() mutable {
    lost_groups_ = false;
    Reply(reply_to, std::move(done), Status());
  });
}

void MemLogStore::Reload(GroupId id, Executor& reply_to, Callback<Result<GroupState>> done) {
  OnDisk([this, id, &reply_to, done = std::move(done)]() mutable {
    const auto it = groups_.find(id);
    if (it == groups_.end()) {
      return Reply<Result<GroupState>>(
          reply_to, std::move(done),
          Error{ErrorCode::kNotFound,
                "the store holds nothing of group " + std::to_string(id.value())});
    }
    it->second.needs_reload = false;
    Reply<Result<GroupState>>(reply_to, std::move(done), StateOf(id, it->second));
  });
}

void MemLogStore::Persist(GroupWrite write, Executor& reply_to, Callback<Status> done) {
  OnDisk([this, write = std::move(write), &reply_to, done = std::move(done)]() mutable {
    Reply(reply_to, std::move(done), Carry(write));
  });
}

Status MemLogStore::Carry(GroupWrite& write) {
  const GroupId group = write.group;
  Status applied = Apply(write);
  NoteBytes(group);
  return applied;
}

void MemLogStore::NoteBytes(GroupId id) {
  const auto group = groups_.find(id);
  const std::lock_guard lock(view_mutex_);
  if (group == groups_.end()) {
    bytes_.erase(id);
  } else {
    bytes_[id] = group->second.bytes;
  }
}

std::optional<int64_t> MemLogStore::LogBytes(GroupId group) const {
  const std::lock_guard lock(view_mutex_);
  const auto found = bytes_.find(group);
  return found == bytes_.end() ? std::nullopt : std::optional(found->second);
}

bool MemLogStore::WasErased(GroupId group) const {
  const std::lock_guard lock(view_mutex_);
  return erased_.contains(group);
}

void MemLogStore::KeepFirst(Group* group, size_t count) {
  for (size_t i = count; i < group->entries.size(); ++i) {
    group->bytes -= static_cast<int64_t>(group->entries[i].size());
  }
  group->entries.resize(std::min(count, group->entries.size()));
}

Status MemLogStore::Apply(GroupWrite& write) {
  if (failed_) return *failed_;
  if (next_failure_) {
    const Error error = *std::exchange(next_failure_, std::nullopt);
    if (error.code != ErrorCode::kDiskFull) failed_ = error;
    return error;
  }
  const auto holds_records = [](const raft::Entry& entry) {
    return entry.type == raft::EntryType::kRecords;
  };
  if (full_ && std::any_of(write.entries.begin(), write.entries.end(), holds_records)) {
    return Error{ErrorCode::kDiskFull, "the disk is full; free some space"};
  }
  const auto held = groups_.find(write.group);
  if (held != groups_.end() && held->second.needs_reload && !write.erase) {
    return Error{ErrorCode::kDataCorrupt, "the group is damaged; restart its replica"};
  }
  if (write.erase) groups_.erase(write.group);
  if (write.erase && !write.hard_state && !write.install && write.entries.empty()) {
    const std::lock_guard lock(view_mutex_);
    erased_.insert(write.group);
    return {};
  }

  const auto [it, made] = groups_.try_emplace(write.group);
  Group& group = it->second;
  if (made) group.damaged = group.forgot_votes = lost_groups_ || write.joins;
  if (write.hard_state) group.hard_state = *write.hard_state;
  if (write.install) {
    const raft::Index next = write.install->checkpoint.meta.last.index + 1;
    if (write.install->keep_suffix) {
      DropBefore(&group, next);
    } else {
      DropBefore(&group, group.last() + 1);
      group.first = next;
    }
    group.checkpoint = std::move(write.install->checkpoint);
  }
  if (!write.entries.empty()) {
    const raft::Index first = write.entries.front().index;
    CHECK_GE(first, group.first);
    CHECK_LE(first, group.last() + 1);
    KeepFirst(&group, first - group.first);
    group.rotten.erase(group.rotten.lower_bound(first), group.rotten.end());
    for (raft::Entry& entry : write.entries) {
      CHECK_EQ(entry.index, group.last() + 1);
      CHECK_GE(entry.base_offset, 0);
      group.bytes += static_cast<int64_t>(entry.size());
      group.entries.push_back(std::move(entry));
    }
  }
  if (write.checkpoint) group.checkpoint = std::move(write.checkpoint);
  if (write.trim_below > group.first) {
    CHECK(group.checkpoint && group.checkpoint->meta.last.index + 1 >= write.trim_below);
    DropBefore(&group, write.trim_below);
  }
  if (write.clear_damaged) group.damaged = group.forgot_votes = false;
  return {};
}

void MemLogStore::DropBefore(Group* group, raft::Index first) {
  const size_t count = std::min<size_t>(first - group->first, group->entries.size());
  for (size_t i = 0; i < count; ++i) {
    const auto bytes = static_cast<int64_t>(group->entries[i].size());
    group->bytes_before += bytes;
    group->bytes -= bytes;
    group->max_timestamp_before =
        std::max(group->max_timestamp_before, MaxTimestampMs(group->entries[i]));
  }
  group->entries.erase(group->entries.begin(), group->entries.begin() + static_cast<long>(count));
  group->first = first;
  group->rotten.erase(group->rotten.begin(), group->rotten.lower_bound(first));
}

void MemLogStore::MarkDamaged(Group* group, raft::Index first_bad) {
  group->damaged = true;
  group->rotten.clear();
  KeepFirst(group, first_bad - group->first);
  if (!group->checkpoint || group->checkpoint->meta.last.index < first_bad) return;
  // What is left ends before the checkpoint, so it must be folded anew, from the very start or not
  // at all.
  group->checkpoint.reset();
  if (group->first == 1) return;
  KeepFirst(group, 0);
  group->first = 1;
}

GroupState MemLogStore::StateOf(GroupId id, const Group& group) const {
  GroupState state;
  state.group = id;
  state.hard_state = group.hard_state;
  state.checkpoint = group.checkpoint;
  state.first_index = group.first;
  state.damaged = group.damaged;
  state.forgot_votes = group.forgot_votes;
  if (group.checkpoint) {
    state.last = group.checkpoint->meta.last;
    state.end_offset = group.checkpoint->next_offset;
  }
  for (const raft::Entry& entry : group.entries) {
    if (state.terms.empty() || state.terms.back().term != entry.term) {
      state.terms.push_back({entry.index, entry.term});
    }
    if (entry.type == raft::EntryType::kMembership) {
      const auto membership = raft::DecodeMembership(entry.payload.view());
      CHECK(membership.has_value());
      state.memberships.push_back({entry.index, *membership});
    }
    state.last = entry.position();
    state.end_offset = entry.base_offset + entry.record_count;
  }
  return state;
}

void MemLogStore::Rot(GroupId id, raft::Index index) {
  Group& group = groups_.at(id);
  CHECK(index >= group.first && index <= group.last());
  group.rotten.insert(index);
}

void MemLogStore::LoseEverything() {
  groups_.clear();
  lost_groups_ = true;
  const std::lock_guard lock(view_mutex_);
  bytes_.clear();
  erased_.clear();
}

Result<std::vector<raft::Entry>> MemLogStore::Take(GroupId id, raft::IndexRange range,
                                                   size_t max_bytes, bool records_only) {
  const auto it = groups_.find(id);
  if (it == groups_.end()) return NotHeld(range.first);
  Group& group = it->second;
  if (range.first < group.first || range.first > group.last()) return NotHeld(range.first);
  std::vector<raft::Entry> found;
  size_t bytes = 0;
  for (raft::Index i = range.first; i <= std::min(range.last, group.last()); ++i) {
    if (group.rotten.contains(i)) {
      if (!found.empty()) break;  // whoever asks for this one itself learns of it
      MarkDamaged(&group, i);
      NoteBytes(id);
      group.needs_reload = true;
      return Error{ErrorCode::kDataCorrupt, "entry " + std::to_string(i) + " is damaged"};
    }
    const raft::Entry& entry = group.entries[i - group.first];
    if (records_only && entry.type != raft::EntryType::kRecords) continue;
    bytes += entry.size();
    if (!found.empty() && bytes > max_bytes) break;
    found.push_back(entry);
  }
  return found;
}

void MemLogStore::Read(GroupId id, raft::IndexRange range, size_t max_bytes, Executor& reply_to,
                       Callback<Result<std::vector<raft::Entry>>> done) {
  ++reads_;
  OnDisk([this, id, range, max_bytes, &reply_to, done = std::move(done)]() mutable {
    Reply(reply_to, std::move(done), Take(id, range, max_bytes, false));
  });
}

Result<std::vector<raft::Entry>> MemLogStore::TakeFromOffset(GroupId id, int64_t offset,
                                                             raft::Index last, size_t max_bytes) {
  const auto it = groups_.find(id);
  if (it == groups_.end()) return std::vector<raft::Entry>();
  const Group& group = it->second;
  for (const raft::Entry& entry : group.entries) {
    if (entry.base_offset + entry.record_count <= offset) continue;
    if (entry.base_offset > offset) break;
    if (entry.index > last) return std::vector<raft::Entry>();
    return Take(id, {entry.index, last}, max_bytes, true);
  }
  if (offset >= StateOf(id, group).end_offset) return std::vector<raft::Entry>();
  return Error{ErrorCode::kOffsetOutOfRange,
               "offset " + std::to_string(offset) + " was trimmed; read from the log's start"};
}

void MemLogStore::ReadOffset(GroupId id, int64_t offset, raft::Index last, size_t max_bytes,
                             Executor& reply_to, Callback<Result<std::vector<raft::Entry>>> done) {
  ++reads_;
  OnDisk([this, id, offset, last, max_bytes, &reply_to, done = std::move(done)]() mutable {
    Reply(reply_to, std::move(done), TakeFromOffset(id, offset, last, max_bytes));
  });
}

void MemLogStore::FindTimestamp(GroupId id, int64_t timestamp_ms, raft::Index last,
                                Executor& reply_to, Callback<Result<OffsetAndTime>> done) {
  OnDisk([this, id, timestamp_ms, last, &reply_to, done = std::move(done)]() mutable {
    Result<OffsetAndTime> found = OffsetAndTime{};
    for (const raft::Entry& entry : groups_[id].entries) {
      if (entry.index > last) break;
      found = FirstRecordAtOrAfter(entry, timestamp_ms);
      if (!found.ok() || found->offset >= 0) break;
    }
    Reply(reply_to, std::move(done), std::move(found));
  });
}

std::vector<SparseRow> MemLogStore::SparseOf(const Group& group) const {
  std::vector<SparseRow> rows;
  int64_t bytes = group.bytes_before;
  int64_t max_timestamp = group.max_timestamp_before;
  for (const raft::Entry& entry : group.entries) {
    if (rows.empty() || bytes - rows.back().bytes_before >= kSparseBytes) {
      rows.push_back({entry.base_offset, entry.index, max_timestamp, bytes});
    }
    bytes += static_cast<int64_t>(entry.size());
    max_timestamp = std::max(max_timestamp, MaxTimestampMs(entry));
    rows.back().max_timestamp_ms = max_timestamp;
  }
  return rows;
}

void MemLogStore::ReadSparse(GroupId id, Executor& reply_to,
                             Callback<Result<std::vector<SparseRow>>> done) {
  OnDisk([this, id, &reply_to, done = std::move(done)]() mutable {
    Reply<Result<std::vector<SparseRow>>>(reply_to, std::move(done), SparseOf(groups_[id]));
  });
}

void MemLogStore::ReadCheckpoint(GroupId id, Executor& reply_to,
                                 Callback<Result<Checkpoint>> done) {
  OnDisk([this, id, &reply_to, done = std::move(done)]() mutable {
    const auto it = groups_.find(id);
    Result<Checkpoint> found = Error{ErrorCode::kNotFound, "no checkpoint yet"};
    if (it != groups_.end() && it->second.checkpoint) found = *it->second.checkpoint;
    Reply(reply_to, std::move(done), std::move(found));
  });
}

LogStore::Usage MemLogStore::usage() const {
  constexpr int64_t kSize = int64_t{1} << 40;
  return {full_ ? 0 : kSize, kSize, !full_, !full_};
}

}  // namespace jangada::storage
