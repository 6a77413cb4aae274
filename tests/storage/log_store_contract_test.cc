// What every LogStore promises (storage/log_store.h), asked of each of them.
#include "tests/storage/log_store_contract.h"

#include <gtest/gtest.h>

#include <optional>

#include "storage/sparse.h"

namespace jangada::storage {
namespace {

constexpr raft::Index kFarLast = 1 << 20;

TYPED_TEST_SUITE(LogStoreContract, StoreKinds, StoreName);

TYPED_TEST(LogStoreContract, TheBytesOfALogAreThoseOfTheEntriesThatItHolds) {
  const auto sum = [](const std::vector<raft::Entry>& entries, size_t first, size_t end) {
    int64_t bytes = 0;
    for (size_t i = first; i < end; ++i) bytes += static_cast<int64_t>(entries[i].size());
    return bytes;
  };
  EXPECT_EQ(this->store().LogBytes(kGroup), std::nullopt);
  const auto entries = MakeEntries(1, 40, 1, 0, 1, 10'000);
  ASSERT_TRUE(this->call().Append(kGroup, entries).ok());
  EXPECT_EQ(this->store().LogBytes(kGroup), sum(entries, 0, 40));
  EXPECT_EQ(this->store().LogBytes(kOther), std::nullopt);

  const auto other_end = MakeEntries(31, 31, 2, 30, 1, 500);
  ASSERT_TRUE(this->call().Append(kGroup, other_end).ok());
  const int64_t whole = sum(entries, 0, 30) + sum(other_end, 0, 1);
  EXPECT_EQ(this->store().LogBytes(kGroup), whole);

  GroupWrite trim{kGroup};
  trim.checkpoint = CheckpointAt({25, 1}, 25);
  trim.trim_below = 21;
  ASSERT_TRUE(this->call().Persist(std::move(trim)).ok());
  const int64_t held = this->store().LogBytes(kGroup).value();
  EXPECT_GE(held, whole - sum(entries, 0, 20));
  EXPECT_LT(held, whole - sum(entries, 0, 20) + kSparseBytes + 11'000) << "a stretch goes whole";

  this->Restart();
  ASSERT_EQ(this->store().Load().value().size(), 1U);
  EXPECT_EQ(this->store().LogBytes(kGroup), held);

  GroupWrite erase{kGroup};
  erase.erase = true;
  ASSERT_TRUE(this->call().Persist(std::move(erase)).ok());
  EXPECT_EQ(this->store().LogBytes(kGroup), std::nullopt);
}

TYPED_TEST(LogStoreContract, ANewStoreHoldsNothing) {
  EXPECT_TRUE(this->store().Load().value().empty());
  EXPECT_FALSE(this->store().may_have_lost_groups());
  EXPECT_EQ(this->call().Read(kGroup, {1, 5}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(this->call().ReadCheckpoint(kGroup).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(this->call().Reload(kGroup).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(this->call().ReadOffset(kGroup, 0, kFarLast)->empty());
  EXPECT_TRUE(this->call().ReadSparse(kGroup)->empty());
  EXPECT_TRUE(this->store().usage().accepts_produce);
}

TYPED_TEST(LogStoreContract, HardStateSurvivesARestartWithItsVote) {
  GroupWrite write{kGroup};
  write.hard_state = raft::HardState{5, NodeId(2)};
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  this->Restart();
  EXPECT_EQ(this->LoadOne().hard_state, (raft::HardState{5, NodeId(2)}));

  GroupWrite cleared{kGroup};
  cleared.hard_state = raft::HardState{6, std::nullopt};
  ASSERT_TRUE(this->call().Persist(std::move(cleared)).ok());
  this->Restart();
  EXPECT_EQ(this->LoadOne().hard_state, (raft::HardState{6, std::nullopt}));
}

TYPED_TEST(LogStoreContract, EntriesComeBackAsTheyWereWritten) {
  const auto entries = MakeEntries(1, 20, 3, 0, 2);
  ASSERT_TRUE(this->call().Append(kGroup, entries).ok());
  EXPECT_EQ(*this->call().Read(kGroup, {1, 20}), entries);
  this->Restart();
  EXPECT_EQ(*this->call().Read(kGroup, {1, 20}), entries);
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.group, kGroup);
  EXPECT_EQ(state.first_index, 1U);
  EXPECT_EQ(state.last, (raft::Position{20, 3}));
  EXPECT_EQ(state.end_offset, 40);
  EXPECT_EQ(state.terms, (std::vector<raft::TermRun>{{1, 3}}));
  EXPECT_FALSE(state.damaged);
}

TYPED_TEST(LogStoreContract, AReadKeepsItsLimitsAndGivesAtLeastOneEntry) {
  const auto entries = MakeEntries(1, 9, 1, 0);
  ASSERT_TRUE(this->call().Append(kGroup, entries).ok());
  const size_t size = entries[0].size();
  EXPECT_EQ(this->call().Read(kGroup, {3, 5})->size(), 3U);
  EXPECT_EQ(this->call().Read(kGroup, {3, 50})->size(), 7U);
  EXPECT_EQ(this->call().Read(kGroup, {3, 9}, 2 * size)->size(), 2U);
  EXPECT_EQ(this->call().Read(kGroup, {3, 9}, 2 * size + 1)->size(), 2U);
  EXPECT_EQ(this->call().Read(kGroup, {3, 9}, 1)->size(), 1U);
  EXPECT_EQ(this->call().Read(kGroup, {10, 12}).error().code, ErrorCode::kNotFound);
}

TYPED_TEST(LogStoreContract, AnAppendTruncatesTheConflictingSuffix) {
  const raft::Membership members = MembersOf({NodeId(1), NodeId(2)});
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 5, 1, 0)).ok());
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(6, 7, 2, 5)).ok());
  ASSERT_TRUE(this->call().Append(kGroup, {MakeMembershipEntry(8, 3, 7, members)}).ok());
  const auto rewritten = MakeEntries(5, 6, 4, 4, 3);
  ASSERT_TRUE(this->call().Append(kGroup, rewritten).ok());
  EXPECT_EQ(*this->call().Read(kGroup, {5, 6}), rewritten);
  EXPECT_EQ(this->call().Read(kGroup, {7, 8}).error().code, ErrorCode::kNotFound);
  this->Restart();
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.last, (raft::Position{6, 4}));
  EXPECT_EQ(state.end_offset, 10);
  EXPECT_EQ(state.terms, (std::vector<raft::TermRun>{{1, 1}, {5, 4}}));
  EXPECT_TRUE(state.memberships.empty());
  EXPECT_EQ(*this->call().Read(kGroup, {5, 6}), rewritten);
  EXPECT_EQ(this->call().ReadOffset(kGroup, 6, kFarLast)->front().index, 5U);
}

TYPED_TEST(LogStoreContract, ATruncationAcrossSparseRowsLeavesNoTraceOfTheOldSuffix) {
  // 16 KiB entries: a row about every four. The old suffix has later times than the new one.
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 40, 1, 0, 1, 16 << 10)).ok());
  auto rewritten = MakeEntries(15, 30, 2, 14, 1, 16 << 10);
  ASSERT_TRUE(this->call().Append(kGroup, rewritten).ok());
  for (int restart = 0; restart < 2; ++restart) {
    const auto rows = *this->call().ReadSparse(kGroup);
    ASSERT_FALSE(rows.empty());
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_LE(rows[i].index, 30U);
      EXPECT_LE(rows[i].max_timestamp_ms, 1000 * 29);
      EXPECT_EQ(rows[i].base_offset, static_cast<int64_t>(rows[i].index) - 1);
      EXPECT_EQ(rows[i].bytes_before,
                static_cast<int64_t>((rows[i].index - 1) * rewritten[0].size()));
    }
    EXPECT_EQ(this->call().FindTimestamp(kGroup, 1000 * 30, kFarLast)->offset, -1);
    EXPECT_EQ(this->call().FindTimestamp(kGroup, 1000 * 20, kFarLast)->offset, 20);
    this->Restart();
  }
}

TYPED_TEST(LogStoreContract, ManyTermsAndMembershipsComeBackAtARestart) {
  const raft::Membership two = MembersOf({NodeId(1), NodeId(2)});
  const raft::Membership three = MembersOf({NodeId(1), NodeId(2), NodeId(3)});
  ASSERT_TRUE(this->call()
                  .Append(kGroup, {MakeNoop(1, 1, 0), MakeMembershipEntry(2, 1, 0, two),
                                   MakeNoop(3, 4, 0), MakeMembershipEntry(4, 4, 0, three)})
                  .ok());
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(5, 6, 9, 0)).ok());
  this->Restart();
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.terms, (std::vector<raft::TermRun>{{1, 1}, {3, 4}, {5, 9}}));
  EXPECT_EQ(state.memberships, (std::vector<raft::MembershipAt>{{2, two}, {4, three}}));
  EXPECT_EQ(state.end_offset, 2);
}

TYPED_TEST(LogStoreContract, TrimmingDropsThePrefixAndItsTraces) {
  const raft::Membership members = MembersOf({NodeId(1)});
  ASSERT_TRUE(this->call().Append(kGroup, {MakeMembershipEntry(1, 1, 0, members)}).ok());
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(2, 50, 1, 0, 1, 16 << 10)).ok());
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(51, 99, 2, 49, 1, 16 << 10)).ok());
  GroupWrite write{kGroup};
  write.checkpoint = CheckpointAt({90, 2}, 89);
  write.trim_below = 60;
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_EQ(this->call().Read(kGroup, {59, 60}).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(this->call().Read(kGroup, {60, 99})->size(), 40U);
    EXPECT_EQ(this->call().ReadOffset(kGroup, 57, kFarLast).error().code,
              ErrorCode::kOffsetOutOfRange);
    EXPECT_EQ(this->call().ReadOffset(kGroup, 58, kFarLast)->front().index, 60U);
    const auto rows = *this->call().ReadSparse(kGroup);
    ASSERT_FALSE(rows.empty());
    EXPECT_GE(rows[0].index, 50U) << "rows go with the entries that they describe";
    EXPECT_LE(rows[0].index, 60U);
    EXPECT_GT(rows[0].bytes_before, 48 * (16 << 10)) << "what was trimmed still counts";
    this->Restart();
  }
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.first_index, 60U);
  EXPECT_EQ(state.terms, (std::vector<raft::TermRun>{{60, 2}}));
  EXPECT_TRUE(state.memberships.empty());
  EXPECT_EQ(state.checkpoint, CheckpointAt({90, 2}, 89));
}

TYPED_TEST(LogStoreContract, ALogTrimmedToItsEndGoesOn) {
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 9, 2, 0)).ok());
  GroupWrite write{kGroup};
  write.checkpoint = CheckpointAt({9, 2}, 9);
  write.trim_below = 10;
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  this->Restart();
  GroupState state = this->LoadOne();
  EXPECT_EQ(state.first_index, 10U);
  EXPECT_EQ(state.last, (raft::Position{9, 2}));
  EXPECT_EQ(state.end_offset, 9);
  EXPECT_TRUE(state.terms.empty());
  EXPECT_EQ(this->call().ReadOffset(kGroup, 3, kFarLast).error().code,
            ErrorCode::kOffsetOutOfRange);
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(10, 11, 2, 9)).ok());
  EXPECT_EQ(this->call().Read(kGroup, {10, 11})->size(), 2U);
}

TYPED_TEST(LogStoreContract, AnInstalledCheckpointReplacesTheLog) {
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 9, 1, 0)).ok());
  GroupWrite write{kGroup};
  write.install = GroupWrite::Install{CheckpointAt({100, 5}, 80), false};
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  this->Restart();
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.first_index, 101U);
  EXPECT_EQ(state.last, (raft::Position{100, 5}));
  EXPECT_EQ(state.end_offset, 80);
  EXPECT_TRUE(state.terms.empty());
  EXPECT_EQ(this->call().Read(kGroup, {9, 9}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(*this->call().ReadCheckpoint(kGroup), CheckpointAt({100, 5}, 80));
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(101, 102, 5, 80)).ok());
  EXPECT_EQ(this->call().ReadOffset(kGroup, 81, kFarLast)->front().index, 102U);
}

TYPED_TEST(LogStoreContract, AnInstalledCheckpointKeepsTheSuffixWhenTold) {
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 9, 1, 0)).ok());
  GroupWrite write{kGroup};
  write.install = GroupWrite::Install{CheckpointAt({6, 1}, 6), true};
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  this->Restart();
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.first_index, 7U);
  EXPECT_EQ(state.last, (raft::Position{9, 1}));
  EXPECT_EQ(this->call().Read(kGroup, {7, 9})->size(), 3U);
}

TYPED_TEST(LogStoreContract, ATruncationWhereTheLogBeganToBeTrimmedLeavesNoTraceAfterARestart) {
  // Enough for a stretch of the sparse index that is closed; its first entries go.
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 40, 1, 0, 1, 2000)).ok());
  GroupWrite write{kGroup};
  write.install = GroupWrite::Install{CheckpointAt({10, 1}, 10), true};
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(20, 21, 2, 19, 3, 2000)).ok());
  this->Restart();
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.first_index, 11U);
  EXPECT_EQ(state.last, (raft::Position{21, 2}));
  EXPECT_EQ(state.end_offset, 25);
  EXPECT_EQ(this->call().ReadOffset(kGroup, 12, kFarLast)->front().index, 13U);
  EXPECT_EQ(this->call().ReadOffset(kGroup, 24, kFarLast)->front().index, 21U);
}

TYPED_TEST(LogStoreContract, FindsTheEntryThatHoldsAnOffset) {
  std::vector<raft::Entry> entries{MakeNoop(1, 1, 0)};
  for (raft::Entry& entry : MakeEntries(2, 60, 1, 0, 3, 2000)) entries.push_back(std::move(entry));
  entries.push_back(MakeNoop(61, 2, 177));
  for (raft::Entry& entry : MakeEntries(62, 90, 2, 177, 3, 2000)) {
    entries.push_back(std::move(entry));
  }
  ASSERT_TRUE(this->call().Append(kGroup, entries).ok());
  for (int64_t offset = 0; offset < 264; ++offset) {
    const auto found = *this->call().ReadOffset(kGroup, offset, kFarLast, 1);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_LE(found[0].base_offset, offset);
    EXPECT_GT(found[0].base_offset + found[0].record_count, offset);
  }
  EXPECT_TRUE(this->call().ReadOffset(kGroup, 264, kFarLast)->empty());
  EXPECT_TRUE(this->call().ReadOffset(kGroup, 177, 61)->empty()) << "it lies in entry 62";
  const auto across = *this->call().ReadOffset(kGroup, 176, kFarLast);
  EXPECT_EQ(across[0].index, 60U);
  EXPECT_EQ(across[1].index, 62U) << "only entries with records";
}

TYPED_TEST(LogStoreContract, FindsTheFirstRecordAtOrAfterATime) {
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 60, 1, 0, 1, 8000)).ok());
  EXPECT_EQ(this->call().FindTimestamp(kGroup, 0, kFarLast)->offset, 0);
  const auto found = *this->call().FindTimestamp(kGroup, 41'500, kFarLast);
  EXPECT_EQ(found.offset, 42);
  EXPECT_EQ(found.timestamp_ms, 42'000);
  EXPECT_EQ(this->call().FindTimestamp(kGroup, 41'500, 42)->offset, -1) << "offset 42 is entry 43";
  EXPECT_EQ(this->call().FindTimestamp(kGroup, 59'001, kFarLast)->offset, -1);
}

TYPED_TEST(LogStoreContract, SparseRowsDescribeTheLogAboutEvery64KiB) {
  const auto entries = MakeEntries(1, 100, 1, 0, 1, 8000);
  ASSERT_TRUE(this->call().Append(kGroup, entries).ok());
  const auto rows = *this->call().ReadSparse(kGroup);
  const int64_t total = static_cast<int64_t>(100 * entries[0].size());
  ASSERT_GE(static_cast<int64_t>(rows.size()), total / (80 << 10));
  ASSERT_LE(static_cast<int64_t>(rows.size()), total / (64 << 10) + 1);
  EXPECT_EQ(rows[0].bytes_before, 0);
  for (size_t i = 0; i < rows.size(); ++i) {
    const raft::Index next = i + 1 < rows.size() ? rows[i + 1].index : 101;
    EXPECT_EQ(rows[i].max_timestamp_ms, 1000 * static_cast<int64_t>(next - 2));
    EXPECT_EQ(rows[i].bytes_before, static_cast<int64_t>((rows[i].index - 1) * entries[0].size()));
  }
}

TYPED_TEST(LogStoreContract, GroupsWithoutRecordsHaveRowsTooAndReadByIndex) {
  std::vector<raft::Entry> commands;
  for (raft::Index i = 1; i <= 40; ++i) {
    commands.push_back({i, 1, raft::EntryType::kCommand, 0, 0, Bytes(std::string(8 << 10, 'c'))});
  }
  ASSERT_TRUE(this->call().Append(kGroup, commands).ok());
  GroupWrite write{kGroup};
  write.checkpoint = CheckpointAt({35, 1}, 0);
  write.trim_below = 30;
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  auto rewritten = commands;
  rewritten.erase(rewritten.begin(), rewritten.begin() + 36);
  for (raft::Entry& entry : rewritten) entry.term = 2;
  ASSERT_TRUE(this->call().Append(kGroup, rewritten).ok());
  this->Restart();
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.first_index, 30U);
  EXPECT_EQ(state.terms, (std::vector<raft::TermRun>{{30, 1}, {37, 2}}));
  EXPECT_EQ(this->call().Read(kGroup, {30, 40})->size(), 11U);
  EXPECT_TRUE(this->call().ReadOffset(kGroup, 0, kFarLast)->empty());
}

TYPED_TEST(LogStoreContract, WritesOfManyGroupsKeepTheirOrder) {
  // Queued at once, so that they may share a sync; each group's own writes build on one another.
  constexpr int kGroups = 50;
  constexpr raft::Index kWrites = 20;
  ThreadExecutor shard("shard");
  std::promise<void> all;
  std::atomic<int> left = kGroups * static_cast<int>(kWrites);
  for (raft::Index i = 1; i <= kWrites; ++i) {
    for (int g = 1; g <= kGroups; ++g) {
      GroupWrite write{GroupId(g)};
      write.entries = MakeEntries(i, i, 1, static_cast<int64_t>(i) - 1);
      this->store().Persist(std::move(write), shard, [&](Status status) {
        CHECK(status.ok());
        if (--left == 0) all.set_value();
      });
    }
  }
  all.get_future().wait();
  this->Restart();
  const auto states = this->store().Load().value();
  ASSERT_EQ(states.size(), static_cast<size_t>(kGroups));
  for (const GroupState& state : states) {
    EXPECT_EQ(state.last, (raft::Position{kWrites, 1}));
    EXPECT_EQ(this->call().Read(state.group, {1, kWrites})->size(), kWrites);
  }
}

TYPED_TEST(LogStoreContract, AReloadGivesWhatARestartWould) {
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 9, 1, 0)).ok());
  GroupWrite write{kGroup};
  write.hard_state = raft::HardState{3, NodeId(1)};
  write.checkpoint = CheckpointAt({5, 1}, 5);
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  const GroupState live = *this->call().Reload(kGroup);
  this->Restart();
  const GroupState fresh = this->LoadOne();
  EXPECT_EQ(live.hard_state, fresh.hard_state);
  EXPECT_EQ(live.checkpoint, fresh.checkpoint);
  EXPECT_EQ(live.last, fresh.last);
  EXPECT_EQ(live.terms, fresh.terms);
  EXPECT_EQ(live.end_offset, fresh.end_offset);
}

}  // namespace
}  // namespace jangada::storage
