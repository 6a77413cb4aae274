#include "server/partition/log_reader.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "storage/entry_cache.h"

namespace jangada::server {

void LogReader::OnWriting(const Entries& entries, uint64_t number) {
  if (entries.empty()) return;
  cache_.Put(group_, entries);
  while (!writing_.empty() && writing_.back().entry.index >= entries.front().index) {
    writing_.pop_back();
  }
  for (const raft::Entry& entry : entries) {
    CHECK(writing_.empty() || writing_.back().entry.index + 1 == entry.index);
    writing_.push_back({entry, number});
  }
}

void LogReader::OnSynced(uint64_t number) {
  while (!writing_.empty() && writing_.front().number <= number) writing_.pop_front();
}

void LogReader::Reset() {
  writing_.clear();
  cache_.Erase(group_);
}

LogReader::Entries LogReader::InMemory(raft::IndexRange range, size_t max_bytes) const {
  Entries found = cache_.Get(group_, range, max_bytes);
  if (!found.empty() || writing_.empty() || range.empty()) return found;
  const raft::Index first_held = writing_.front().entry.index;
  if (range.first < first_held) return found;
  size_t bytes = 0;
  for (size_t i = range.first - first_held; i < writing_.size(); ++i) {
    const raft::Entry& entry = writing_[i].entry;
    bytes += entry.size();
    if (entry.index > range.last || (!found.empty() && bytes > max_bytes)) break;
    found.push_back(entry);
  }
  return found;
}

/// At and beyond the first entry that is being written, the store may still hold what it replaces.
raft::Index LogReader::LastInStore(raft::Index last) const {
  return writing_.empty() ? last : std::min(last, writing_.front().entry.index - 1);
}

void LogReader::FromStore(raft::IndexRange range, size_t max_bytes,
                          Callback<Result<Entries>> done) {
  range.last = LastInStore(range.last);
  CHECK(!range.empty());  // else it is in memory
  store_.Read(group_, range, max_bytes, executor_, std::move(done));
}

LogReader::Entries LogReader::OffsetInMemory(int64_t offset, raft::Index last,
                                             size_t max_bytes) const {
  Entries found = cache_.FindOffset(group_, offset, last, max_bytes);
  if (!found.empty()) return found;
  size_t bytes = 0;
  for (const Writing& writing : writing_) {
    const raft::Entry& entry = writing.entry;
    if (entry.index > last) break;
    if (found.empty() && entry.base_offset > offset) break;  // the one sought is synced and evicted
    if (entry.base_offset + entry.record_count <= offset || entry.record_count == 0) continue;
    bytes += entry.size();
    if (!found.empty() && bytes > max_bytes) break;
    found.push_back(entry);
  }
  return found;
}

void LogReader::OffsetFromStore(int64_t offset, raft::Index last, size_t max_bytes,
                                Callback<Result<Entries>> done) {
  store_.ReadOffset(group_, offset, LastInStore(last), max_bytes, executor_, std::move(done));
}

}  // namespace jangada::server
