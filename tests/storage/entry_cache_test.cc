#include "storage/entry_cache.h"

#include <gtest/gtest.h>

namespace jangada::storage {
namespace {

constexpr GroupId kGroup{7};
constexpr GroupId kOther{8};
constexpr size_t kPayload = 68;
constexpr size_t kSize = raft::Entry::kOverhead + kPayload;  // 100

/// Entries first..last with two records each, offsets from 2 * first on.
std::vector<raft::Entry> Entries(raft::Index first, raft::Index last, raft::Term term = 1) {
  std::vector<raft::Entry> entries;
  for (raft::Index i = first; i <= last; ++i) {
    entries.push_back({i, term, raft::EntryType::kRecords, static_cast<int64_t>(2 * i), 2,
                       Bytes(std::string(kPayload, 'x'))});
  }
  return entries;
}

TEST(EntryCache, GivesConsecutiveEntriesUpToTheByteLimitButAtLeastOne) {
  EntryCache cache(100 * kSize);
  cache.Put(kGroup, Entries(5, 14));
  EXPECT_EQ(cache.Get(kGroup, {6, 9}, 1 << 20), Entries(6, 9));
  EXPECT_EQ(cache.Get(kGroup, {6, 90}, 1 << 20), Entries(6, 14));
  EXPECT_EQ(cache.Get(kGroup, {6, 9}, 2 * kSize), Entries(6, 7));
  EXPECT_EQ(cache.Get(kGroup, {6, 9}, 1), Entries(6, 6));
  EXPECT_TRUE(cache.Get(kGroup, {4, 9}, 1 << 20).empty());
  EXPECT_TRUE(cache.Get(kGroup, {15, 20}, 1 << 20).empty());
  EXPECT_TRUE(cache.Get(kOther, {6, 9}, 1 << 20).empty());
}

TEST(EntryCache, PutTruncatesTheSuffixAtItsFirstIndex) {
  EntryCache cache(100 * kSize);
  cache.Put(kGroup, Entries(1, 9, 1));
  cache.Put(kGroup, Entries(4, 5, 2));
  EXPECT_EQ(cache.Get(kGroup, {4, 9}, 1 << 20), Entries(4, 5, 2));
  EXPECT_EQ(cache.Get(kGroup, {1, 3}, 1 << 20), Entries(1, 3, 1));
  EXPECT_EQ(cache.bytes(), 5 * kSize);
}

TEST(EntryCache, PutThatDoesNotJoinTheRunReplacesIt) {
  EntryCache cache(100 * kSize);
  cache.Put(kGroup, Entries(1, 9));
  cache.Put(kGroup, Entries(11, 12));
  EXPECT_TRUE(cache.Get(kGroup, {9, 12}, 1 << 20).empty());
  EXPECT_EQ(cache.Get(kGroup, {11, 12}, 1 << 20), Entries(11, 12));
  EXPECT_EQ(cache.bytes(), 2 * kSize);
}

TEST(EntryCache, EvictsTheOldestEntryOfAnyGroupFirst) {
  EntryCache cache(4 * kSize);
  cache.Put(kGroup, Entries(1, 2));
  cache.Put(kOther, Entries(1, 2));
  cache.Put(kGroup, Entries(3, 3));
  EXPECT_EQ(cache.bytes(), 4 * kSize);
  EXPECT_TRUE(cache.Get(kGroup, {1, 1}, 1 << 20).empty());
  EXPECT_EQ(cache.Get(kGroup, {2, 3}, 1 << 20), Entries(2, 3));
  EXPECT_EQ(cache.Get(kOther, {1, 2}, 1 << 20), Entries(1, 2));
}

TEST(EntryCache, AnEntryLargerThanTheCacheIsNotKept) {
  EntryCache cache(kSize - 1);
  cache.Put(kGroup, Entries(1, 1));
  EXPECT_EQ(cache.bytes(), 0U);
  EXPECT_TRUE(cache.Get(kGroup, {1, 1}, 1 << 20).empty());
}

TEST(EntryCache, FindsTheEntryThatHoldsAnOffsetAndSkipsEntriesWithoutRecords) {
  EntryCache cache(100 * kSize);
  cache.Put(kGroup, Entries(1, 3));                                          // offsets 2..7
  cache.Put(kGroup, {{4, 2, raft::EntryType::kNoop, 8, 0, {}}});             // uses none
  cache.Put(kGroup, {{5, 2, raft::EntryType::kRecords, 8, 2, Bytes("y")}});  // 8, 9
  const auto found = cache.FindOffset(kGroup, 7, 5, 1 << 20);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].index, 3U);
  EXPECT_EQ(found[1].index, 5U);
  EXPECT_EQ(cache.FindOffset(kGroup, 8, 5, 1).front().index, 5U);
  EXPECT_TRUE(cache.FindOffset(kGroup, 8, 4, 1 << 20).empty()) << "beyond the last index allowed";
  EXPECT_TRUE(cache.FindOffset(kGroup, 1, 5, 1 << 20).empty()) << "before the first entry held";
  EXPECT_TRUE(cache.FindOffset(kGroup, 10, 5, 1 << 20).empty()) << "after the last entry";
}

TEST(EntryCache, EraseFreesTheGroupsBytes) {
  EntryCache cache(100 * kSize);
  cache.Put(kGroup, Entries(1, 5));
  cache.Put(kOther, Entries(1, 1));
  cache.Erase(kGroup);
  EXPECT_EQ(cache.bytes(), kSize);
  EXPECT_TRUE(cache.Get(kGroup, {1, 5}, 1 << 20).empty());
}

}  // namespace
}  // namespace jangada::storage
