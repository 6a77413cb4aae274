#include "storage/entry_cache.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::storage {

void EntryCache::Drop(const Cached& cached) {
  bytes_ -= cached.entry.size();
  ages_.erase(cached.age);
}

void EntryCache::TruncateFrom(Run* run, raft::Index first) {
  while (!run->empty() && run->back().entry.index >= first) {
    Drop(run->back());
    run->pop_back();
  }
}

void EntryCache::EvictOldest() {
  // Within a run ages grow with the index, so the oldest entry of all is the front of its run.
  const auto run = runs_.find(ages_.front());
  Drop(run->second.front());
  run->second.pop_front();
  if (run->second.empty()) runs_.erase(run);
}

void EntryCache::Put(GroupId group, const std::vector<raft::Entry>& entries) {
  if (entries.empty()) return;
  Run& run = runs_[group];
  TruncateFrom(&run, entries.front().index);
  if (!run.empty() && run.back().entry.index + 1 != entries.front().index) TruncateFrom(&run, 0);
  for (const raft::Entry& entry : entries) {
    CHECK_GE(entry.base_offset, 0);
    CHECK(run.empty() || run.back().entry.index + 1 == entry.index);
    run.push_back({entry, ages_.insert(ages_.end(), group)});
    bytes_ += entry.size();
  }
  while (bytes_ > capacity_bytes_) EvictOldest();
}

std::vector<raft::Entry> EntryCache::Get(GroupId group, raft::IndexRange range, size_t max_bytes) {
  std::vector<raft::Entry> found = Lookup(group, range, max_bytes);
  ++(found.empty() ? stats_.log_misses : stats_.log_hits);
  return found;
}

std::vector<raft::Entry> EntryCache::FindOffset(GroupId group, int64_t offset, raft::Index last,
                                                size_t max_bytes) {
  std::vector<raft::Entry> found = LookupOffset(group, offset, last, max_bytes);
  ++(found.empty() ? stats_.fetch_misses : stats_.fetch_hits);
  return found;
}

std::vector<raft::Entry> EntryCache::Lookup(GroupId group, raft::IndexRange range,
                                            size_t max_bytes) const {
  std::vector<raft::Entry> found;
  const auto it = runs_.find(group);
  if (it == runs_.end() || range.empty()) return found;
  const Run& run = it->second;
  const raft::Index first_held = run.front().entry.index;
  if (range.first < first_held) return found;
  size_t bytes = 0;
  for (size_t i = range.first - first_held; i < run.size(); ++i) {
    const raft::Entry& entry = run[i].entry;
    if (entry.index > range.last) break;
    bytes += entry.size();
    if (!found.empty() && bytes > max_bytes) break;
    found.push_back(entry);
  }
  return found;
}

std::vector<raft::Entry> EntryCache::LookupOffset(GroupId group, int64_t offset, raft::Index last,
                                                  size_t max_bytes) const {
  std::vector<raft::Entry> found;
  const auto it = runs_.find(group);
  if (it == runs_.end()) return found;
  const Run& run = it->second;
  // The first entry that ends after `offset`. If it begins after it too, the one sought was
  // evicted.
  auto at = std::upper_bound(run.begin(), run.end(), offset, [](int64_t o, const Cached& cached) {
    return o < cached.entry.base_offset + cached.entry.record_count;
  });
  if (at == run.end() || at->entry.base_offset > offset) return found;
  size_t bytes = 0;
  for (; at != run.end() && at->entry.index <= last; ++at) {
    if (at->entry.type != raft::EntryType::kRecords) continue;
    bytes += at->entry.size();
    if (!found.empty() && bytes > max_bytes) break;
    found.push_back(at->entry);
  }
  return found;
}

CacheStats EntryCache::stats() const {
  CacheStats stats = stats_;
  stats.bytes = bytes_;
  stats.capacity_bytes = capacity_bytes_;
  return stats;
}

void EntryCache::Erase(GroupId group) {
  const auto run = runs_.find(group);
  if (run == runs_.end()) return;
  for (const Cached& cached : run->second) Drop(cached);
  runs_.erase(run);
}

}  // namespace jangada::storage
