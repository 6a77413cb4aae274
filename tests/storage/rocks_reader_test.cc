// Searches over the sparse rows of a log too long for anybody to write in a test: its rows are put
// into the database by hand.
#include "storage/rocks_reader.h"

#include <gtest/gtest.h>
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/write_batch.h>

#include "tests/storage/rocks_store_fixture.h"

namespace jangada::storage {
namespace {

constexpr GroupId kGroup{7};
constexpr int64_t kRows = 300'000;  // of 64 KiB: 20 GB of log
constexpr int64_t kEntriesOfRow = 10;

Stretch StretchAt(int64_t row) {
  const int64_t first = row * kEntriesOfRow;
  return {.first = static_cast<raft::Index>(first + 1),
          .next = static_cast<raft::Index>(first + 1 + kEntriesOfRow),
          .base_offset = first,
          .end_offset = first + kEntriesOfRow,
          .bytes_before = row * kSparseBytes,
          .bytes = kSparseBytes,
          .max_timestamp_ms = 1000 * row};
}

TEST(RocksReader, SearchesOfALongLogReadAFewRows) {
  TempFolder folder;
  const RocksOptions options{.path = folder.path(), .write_buffer_bytes = 4 << 20};
  const RocksDb db = std::move(OpenRocksDb(options, true).value().db);
  for (int64_t row = 0; row < kRows;) {
    rocksdb::WriteBatch batch;
    for (const int64_t end = row + 10'000; row < end; ++row) {
      const Stretch stretch = StretchAt(row);
      batch.Put(db.sparse, SparseKey(kGroup, stretch.base_offset, stretch.first),
                EncodeStretch(stretch));
    }
    ASSERT_TRUE(db.db->Write({}, &batch).ok());
  }
  GroupView view{.first = 1, .last = kRows * kEntriesOfRow, .terms = {{1, 1}}};
  view.end_offset = kRows * kEntriesOfRow;
  view.open = StretchAt(kRows - 1).Next();

  const RocksReader reader(db);
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableCount);
  using Of = SparseBound::Of;
  for (const int64_t row : {int64_t{1}, int64_t{2}, kRows / 3, kRows / 2, kRows - 1}) {
    for (const SparseBound& bound :
         {SparseBound{Of::kOffset, row * kEntriesOfRow}, SparseBound{Of::kTime, row * 1000},
          SparseBound{Of::kBytesToEnd, (kRows - row) * kSparseBytes + 1}}) {
      rocksdb::get_perf_context()->Reset();
      const SparseBorder border = reader.FindSparse(kGroup, view, bound).value();
      ASSERT_TRUE(border.before && border.after);
      EXPECT_EQ(*border.before, StretchAt(row - 1).row());
      EXPECT_EQ(*border.after, StretchAt(row).row());
      const uint64_t row_bytes = 24 + 40;
      EXPECT_LE(rocksdb::get_perf_context()->iter_read_bytes, 100 * row_bytes);
    }
  }
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
}

}  // namespace
}  // namespace jangada::storage
