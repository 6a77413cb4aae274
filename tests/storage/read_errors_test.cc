// A disk that does not answer a read, once or for a while: nothing may be taken for damaged, cut or
// forgotten because of it. Whoever asked gets an I/O error, a start that meets one fails, and after
// it has passed everything is there.
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <filesystem>
#include <memory>

#include "storage/rocks_rows.h"
#include "tests/storage/rocks_store_fixture.h"

namespace jangada::storage {
namespace {

namespace fs = std::filesystem;

constexpr GroupId kGroup{7};
constexpr raft::Term kTerm = 3;
constexpr raft::Index kLast = 40;

/// Counts the reads and lets those of a range fail.
class FailingReads {
 public:
  void Fail(int64_t first, int64_t count) {
    reads_ = 0;
    first_ = first;
    end_ = first + count;
  }
  void Heal() { Fail(0, 0); }
  int64_t reads() const { return reads_; }
  bool met() const { return reads_ > first_ && first_ < end_; }

  rocksdb::IOStatus Next() {
    const int64_t read = reads_++;
    if (read < first_ || read >= end_) return rocksdb::IOStatus::OK();
    return rocksdb::IOStatus::IOError("Input/output error");
  }

 private:
  std::atomic<int64_t> reads_ = 0;
  std::atomic<int64_t> first_ = 0;
  std::atomic<int64_t> end_ = 0;
};

class Random final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  Random(std::unique_ptr<rocksdb::FSRandomAccessFile> file, FailingReads& fault)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), fault_(fault) {}

  rocksdb::IOStatus Read(uint64_t offset, size_t n, const rocksdb::IOOptions& options,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* debug) const override {
    const rocksdb::IOStatus status = fault_.Next();
    return status.ok() ? target()->Read(offset, n, options, result, scratch, debug) : status;
  }
  rocksdb::IOStatus Prefetch(uint64_t, size_t, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported();  // so that every byte comes through Read
  }

 private:
  FailingReads& fault_;
};

class Sequential final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  Sequential(std::unique_ptr<rocksdb::FSSequentialFile> file, FailingReads& fault)
      : FSSequentialFileOwnerWrapper(std::move(file)), fault_(fault) {}

  rocksdb::IOStatus Read(size_t n, const rocksdb::IOOptions& options, rocksdb::Slice* result,
                         char* scratch, rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = fault_.Next();
    return status.ok() ? target()->Read(n, options, result, scratch, debug) : status;
  }

 private:
  FailingReads& fault_;
};

class FaultyFiles final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFiles(FailingReads& fault)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), fault_(fault) {}

  const char* Name() const override { return "FaultyFiles"; }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> real;
    const rocksdb::IOStatus status = target()->NewRandomAccessFile(name, options, &real, debug);
    if (status.ok()) *file = std::make_unique<Random>(std::move(real), fault_);
    return status;
  }
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSSequentialFile> real;
    const rocksdb::IOStatus status = target()->NewSequentialFile(name, options, &real, debug);
    if (status.ok()) *file = std::make_unique<Sequential>(std::move(real), fault_);
    return status;
  }

 private:
  FailingReads& fault_;
};

/// A store on such a disk, opened if it lets itself be opened.
class Opened {
 public:
  explicit Opened(const RocksOptions& options)
      : writer_("writer"), shard_("shard"), store_(RocksLogStore::Open(options, writer_)) {}
  ~Opened() {
    writer_.Stop();
    if (store_.ok()) store_->reset();
  }

  /// What everyone does with a store: reads all that it holds, then replaces its newest entries.
  /// The first error, if any.
  Status Use(const std::vector<raft::Entry>& entries) {
    if (!store_.ok()) return store_.error();
    Caller call(**store_, shard_);
    TRY((*store_)->Load());
    for (raft::Index index = 1; index <= kLast; index += 3) {
      TRY(call.Read(kGroup, {index, index}));
      TRY(call.ReadOffset(kGroup, static_cast<int64_t>(index) - 1, kLast));
    }
    return call.Append(kGroup, {entries.begin() + kLast - 5, entries.end()});
  }
  Caller call() { return Caller(**store_, shard_); }
  const Result<std::unique_ptr<RocksLogStore>>& store() const { return store_; }

 private:
  ThreadExecutor writer_;
  ThreadExecutor shard_;
  Result<std::unique_ptr<RocksLogStore>> store_;
};

/// A log in blob files and tables, with a tail that is only in the write-ahead log.
class ReadErrors : public ::testing::Test {
 protected:
  ReadErrors()
      : files_(rocksdb::NewCompositeEnv(std::make_shared<FaultyFiles>(fault_))),
        entries_(MakeEntries(1, kLast, kTerm, 0, 1, 8000)) {
    for (int life = 0; life < 2; ++life) {
      RunningStore running(SmallOptions(master_.path()));
      const size_t half = entries_.size() / 2;
      const auto from = entries_.begin() + static_cast<std::ptrdiff_t>(life * half);
      EXPECT_TRUE(running.call().Append(kGroup, {from, from + half}).ok());
      GroupWrite vote{kGroup};
      vote.hard_state = raft::HardState{kTerm, NodeId(1)};
      EXPECT_TRUE(running.call().Persist(std::move(vote)).ok());
    }
  }

  RocksOptions OptionsIn(const fs::path& folder) {
    RocksOptions options = SmallOptions(folder);
    options.env = files_.get();
    return options;
  }

  /// One use on a copy whose reads `first`.. fail for `count` reads, then one without faults.
  void Try(int64_t first, int64_t count) {
    SCOPED_TRACE("reads " + std::to_string(first) + " to " + std::to_string(first + count - 1));
    TempFolder copy;
    fs::copy(master_.path(), copy.path(), fs::copy_options::recursive);
    fault_.Fail(first, count);
    {
      Opened store(OptionsIn(copy.path()));
      const Status used = store.Use(entries_);
      EXPECT_TRUE(used.ok() || used.error().code == ErrorCode::kIoError) << used.error().message;
      met_ = fault_.met();
      fault_.Heal();
    }
    Opened store(OptionsIn(copy.path()));
    ASSERT_TRUE(store.store().ok()) << store.store().error().message;
    EXPECT_FALSE((*store.store())->may_have_lost_groups());
    const auto states = (*store.store())->Load();
    ASSERT_EQ(states->size(), 1U);
    EXPECT_FALSE(states->front().damaged);
    EXPECT_EQ(states->front().hard_state, (raft::HardState{kTerm, NodeId(1)}));
    const auto all = store.call().Read(kGroup, {1, kLast});
    ASSERT_TRUE(all.ok()) << all.error().message;
    EXPECT_EQ(*all, entries_);
  }

  TempFolder master_;
  FailingReads fault_;
  std::unique_ptr<rocksdb::Env> files_;
  std::vector<raft::Entry> entries_;
  bool met_ = true;
};

TEST_F(ReadErrors, NothingIsLostByOneReadThatFails) {
  int64_t tried = 0;
  for (; met_; ++tried) Try(tried, 1);
  EXPECT_GT(tried, 30) << "too few reads went to the disk: the test tests little";
}

TEST_F(ReadErrors, NothingIsLostByADiskThatNoLongerAnswers) {
  int64_t first = 0;
  for (; met_; first += 3) Try(first, 1'000'000);
  EXPECT_GT(first, 30);
}

TEST_F(ReadErrors, WhereAnEntryIsDamagedNoMoreIsCutBecauseOfThem) {
  constexpr raft::Index kBad = 12;
  FlipInEntry(master_.path(), entries_[kBad - 1]);
  for (int64_t first = 0; met_; first += 2) {
    SCOPED_TRACE("from read " + std::to_string(first));
    TempFolder copy;
    fs::copy(master_.path(), copy.path(), fs::copy_options::recursive);
    fault_.Fail(first, 3);
    {
      Opened store(OptionsIn(copy.path()));
      EXPECT_FALSE(store.Use(entries_).ok());
      met_ = fault_.met();
      fault_.Heal();
    }
    Opened store(OptionsIn(copy.path()));
    ASSERT_TRUE(store.store().ok()) << store.store().error().message;
    const auto sound = store.call().Read(kGroup, {1, kBad - 1});
    ASSERT_TRUE(sound.ok()) << sound.error().message;
    EXPECT_TRUE(
        std::equal(sound->begin(), sound->end(), entries_.begin(), entries_.begin() + kBad - 1));
    const auto bad = store.call().Read(kGroup, {kBad, kLast});
    EXPECT_FALSE(bad.ok());
    EXPECT_TRUE(store.call().Reload(kGroup)->damaged);
  }
}

}  // namespace
}  // namespace jangada::storage
