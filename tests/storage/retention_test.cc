// Retention by age and by size over the sparse rows.
#include "storage/retention.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "storage/sparse.h"

namespace jangada::storage {
namespace {

/// Rows at offsets 0, 100, 200, 300 of 1000 bytes each, ten seconds apart.
std::vector<SparseRow> Rows() {
  return {{.base_offset = 0, .index = 2, .max_timestamp_ms = 10'000, .bytes_before = 0},
          {.base_offset = 100, .index = 12, .max_timestamp_ms = 20'000, .bytes_before = 1000},
          {.base_offset = 200, .index = 22, .max_timestamp_ms = 30'000, .bytes_before = 2000},
          {.base_offset = 300, .index = 32, .max_timestamp_ms = 40'000, .bytes_before = 3000}};
}

constexpr RetentionRange kWhole{.log_start_offset = 0, .high_watermark = 400};

/// As a store with these rows would answer.
RetentionDecision Decide(const std::vector<SparseRow>& rows, const RetentionPolicy& policy,
                         const RetentionRange& range, int64_t now_ms) {
  std::vector<SparseBorder> borders;
  for (const SparseBound& bound : RetentionBounds(policy, range.log_start_offset, now_ms)) {
    const auto after = std::find_if(rows.begin(), rows.end(), [&](const SparseRow& row) {
      return Reaches(row, bound, rows.back().bytes_before);
    });
    SparseBorder& border = borders.emplace_back();
    if (after != rows.begin()) border.before = *std::prev(after);
    if (after != rows.end()) border.after = *after;
  }
  return DecideRetention(borders, policy, range, now_ms);
}

int64_t RetentionOffset(const std::vector<SparseRow>& rows, const RetentionPolicy& policy,
                        const RetentionRange& range, int64_t now_ms) {
  return Decide(rows, policy, range, now_ms).offset;
}

int64_t ByAge(int64_t now_ms, RetentionRange range = kWhole) {
  return RetentionOffset(Rows(), {.retention_ms = 5000}, range, now_ms);
}
int64_t BySize(int64_t bytes, RetentionRange range = kWhole) {
  return RetentionOffset(Rows(), {.retention_bytes = bytes}, range, 0);
}

TEST(Retention, WithoutLimitsNothingGoes) {
  EXPECT_EQ(RetentionOffset(Rows(), {}, kWhole, INT64_MAX), 0);
}

TEST(Retention, ARowGoesOnlyWhenItsNewestRecordIsTooOld) {
  EXPECT_EQ(ByAge(15'000), 0);
  EXPECT_EQ(ByAge(15'001), 100);
  EXPECT_EQ(ByAge(35'000), 200);
  EXPECT_EQ(ByAge(35'001), 300);
}

TEST(Retention, NothingIsDueBeforeTheRowThatTheLogStartsInIsOldEnough) {
  const RetentionPolicy policy{.retention_ms = 5000};
  EXPECT_EQ(Decide(Rows(), policy, kWhole, 12'000).due_ms, 15'000);
  EXPECT_EQ(Decide(Rows(), policy, {.log_start_offset = 150, .high_watermark = 400}, 12'000).due_ms,
            25'000);
  EXPECT_EQ(Decide(Rows(), {}, kWhole, 12'000).due_ms, 12'000) << "without a limit by age";
}

TEST(Retention, TheLargestLimitAndTheLatestTimestampAreDueNeverNotAtOnce) {
  std::vector<SparseRow> rows = Rows();
  const auto due_ms = [&rows](int64_t retention_ms) {
    return Decide(rows, {.retention_ms = retention_ms}, kWhole, 12'000).due_ms;
  };
  EXPECT_EQ(due_ms(INT64_MAX), INT64_MAX);
  rows[0].max_timestamp_ms = INT64_MAX;
  EXPECT_EQ(due_ms(5000), INT64_MAX);
  rows[0].max_timestamp_ms = -1;
  EXPECT_EQ(due_ms(INT64_MAX), INT64_MAX - 1);
  rows[0].max_timestamp_ms = INT64_MIN;
  EXPECT_EQ(due_ms(5000), 12'000);
}

TEST(Retention, WhenAllIsOldAllThatIsCommittedGoes) {
  EXPECT_EQ(ByAge(45'001), 400);
  EXPECT_EQ(ByAge(45'001, {.log_start_offset = 0, .high_watermark = 350}), 350);
}

TEST(Retention, ByAgeRecordsWithoutTimestampGoOnlyWithALaterOneThatHasOne) {
  std::vector<SparseRow> rows = Rows();
  rows[0].max_timestamp_ms = -1;
  const RetentionPolicy policy{.retention_ms = 5000};
  EXPECT_EQ(RetentionOffset(rows, policy, kWhole, 20'000), 0);
  EXPECT_EQ(RetentionOffset(rows, policy, kWhole, 25'001), 200);
}

TEST(Retention, BySizeAtLeastTheLimitIsKept) {
  EXPECT_EQ(BySize(3000), 0);
  EXPECT_EQ(BySize(2999), 0);
  EXPECT_EQ(BySize(2000), 100);
  EXPECT_EQ(BySize(1), 200);
  EXPECT_EQ(BySize(0), 300);
  EXPECT_EQ(BySize(1'000'000), 0);
}

TEST(Retention, TheStricterLimitDecides) {
  EXPECT_EQ(
      RetentionOffset(Rows(), {.retention_ms = 5000, .retention_bytes = 2000}, kWhole, 25'001),
      200);
  EXPECT_EQ(
      RetentionOffset(Rows(), {.retention_ms = 5000, .retention_bytes = 1000}, kWhole, 15'001),
      200);
}

TEST(Retention, TheAnswerNeverGoesBackAndNeverPassesTheHighWatermark) {
  EXPECT_EQ(ByAge(15'001, {.log_start_offset = 150, .high_watermark = 400}), 150);
  EXPECT_EQ(BySize(0, {.log_start_offset = 0, .high_watermark = 250}), 250);
  EXPECT_EQ(RetentionOffset({}, {.retention_ms = 0, .retention_bytes = 0},
                            {.log_start_offset = 7, .high_watermark = 9}, INT64_MAX),
            7);
}

TEST(Retention, RecordsDeletedBeyondTheNotedHighWatermarkStayDeleted) {
  EXPECT_EQ(ByAge(45'001, {.log_start_offset = 380, .high_watermark = 350}), 380);
}

}  // namespace
}  // namespace jangada::storage
