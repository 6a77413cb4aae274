#include "storage/retention.h"

#include <algorithm>

namespace jangada::storage {
namespace {

/// A row's max timestamp covers everything up to the next row, so it never falls from row to row
/// and the expired rows are a prefix.
int64_t OffsetByAge(const std::vector<SparseRow>& rows, int64_t retention_ms,
                    const RetentionRange& range, int64_t now_ms) {
  const int64_t oldest_kept_ms = now_ms - retention_ms;
  const auto kept = std::partition_point(rows.begin(), rows.end(), [&](const SparseRow& row) {
    return row.max_timestamp_ms < oldest_kept_ms;
  });
  // Records without a timestamp (-1) have no age: they go only with a later one that has.
  if (kept == rows.begin() || std::prev(kept)->max_timestamp_ms < 0) return range.log_start_offset;
  if (kept == rows.end()) return range.high_watermark;
  return kept->base_offset;
}

/// The last row is not counted in full, so a little more than the limit is kept, never less.
int64_t OffsetBySize(const std::vector<SparseRow>& rows, int64_t retention_bytes) {
  const int64_t end_bytes = rows.back().bytes_before;
  const auto beyond = std::partition_point(rows.begin(), rows.end(), [&](const SparseRow& row) {
    return end_bytes - row.bytes_before >= retention_bytes;
  });
  return beyond == rows.begin() ? rows.front().base_offset : std::prev(beyond)->base_offset;
}

}  // namespace

int64_t RetentionOffset(const std::vector<SparseRow>& rows, const RetentionPolicy& policy,
                        const RetentionRange& range, int64_t now_ms) {
  int64_t offset = range.log_start_offset;
  // Records may have been deleted by request since the high watermark was noted, even beyond it.
  if (rows.empty() || offset >= range.high_watermark) return offset;
  if (policy.retention_ms >= 0) {
    offset = std::max(offset, OffsetByAge(rows, policy.retention_ms, range, now_ms));
  }
  if (policy.retention_bytes >= 0) {
    offset = std::max(offset, OffsetBySize(rows, policy.retention_bytes));
  }
  return std::min(offset, range.high_watermark);
}

int64_t RetentionDueMs(int64_t max_timestamp_ms, int64_t retention_ms) {
  if (max_timestamp_ms > INT64_MAX - retention_ms) return INT64_MAX;
  return max_timestamp_ms + retention_ms;
}

}  // namespace jangada::storage
