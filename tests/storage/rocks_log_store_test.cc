// What is true of the real store alone: which CRC it runs, how fast it opens, that the room of
// trimmed entries returns, and that reads which race with trims are answered honestly.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/storage/manual_executor.h"
#include "tests/storage/rocks_store_fixture.h"

// storage/rocks_crc32c.cc, by the name that librocksdb calls.
namespace rocksdb::crc32c {
uint32_t Extend(uint32_t init_crc, const char* data, size_t n);
}

namespace jangada::storage {
namespace {

constexpr GroupId kGroup{7};

TEST(RocksLogStore, TheDynamicLinkerGivesLibrocksdbOurCrc) {
  // What any shared library that asks for the name gets.
  void* const resolved = ::dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
  ASSERT_NE(resolved, nullptr);
  Dl_info ours;
  Dl_info rocks;
  ASSERT_NE(::dladdr(resolved, &ours), 0);
  void* const some_function = ::dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c13Crc32cCombineEjjm");
  ASSERT_NE(some_function, nullptr);
  ASSERT_NE(::dladdr(some_function, &rocks), 0);
  EXPECT_NE(ours.dli_fbase, rocks.dli_fbase) << "it is librocksdb's own, which runs from tables";
  EXPECT_EQ(rocksdb::crc32c::Extend(0, "123456789", 9), 0xe3069283U);
}

TEST(RocksLogStore, AThousandGroupsLoadAtOnce) {
  constexpr uint64_t kGroups = 1000;
  TempFolder folder;
  RocksOptions options;
  options.path = folder.path() / "store";
  {
    RunningStore running(options);
    ThreadExecutor shard("shard");
    std::promise<void> all;
    std::atomic<uint64_t> left = kGroups;
    for (uint64_t g = 1; g <= kGroups; ++g) {
      GroupWrite write{GroupId(g)};
      write.hard_state = raft::HardState{1, NodeId(1)};
      write.entries = MakeEntries(1, 12, 1, 0, 1, 8000);
      write.checkpoint = CheckpointAt({6, 1}, 6);
      running.store().Persist(std::move(write), shard, [&](Status status) {
        CHECK(status.ok());
        if (--left == 0) all.set_value();
      });
    }
    all.get_future().wait();
  }
  const auto start = std::chrono::steady_clock::now();
  RunningStore running(options);
  const auto states = running.store().Load().value();
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_EQ(states.size(), kGroups);
  for (const GroupState& state : states) EXPECT_EQ(state.last.index, 12U);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  RecordProperty("open_ms", static_cast<int>(ms));
  std::printf("opened %llu groups in %lld ms\n", static_cast<unsigned long long>(kGroups),
              static_cast<long long>(ms));
  EXPECT_LT(ms, 10'000) << "a tenth of this on a quiet machine";
}

int64_t BytesUnder(const std::filesystem::path& folder) {
  int64_t bytes = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    std::error_code gone;
    const auto size = file.is_regular_file(gone) ? file.file_size(gone) : 0;
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

/// A store whose syncs a test runs one by one; groups 1 to 9 have their first entry.
class RocksLogStoreOrder : public testing::Test {
 protected:
  RocksLogStoreOrder() {
    RocksOptions options;
    options.path = folder_.path() / "store";
    store_ = RocksLogStore::Open(options, writer_).value();
    for (uint64_t group = 1; group <= 9; ++group) Append(group, 1, 10);
    RunAll();
    answered_.clear();
  }

  void Append(uint64_t group, raft::Index index, size_t bytes) {
    GroupWrite write{GroupId(group)};
    write.entries = MakeEntries(index, index, 1, static_cast<int64_t>(index) - 1, 1, bytes);
    store_->Persist(std::move(write), shard_, [this, group, index](const Status& status) {
      EXPECT_TRUE(status.ok());
      answered_.push_back(std::to_string(group) + ":" + std::to_string(index));
    });
  }
  /// What one round of the writer answers.
  std::vector<std::string> RunRound() {
    writer_.RunOnce();
    shard_.RunOnce();
    return std::exchange(answered_, {});
  }
  std::vector<std::string> RunAll() {
    while (writer_.RunOnce() + shard_.RunOnce() > 0) continue;
    return std::exchange(answered_, {});
  }

  using Answers = std::vector<std::string>;
  TempFolder folder_;
  ManualExecutor writer_, shard_;
  std::unique_ptr<RocksLogStore> store_;
  Answers answered_;
};

TEST_F(RocksLogStoreOrder, SmallWritesWaitForNoLargeOnesOfOtherGroups) {
  Append(1, 2, 6 << 20);
  Append(2, 2, 5 << 20);
  Append(1, 3, 10);  // small, but behind a large one of its own group
  Append(3, 2, 10);
  EXPECT_EQ(RunAll(), (Answers{"3:2", "2:2", "1:2", "1:3"}));
}

TEST_F(RocksLogStoreOrder, ASmallWriteWaitsForOneSyncHoweverMuchCameBeforeIt) {
  for (uint64_t group = 1; group <= 4; ++group) Append(group, 2, 3 << 19);
  EXPECT_EQ(RunRound(), (Answers{"1:2"}));
  Append(6, 2, 10);
  Append(7, 2, 10);
  EXPECT_EQ(RunRound(), (Answers{"6:2", "7:2"}));
  EXPECT_EQ(RunAll(), (Answers{"2:2", "3:2", "4:2"}));
}

TEST_F(RocksLogStoreOrder, ALargeWriteIsNotPassedOverForEver) {
  Append(1, 2, 5 << 20);
  Append(1, 3, 10);
  int passed_over = 0;
  raft::Index next = 2;
  for (Answers round; round.empty() || round.front() != "1:2"; ++passed_over, ++next) {
    ASSERT_LT(passed_over, 10);
    Append(2, next, 10);  // there is always something smaller
    round = RunRound();
  }
  EXPECT_GT(passed_over, 1);
  EXPECT_EQ(RunRound().front(), "1:3");
}

TEST_F(RocksLogStoreOrder, AFullSyncTakesNothingOfAGroupWhoseEarlierWriteMustWait) {
  Append(1, 2, 3 << 19);
  Append(2, 2, 3 << 19);
  Append(2, 3, 10);
  EXPECT_EQ(RunRound(), (Answers{"1:2"}));
  EXPECT_EQ(RunRound(), (Answers{"2:2", "2:3"}));
}

TEST(RocksLogStore, TheRoomOfATrimmedLogReturnsThoughNothingIsWrittenAnyMore) {
  TempFolder folder;
  RocksOptions options;
  options.path = folder.path() / "store";
  options.write_buffer_bytes = 4 << 20;
  RunningStore running(options);
  constexpr raft::Index kLast = 288;  // of a MiB each
  for (raft::Index i = 1; i <= kLast; ++i) {
    ASSERT_TRUE(running.call()
                    .Append(kGroup, MakeEntries(i, i, 1, static_cast<int64_t>(i) - 1, 1, 1 << 20))
                    .ok());
  }
  EXPECT_GT(BytesUnder(folder.path()), 250 << 20);
  GroupWrite write{kGroup};
  write.checkpoint = CheckpointAt({kLast, 1}, kLast);
  write.trim_below = kLast - 10;
  ASSERT_TRUE(running.call().Persist(std::move(write)).ok());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (BytesUnder(folder.path()) > 64 << 20 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_LE(BytesUnder(folder.path()), 64 << 20);
  EXPECT_EQ(running.call().Read(kGroup, {kLast - 10, kLast})->size(), 11U);
}

TEST(RocksLogStore, ReadsThatRaceWithTrimsAndTruncationsNeverCryDamage) {
  TempFolder folder;
  RunningStore running(SmallOptions(folder.path()));
  std::atomic<bool> stop = false;
  std::atomic<raft::Index> last = 0;
  std::thread reader([&] {
    Random random(5);
    while (!stop) {
      const raft::Index end = last;
      if (end == 0) continue;
      const auto read = running.call().Read(kGroup, {random.Between(1, end), end});
      if (!read.ok()) {
        EXPECT_EQ(read.error().code, ErrorCode::kNotFound) << read.error();
      }
    }
  });
  for (raft::Index i = 1; i <= 600; ++i) {
    GroupWrite write{kGroup};
    // Every tenth write takes the last two entries back and writes them anew in the next term.
    const raft::Index first = i % 10 == 0 ? i - 2 : i;
    const raft::Term term = 1 + i / 10;
    write.entries = MakeEntries(first, i, term, static_cast<int64_t>(first) - 1, 1, 2000);
    if (i % 25 == 0) {
      write.checkpoint =
          CheckpointAt({i - 1, i % 10 == 0 ? term : 1 + (i - 1) / 10}, static_cast<int64_t>(i) - 1);
      write.trim_below = i - 20;
    }
    ASSERT_TRUE(running.call().Persist(std::move(write)).ok());
    last = i;
  }
  stop = true;
  reader.join();
  EXPECT_FALSE(running.call().Reload(kGroup)->damaged);
}

}  // namespace
}  // namespace jangada::storage
