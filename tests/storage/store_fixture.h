// What the tests of the stores share: entries of real record batches, and calls that wait for their
// answer.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "storage/log_store.h"
#include "storage/record_batch.h"
#include "storage/thread_executor.h"

namespace jangada::storage {

/// A batch of `count` records of `value_bytes` each, at timestamps first_ms, first_ms + 1, ...
inline Bytes MakeBatch(int count, size_t value_bytes, int64_t first_ms) {
  BatchBuilder builder;
  for (int i = 0; i < count; ++i) {
    Record record;
    record.timestamp_ms = first_ms + i;
    std::string value;  // unlike every other record's
    while (value.size() < value_bytes) value += std::to_string(record.timestamp_ms) + ",";
    value.resize(value_bytes);
    record.value = std::move(value);
    builder.Add(record);
  }
  return *builder.Build();
}

/// Entries `first`..`last` of `term`, each a batch of `records` records, offsets from `base_offset`
/// on, timestamps equal to 1000 * offset.
inline std::vector<raft::Entry> MakeEntries(raft::Index first, raft::Index last, raft::Term term,
                                            int64_t base_offset, int records = 1,
                                            size_t value_bytes = 100) {
  std::vector<raft::Entry> entries;
  for (raft::Index i = first; i <= last; ++i) {
    raft::Entry entry;
    entry.index = i;
    entry.term = term;
    entry.type = raft::EntryType::kRecords;
    entry.base_offset = base_offset;
    entry.record_count = records;
    entry.payload = MakeBatch(records, value_bytes, 1000 * base_offset);
    base_offset += records;
    entries.push_back(std::move(entry));
  }
  return entries;
}

inline raft::Entry MakeNoop(raft::Index index, raft::Term term, int64_t offset) {
  return {index, term, raft::EntryType::kNoop, offset, 0, {}};
}

inline raft::Membership MembersOf(std::vector<NodeId> voters) {
  raft::Membership membership;
  membership.voters = std::move(voters);
  return membership;
}

inline raft::Entry MakeMembershipEntry(raft::Index index, raft::Term term, int64_t offset,
                                       const raft::Membership& membership) {
  return {index, term, raft::EntryType::kMembership, offset, 0, raft::EncodeMembership(membership)};
}

inline Checkpoint CheckpointAt(raft::Position last, int64_t next_offset,
                               const std::string& state = "state") {
  Checkpoint checkpoint;
  checkpoint.meta.last = last;
  checkpoint.meta.membership = {0, MembersOf({NodeId(1), NodeId(2), NodeId(3)})};
  checkpoint.next_offset = next_offset;
  checkpoint.state = Bytes::Copy(state);
  return checkpoint;
}

/// Makes the calls of a store and waits for the answers. Not for a thread that the store needs.
class Caller {
 public:
  Caller(LogStore& store, Executor& reply_to) : store_(store), reply_to_(reply_to) {}

  Status Persist(GroupWrite write) {
    return Wait<Status>(
        [&](auto done) { store_.Persist(std::move(write), reply_to_, std::move(done)); });
  }
  Status Append(GroupId group, std::vector<raft::Entry> entries) {
    GroupWrite write{group};
    write.entries = std::move(entries);
    return Persist(std::move(write));
  }
  using Entries = Result<std::vector<raft::Entry>>;
  Entries Read(GroupId group, raft::IndexRange range, size_t max_bytes = 1 << 30) {
    return Wait<Entries>(
        [&](auto done) { store_.Read(group, range, max_bytes, reply_to_, std::move(done)); });
  }
  Entries ReadOffset(GroupId group, int64_t offset, raft::Index last, size_t max_bytes = 1 << 30) {
    return Wait<Entries>([&](auto done) {
      store_.ReadOffset(group, offset, last, max_bytes, reply_to_, std::move(done));
    });
  }
  Result<OffsetAndTime> FindTimestamp(GroupId group, int64_t timestamp_ms, raft::Index last) {
    return Wait<Result<OffsetAndTime>>([&](auto done) {
      store_.FindTimestamp(group, timestamp_ms, last, reply_to_, std::move(done));
    });
  }
  Result<std::vector<SparseBorder>> FindSparse(GroupId group, std::vector<SparseBound> bounds) {
    return Wait<Result<std::vector<SparseBorder>>>([&](auto done) {
      store_.FindSparse(group, std::move(bounds), reply_to_, std::move(done));
    });
  }
  /// All rows, found one after the other; of those that share a base offset the first.
  std::vector<SparseRow> Rows(GroupId group) {
    std::vector<SparseRow> rows;
    for (int64_t offset = 0;;) {
      const auto border = FindSparse(group, {{SparseBound::Of::kOffset, offset}}).value().front();
      if (!border.after) return rows;
      rows.push_back(*border.after);
      offset = border.after->base_offset + 1;
    }
  }
  Result<Checkpoint> ReadCheckpoint(GroupId group) {
    return Wait<Result<Checkpoint>>(
        [&](auto done) { store_.ReadCheckpoint(group, reply_to_, std::move(done)); });
  }
  Result<GroupState> Reload(GroupId group) {
    return Wait<Result<GroupState>>(
        [&](auto done) { store_.Reload(group, reply_to_, std::move(done)); });
  }
  Status ForgetLostGroups() {
    return Wait<Status>([&](auto done) { store_.ForgetLostGroups(reply_to_, std::move(done)); });
  }

 private:
  template <class T, class Call>
  T Wait(Call call) {
    std::promise<T> promise;
    std::future<T> answer = promise.get_future();
    call([&promise](T value) { promise.set_value(std::move(value)); });
    return answer.get();
  }

  LogStore& store_;
  Executor& reply_to_;
};

}  // namespace jangada::storage
