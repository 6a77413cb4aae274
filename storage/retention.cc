#include "storage/retention.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::storage {
namespace {

// Of RetentionBounds.
constexpr size_t kAge = 0;
constexpr size_t kSize = 1;
constexpr size_t kLogStart = 2;

/// A row's max timestamp covers everything up to the next row, so it never falls from row to row
/// and the expired rows are a prefix.
int64_t OffsetByAge(const SparseBorder& border, const RetentionRange& range) {
  // Records without a timestamp (-1) have no age: they go only with a later one that has.
  if (!border.before || border.before->max_timestamp_ms < 0) return range.log_start_offset;
  return border.after ? border.after->base_offset : range.high_watermark;
}

/// The open stretch is not counted, so a little more than the limit is kept, never less.
int64_t OffsetBySize(const SparseBorder& border, const RetentionRange& range) {
  return border.before ? border.before->base_offset : range.log_start_offset;
}

/// When a row whose newest record is of `max_timestamp_ms` has reached its age. Clients choose
/// timestamps, and a limit may be the largest number there is.
int64_t DueMs(int64_t max_timestamp_ms, int64_t retention_ms) {
  if (max_timestamp_ms > INT64_MAX - retention_ms) return INT64_MAX;
  return max_timestamp_ms + retention_ms;
}

}  // namespace

std::vector<SparseBound> RetentionBounds(const RetentionPolicy& policy, int64_t log_start_offset,
                                         int64_t now_ms) {
  using Of = SparseBound::Of;
  std::vector<SparseBound> bounds(3);
  bounds[kAge] = {Of::kTime, policy.retention_ms < 0 ? INT64_MIN : now_ms - policy.retention_ms};
  bounds[kSize] = {Of::kBytesToEnd,
                   policy.retention_bytes < 0 ? INT64_MAX : policy.retention_bytes};
  bounds[kLogStart] = {Of::kOffset, log_start_offset + 1};
  return bounds;
}

RetentionDecision DecideRetention(const std::vector<SparseBorder>& borders,
                                  const RetentionPolicy& policy, const RetentionRange& range,
                                  int64_t now_ms) {
  CHECK_EQ(borders.size(), 3u);
  RetentionDecision decision{.offset = range.log_start_offset, .due_ms = now_ms};
  // Records may have been deleted by request since the high watermark was noted, even beyond it.
  if (range.log_start_offset < range.high_watermark) {
    const int64_t offset = std::max({range.log_start_offset, OffsetByAge(borders[kAge], range),
                                     OffsetBySize(borders[kSize], range)});
    decision.offset = std::min(offset, range.high_watermark);
  }
  const std::optional<SparseRow>& first = borders[kLogStart].before;
  if (policy.retention_ms >= 0 && first) {
    decision.due_ms = std::max(now_ms, DueMs(first->max_timestamp_ms, policy.retention_ms));
  }
  return decision;
}

}  // namespace jangada::storage
