// Stretches: the log of a group is cut into stretches of about 64 KiB. Each closed one leaves a
// sparse row, by which an offset, a time and a size are found without reading the log. Plain
// values; any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "raft/types.h"
#include "storage/log_store.h"

namespace jangada::storage {

/// A stretch is closed by the entry that brings it to this many bytes of Entry::size().
inline constexpr int64_t kSparseBytes = 64 << 10;

/// `end_bytes`: bytes_before of the open stretch.
inline bool Reaches(const SparseRow& row, const SparseBound& bound, int64_t end_bytes) {
  switch (bound.of) {
    case SparseBound::Of::kOffset: return row.base_offset >= bound.value;
    case SparseBound::Of::kTime: return row.max_timestamp_ms >= bound.value;
    case SparseBound::Of::kBytesToEnd: return end_bytes - row.bytes_before < bound.value;
  }
  return true;
}

struct Stretch {
  raft::Index first = 1;          // of its entries
  raft::Index next = 1;           // after its entries; == first: it is empty
  int64_t base_offset = 0;        // of its first entry
  int64_t end_offset = 0;         // after its last entry
  int64_t bytes_before = 0;       // of all entries of the group before it
  int64_t bytes = 0;              // of its own
  int64_t max_timestamp_ms = -1;  // over the whole log up to its end

  bool empty() const { return next == first; }
  void Add(const raft::Entry& entry, int64_t max_timestamp) {
    if (empty()) base_offset = entry.base_offset;
    next = entry.index + 1;
    end_offset = entry.base_offset + entry.record_count;
    bytes += static_cast<int64_t>(entry.size());
    max_timestamp_ms = std::max(max_timestamp_ms, max_timestamp);
  }
  /// The empty stretch that follows this one.
  Stretch Next() const {
    return {next, next, end_offset, end_offset, bytes_before + bytes, 0, max_timestamp_ms};
  }
  SparseRow row() const { return {base_offset, first, max_timestamp_ms, bytes_before}; }
};

}  // namespace jangada::storage
