// The faults of the store in memory: the disk is an executor of the test's, so that a test decides
// what was synced.
#include "storage/mem_log_store.h"

#include <gtest/gtest.h>

#include "tests/storage/manual_executor.h"
#include "tests/storage/store_fixture.h"

namespace jangada::storage {
namespace {

constexpr GroupId kGroup{7};

class MemLogStoreFaults : public ::testing::Test {
 protected:
  /// Starts an append; the answer, once there is one, is in the optional.
  std::shared_ptr<std::optional<Status>> Append(std::vector<raft::Entry> entries) {
    auto answer = std::make_shared<std::optional<Status>>();
    GroupWrite write{kGroup};
    write.entries = std::move(entries);
    store_.Persist(std::move(write), shard_, [answer](Status status) { *answer = status; });
    return answer;
  }
  Result<std::vector<raft::Entry>> Read(raft::IndexRange range) {
    std::optional<Result<std::vector<raft::Entry>>> answer;
    store_.Read(kGroup, range, 1 << 20, shard_, [&](auto entries) { answer = std::move(entries); });
    disk_.RunOnce();
    shard_.RunOnce();
    return *answer;
  }

  ManualExecutor disk_;
  ManualExecutor shard_;
  MemLogStore store_{disk_};
};

TEST_F(MemLogStoreFaults, NothingIsAnsweredBeforeTheDiskHasRun) {
  const auto answer = Append(MakeEntries(1, 3, 1, 0));
  shard_.RunOnce();
  EXPECT_FALSE(answer->has_value());
  disk_.RunOnce();
  EXPECT_FALSE(answer->has_value()) << "the answer comes on the caller's executor";
  shard_.RunOnce();
  EXPECT_TRUE(answer->value().ok());
}

TEST_F(MemLogStoreFaults, ACrashForgetsWhatWasNotSyncedAndNeverAnswersIt) {
  const auto synced = Append(MakeEntries(1, 3, 1, 0));
  disk_.RunOnce();
  const auto lost = Append(MakeEntries(4, 5, 1, 3));
  store_.Crash();
  disk_.RunOnce();
  shard_.RunOnce();
  EXPECT_TRUE(synced->value().ok());
  EXPECT_FALSE(lost->has_value());
  EXPECT_EQ(store_.Load().value().front().last, (raft::Position{3, 1}));
  const auto again = Append(MakeEntries(4, 4, 2, 3));
  disk_.RunOnce();
  shard_.RunOnce();
  EXPECT_TRUE(again->value().ok());
}

TEST_F(MemLogStoreFaults, AFailedSyncIsFinalAndAFullDiskIsNot) {
  store_.FailNextSync({ErrorCode::kDiskFull, "full"});
  const auto full = Append(MakeEntries(1, 1, 1, 0));
  const auto later = Append(MakeEntries(1, 1, 1, 0));
  store_.FailNextSync({ErrorCode::kDiskFull, "full"});
  disk_.RunOnce();
  shard_.RunOnce();
  EXPECT_EQ(full->value().error().code, ErrorCode::kDiskFull);
  EXPECT_TRUE(later->value().ok());

  store_.FailNextSync({ErrorCode::kIoError, "gone"});
  const auto failed = Append(MakeEntries(2, 2, 1, 1));
  const auto after = Append(MakeEntries(2, 2, 1, 1));
  disk_.RunOnce();
  shard_.RunOnce();
  EXPECT_EQ(failed->value().error().code, ErrorCode::kIoError);
  EXPECT_EQ(after->value().error().code, ErrorCode::kIoError);
}

TEST_F(MemLogStoreFaults, ARottenEntryIsNotServedAndWritesWaitForTheReload) {
  Append(MakeEntries(1, 9, 1, 0));
  disk_.RunOnce();
  store_.Rot(kGroup, 5);
  EXPECT_EQ(Read({1, 9})->size(), 4U);
  EXPECT_EQ(Read({5, 9}).error().code, ErrorCode::kDataCorrupt);
  const auto refused = Append(MakeEntries(10, 10, 1, 9));
  disk_.RunOnce();
  shard_.RunOnce();
  EXPECT_EQ(refused->value().error().code, ErrorCode::kDataCorrupt);

  std::optional<Result<GroupState>> state;
  store_.Reload(kGroup, shard_, [&](auto found) { state = std::move(found); });
  disk_.RunOnce();
  shard_.RunOnce();
  EXPECT_TRUE((*state)->damaged);
  EXPECT_FALSE((*state)->forgot_votes) << "its term and vote are as sound as ever";
  EXPECT_EQ((*state)->last.index, 4U);
  const auto refilled = Append(MakeEntries(5, 9, 1, 4));
  disk_.RunOnce();
  shard_.RunOnce();
  EXPECT_TRUE(refilled->value().ok());
}

TEST_F(MemLogStoreFaults, AGroupMadeAfterALossIsDamaged) {
  store_.LoseEverything();
  EXPECT_TRUE(store_.may_have_lost_groups());
  Append(MakeEntries(1, 1, 1, 0));
  disk_.RunOnce();
  EXPECT_TRUE(store_.Load().value().front().damaged);
}

/// As the store on disk refuses it (rocks_log_store_test.cc).
TEST_F(MemLogStoreFaults, TrimBeyondTheCheckpointIsAProgrammersError) {
  const auto trim_below = [&](raft::Index index) {
    GroupWrite write{kGroup};
    write.entries = MakeEntries(1, 9, 1, 0);
    write.checkpoint = CheckpointAt({4, 1}, 4);
    write.trim_below = index;
    std::optional<Status> answer;
    store_.Persist(std::move(write), shard_, [&](Status status) { answer = std::move(status); });
    disk_.RunOnce();
    shard_.RunOnce();
    return answer.value();
  };
  EXPECT_DEATH((void)trim_below(6), "CHECK failed");
  EXPECT_TRUE(trim_below(5).ok());
}

}  // namespace
}  // namespace jangada::storage
