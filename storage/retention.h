// Retention: which records of a partition may go, by age and by size. Pure: it says what it must
// know of the log's sparse rows, a few of them, and draws the conclusion; the leader asks the store
// and replicates the answer as a trim. No record is read.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/log_store.h"

namespace jangada::storage {

/// What the topic's configuration says; -1: no limit.
struct RetentionPolicy {
  int64_t retention_ms = -1;     // a row may go when the newest record up to its end is older
  int64_t retention_bytes = -1;  // at least so much is kept; what lies before it may go
  friend bool operator==(const RetentionPolicy&, const RetentionPolicy&) = default;
};

/// What of the log may be judged.
struct RetentionRange {
  int64_t log_start_offset = 0;
  /// Nothing from here on goes. As it was *before* the rows were read: records that came since are
  /// in no row.
  int64_t high_watermark = 0;
};

struct RetentionDecision {
  /// The log start offset that the policy asks for: from range.log_start_offset up to
  /// range.high_watermark, on a row's border. Both limits are exact only to a row (about 64 KiB): a
  /// row goes whole, and never too early.
  int64_t offset = 0;
  /// When the row that the log starts in has reached its age, if `offset` is where it started:
  /// before that nothing goes by age. INT64_MAX: never.
  int64_t due_ms = 0;
};

/// What LogStore::FindSparse must be asked for the decision.
std::vector<SparseBound> RetentionBounds(const RetentionPolicy& policy, int64_t log_start_offset,
                                         int64_t now_ms);

/// REQUIRES: borders are the answer to RetentionBounds of the same arguments.
RetentionDecision DecideRetention(const std::vector<SparseBorder>& borders,
                                  const RetentionPolicy& policy, const RetentionRange& range,
                                  int64_t now_ms);

}  // namespace jangada::storage
