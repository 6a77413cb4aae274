// ChooseTrim: how much of a log's front may be dropped from the disk. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "raft/types.h"
#include "storage/log_store.h"

namespace jangada::server {

/// From where on a log keeps its entries.
struct TrimPoint {
  raft::Index first_index = 0;  // the first entry kept
  int64_t next_offset = 0;      // of the first record from there on
  friend bool operator==(const TrimPoint&, const TrimPoint&) = default;
};

struct TrimRange {
  raft::Index first_index = 1;   // of the entries held now
  raft::Index folded = 0;        // a checkpoint folds in everything up to here
  int64_t log_start_offset = 0;  // records from here on must stay readable
  int64_t next_offset = 0;       // of the first record after `folded`
};

/// Entries of a log without records that stay for followers that are a little behind.
inline constexpr raft::Index kKeptCommands = 1000;

/// The furthest point before which neither a readable record nor an unfolded entry lies; exact to a
/// sparse row. nullopt: nothing can go. `row`: the newest one that begins at or below the log start
/// offset.
std::optional<TrimPoint> ChooseTrim(const std::optional<storage::SparseRow>& row,
                                    const TrimRange& range);

}  // namespace jangada::server
