// Retention: which records of a partition may go, by age and by size. A pure function over the
// sparse rows of the log, so it reads no record; the leader asks it and replicates the answer as a
// trim.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/log_store.h"

namespace jangada::storage {

/// What the topic's configuration says; -1: no limit.
struct RetentionPolicy {
  int64_t retention_ms = -1;     // a row may go when the newest record up to its end is older
  int64_t retention_bytes = -1;  // at least so much is kept; what lies before it may go
};

/// What of the log may be judged.
struct RetentionRange {
  int64_t log_start_offset = 0;
  /// Nothing from here on goes. As it was *before* the rows were read: records that came since are
  /// in no row.
  int64_t high_watermark = 0;
};

/// The log start offset that the policy asks for: from log_start_offset up to high_watermark, on a
/// row's border. Both limits are exact only to a row (about 64 KiB): a row goes whole, and never
/// too early. REQUIRES: rows are in the order of the log, as LogStore::ReadSparse gives them.
int64_t RetentionOffset(const std::vector<SparseRow>& rows, const RetentionPolicy& policy,
                        const RetentionRange& range, int64_t now_ms);

/// When a row whose newest record is of `max_timestamp_ms` has reached its age. INT64_MAX where
/// that lies beyond all time: clients choose timestamps, and a limit may be the largest number
/// there is. REQUIRES: retention_ms >= 0.
int64_t RetentionDueMs(int64_t max_timestamp_ms, int64_t retention_ms);

}  // namespace jangada::storage
