// The parts of a replica that can be looked at alone: fates of proposals, read barriers, the state
// in a checkpoint, trims, the queue of writes, and what is let in from other nodes.
#include <gtest/gtest.h>

#include <optional>

#include "server/partition/fetch_waiters.h"
#include "server/partition/folded_state.h"
#include "server/partition/log_reader.h"
#include "server/partition/message_check.h"
#include "server/partition/pending_proposals.h"
#include "server/partition/read_barriers.h"
#include "server/partition/trim.h"
#include "server/partition/write_queue.h"
#include "storage/entry_cache.h"
#include "storage/mem_log_store.h"
#include "tests/server/partition/virtual_world.h"

namespace jangada::server {
namespace {

using testing::VirtualExecutor;
using testing::VirtualWorld;

// ---- proposals ----

class PendingProposalsTest : public ::testing::Test {
 protected:
  std::optional<Result<Proposed>>& Propose(raft::Index index, raft::Term term,
                                           int64_t deadline_us = 100) {
    fates_.push_back(std::make_unique<std::optional<Result<Proposed>>>());
    auto* fate = fates_.back().get();
    pending_.Add({{index, term}, static_cast<int64_t>(index) * 10}, deadline_us,
                 [fate](Result<Proposed> result) { *fate = std::move(result); });
    return *fate;
  }
  PendingProposals pending_;
  std::vector<std::unique_ptr<std::optional<Result<Proposed>>>> fates_;
};

TEST_F(PendingProposalsTest, SameTermAtItsIndexIsSuccess) {
  auto& fate = Propose(5, 2);
  pending_.OnApplied({4, 2});
  EXPECT_FALSE(fate.has_value());
  pending_.OnApplied({5, 2});
  ASSERT_TRUE(fate.has_value());
  EXPECT_EQ((*fate)->base_offset, 50);
}

TEST_F(PendingProposalsTest, AnotherTermAtItsIndexIsSurelyNotInTheLog) {
  auto& fate = Propose(5, 2);
  pending_.OnApplied({5, 3});
  ASSERT_TRUE(fate.has_value());
  EXPECT_EQ(fate->error().code, ErrorCode::kNotLeader);
}

TEST_F(PendingProposalsTest, LaterTermBelowItsIndexIsSurelyNotInTheLogEither) {
  auto& fate = Propose(5, 2);
  pending_.OnApplied({4, 3});
  ASSERT_TRUE(fate.has_value());
  EXPECT_EQ(fate->error().code, ErrorCode::kNotLeader);
}

TEST_F(PendingProposalsTest, EarlierTermBelowItsIndexDecidesNothing) {
  auto& fate = Propose(5, 2);
  pending_.OnApplied({4, 1});
  EXPECT_FALSE(fate.has_value());
}

TEST_F(PendingProposalsTest, ProposalsOfTwoTermsGetTheirOwnFates) {
  auto& lost = Propose(5, 2);
  auto& won = Propose(5, 4);
  pending_.OnApplied({4, 4});
  EXPECT_EQ(lost->error().code, ErrorCode::kNotLeader);
  EXPECT_FALSE(won.has_value());
  pending_.OnApplied({5, 4});
  EXPECT_TRUE(won.has_value() && won->ok());
}

TEST_F(PendingProposalsTest, OverdueProposalsFateIsUnknown) {
  auto& first = Propose(5, 2, 100);
  auto& second = Propose(6, 2, 200);
  EXPECT_EQ(pending_.next_deadline_us(), 100);
  pending_.OnTime(150);
  EXPECT_EQ(first->error().code, ErrorCode::kTimeout);
  EXPECT_FALSE(second.has_value());
}

TEST_F(PendingProposalsTest, CheckpointThatReplacesTheLogLeavesTheFateUnknown) {
  auto& inside = Propose(5, 2);
  auto& beyond = Propose(9, 2);
  pending_.OnInstalled(7);
  EXPECT_EQ(inside->error().code, ErrorCode::kTimeout);
  EXPECT_FALSE(beyond.has_value());
}

// ---- read barriers ----

TEST(ReadBarriersTest, ReadsWaitForTheGrantedIndexToBeApplied) {
  ReadBarriers reads;
  int done = 0;
  for (int i = 0; i < 3; ++i)
    reads.Add([&](const Status& status) { done += status.ok() ? 1 : 100; });
  ASSERT_TRUE(reads.HasUnasked());
  reads.Asked(7);
  EXPECT_FALSE(reads.HasUnasked());
  reads.OnGrant({.read_id = 6, .granted = true, .index = 1}, 10);  // another round
  EXPECT_EQ(done, 0);
  reads.OnGrant({.read_id = 7, .granted = true, .index = 12}, 10);
  reads.OnApplied(11);
  EXPECT_EQ(done, 0);
  reads.OnApplied(12);
  EXPECT_EQ(done, 3);
}

TEST(ReadBarriersTest, RefusedGrantReadsNothing) {
  ReadBarriers reads;
  std::optional<Status> answer;
  reads.Add([&](const Status& status) { answer = status; });
  reads.Asked(1);
  reads.OnGrant({.read_id = 1, .granted = false, .index = 0}, 10);
  EXPECT_EQ(answer->error().code, ErrorCode::kNotLeader);
}

TEST(ReadBarriersTest, FailAllEndsEveryReadOnce) {
  ReadBarriers reads;
  int failed = 0;
  const auto count = [&](const Status& status) { failed += status.ok() ? 100 : 1; };
  reads.Add(count);
  reads.Asked(1);
  reads.Add(count);
  reads.Asked(2);
  reads.OnGrant({.read_id = 2, .granted = true, .index = 50}, 10);
  reads.Add(count);
  reads.FailAll({ErrorCode::kShuttingDown, "bye"});
  EXPECT_EQ(failed, 3);
}

// ---- the state in a checkpoint ----

FoldedState SomeState() {
  FoldedState folded;
  folded.base.meta.last = {10, 2};
  folded.base.meta.membership = {
      3, {.voters = {NodeId(1), NodeId(2)}, .outgoing = {}, .learners = {}}};
  folded.base.next_offset = 100;
  folded.applied = {50, 4};
  folded.next_offset = 140;
  folded.machine = Bytes(std::string("machine"));
  return folded;
}

TEST(FoldedStateTest, EncodedStateComesBackWhole) {
  EXPECT_EQ(DecodeFoldedState(EncodeFoldedState(SomeState())).value(), SomeState());
}

TEST(FoldedStateTest, ForeignBytesAreRefused) {
  const Bytes bytes = EncodeFoldedState(SomeState());
  const size_t machine_size = SomeState().machine.size();
  for (size_t length = 0; length < bytes.size() - machine_size; ++length) {
    EXPECT_FALSE(DecodeFoldedState(bytes.Slice(0, length)).ok()) << length;
  }
  EXPECT_EQ(DecodeFoldedState(Bytes(std::string("\x09zzz"))).error().code,
            ErrorCode::kUnsupportedVersion);
  FoldedState backwards = SomeState();
  backwards.applied.index = 9;  // before the log begins
  EXPECT_FALSE(DecodeFoldedState(EncodeFoldedState(backwards)).ok());
}

// ---- trims ----

const std::vector<storage::SparseRow> kRows = {
    {.base_offset = 0, .index = 2, .max_timestamp_ms = 1, .bytes_before = 0},
    {.base_offset = 40, .index = 12, .max_timestamp_ms = 2, .bytes_before = 100},
    {.base_offset = 80, .index = 22, .max_timestamp_ms = 3, .bytes_before = 200}};

TEST(TrimTest, TrimsToTheRowThatHoldsTheLogStart) {
  EXPECT_EQ(ChooseTrim(kRows, {1, 100, 79, 120}), (TrimPoint{12, 40}));
  EXPECT_EQ(ChooseTrim(kRows, {1, 100, 80, 120}), (TrimPoint{22, 80}));
}

TEST(TrimTest, NeverTrimsWhatIsNotFolded) {
  EXPECT_EQ(ChooseTrim(kRows, {1, 15, 90, 120}), (TrimPoint{12, 40}));
  EXPECT_EQ(ChooseTrim(kRows, {1, 21, 90, 120}), (TrimPoint{22, 80}));  // keeps the entry after it
  EXPECT_EQ(ChooseTrim(kRows, {1, 5, 90, 120}), (TrimPoint{2, 0}));
}

TEST(TrimTest, NothingToTrimIsNoTrim) {
  EXPECT_EQ(ChooseTrim(kRows, {2, 100, 39, 120}), std::nullopt);
  EXPECT_EQ(ChooseTrim(kRows, {22, 100, 99, 120}), std::nullopt);
  EXPECT_EQ(ChooseTrim({}, {1, 100, 5, 120}), std::nullopt);
}

TEST(TrimTest, WhenEveryRecordIsGoneAllFoldedEntriesGo) {
  EXPECT_EQ(ChooseTrim(kRows, {1, 30, 120, 120}), (TrimPoint{31, 120}));
}

TEST(TrimTest, LogOfCommandsKeepsItsLastOnes) {
  EXPECT_EQ(ChooseTrim({}, {1, kKeptCommands, 0, 0}), std::nullopt);
  EXPECT_EQ(ChooseTrim({}, {1, kKeptCommands + 50, 0, 0}), (TrimPoint{51, 0}));
}

// ---- writes ----

class WriteQueueTest : public ::testing::Test {
 protected:
  static raft::Entry EntryAt(raft::Index index, raft::Term term) {
    return {index, term, raft::EntryType::kNoop, 0, 0, {}};
  }
  static raft::Entry RecordsAt(raft::Index index) {
    return {index, 1, raft::EntryType::kRecords, 0, 1, Bytes(std::string("some"))};
  }
  void Push(std::vector<raft::Entry> entries, int tag) {
    storage::GroupWrite write;
    write.entries = std::move(entries);
    queue_.Push(std::move(write), [this, tag] { done_.push_back(tag); });
  }
  raft::Position LastOnDisk() {
    const auto groups = store_.Load().value();
    return groups.empty() ? raft::Position{} : groups[0].last;
  }

  VirtualWorld world_;
  VirtualExecutor executor_{world_};
  VirtualExecutor disk_{world_, 1000};
  storage::MemLogStore store_{disk_};
  std::vector<Error> errors_;
  WriteQueue queue_{GroupId(1), executor_, store_,
                    [this](const Error& error) { errors_.push_back(error); }};
  std::vector<int> done_;
};

TEST_F(WriteQueueTest, WritesEndInOrderAndTruncationsAmongThemHold) {
  Push({EntryAt(1, 1), EntryAt(2, 1)}, 1);
  Push({EntryAt(3, 1), EntryAt(4, 1)}, 2);
  Push({EntryAt(3, 2)}, 3);  // truncates what the one before brought
  Push({EntryAt(4, 2)}, 4);
  world_.RunFor(10'000);
  EXPECT_EQ(done_, (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(LastOnDisk(), (raft::Position{4, 2}));
  EXPECT_TRUE(queue_.idle());
}

TEST_F(WriteQueueTest, WriteOfMoreThanEntriesWaitsItsTurn) {
  Push({EntryAt(1, 1)}, 1);
  Push({EntryAt(2, 1)}, 2);  // waits, so what follows could join it
  storage::GroupWrite fold;
  fold.checkpoint.emplace();
  fold.checkpoint->meta.last = {2, 1};
  queue_.Push(std::move(fold), [this] { done_.push_back(3); });
  Push({EntryAt(3, 1)}, 4);
  world_.RunFor(10'000);
  EXPECT_EQ(done_, (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(LastOnDisk(), (raft::Position{3, 1}));
  ASSERT_TRUE(store_.Load()->at(0).checkpoint.has_value());
  EXPECT_EQ(store_.Load()->at(0).checkpoint->meta.last, (raft::Position{2, 1}));
}

TEST_F(WriteQueueTest, NothingIsWrittenBehindRecordsForWhichThereIsNoRoomButAnErasure) {
  store_.SetFull(true);
  Push({RecordsAt(1)}, 1);
  Push({EntryAt(2, 1)}, 2);
  world_.RunFor(5'000'000);
  EXPECT_TRUE(done_.empty());
  EXPECT_TRUE(queue_.failed());
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_EQ(errors_[0].code, ErrorCode::kDiskFull);

  queue_.Reset();
  Push({RecordsAt(1)}, 3);
  storage::GroupWrite erasure;
  erasure.erase = true;
  queue_.Push(std::move(erasure), [this] { done_.push_back(4); });
  world_.RunFor(5'000'000);
  EXPECT_EQ(done_, (std::vector{4}));
  EXPECT_EQ(errors_.size(), 1u);
}

TEST_F(WriteQueueTest, CallbackThatOwnsTheQueueIsForgottenOnceTheQueueIsDoneWithIt) {
  const auto on_error = [](const Error&) {};
  auto queue = std::make_shared<WriteQueue>(GroupId(2), executor_, store_, on_error);
  WriteQueue& the_queue = *queue;
  const std::weak_ptr<WriteQueue> alive = queue;
  storage::GroupWrite erasure;
  erasure.erase = true;
  the_queue.Push(std::move(erasure), [owner = std::move(queue)] {});
  the_queue.Reset();
  EXPECT_FALSE(alive.expired());
  EXPECT_TRUE(the_queue.idle());
  world_.RunFor(10'000);
  EXPECT_TRUE(alive.expired());
}

TEST_F(WriteQueueTest, FullDiskTakesWhatAGroupLivesBy) {
  store_.SetFull(true);
  Push({EntryAt(1, 1)}, 1);
  world_.RunFor(5'000'000);
  EXPECT_EQ(done_, (std::vector{1}));
}

TEST_F(WriteQueueTest, AnyOtherErrorIsFinal) {
  store_.FailNextSync({ErrorCode::kIoError, "sync failed"});
  Push({EntryAt(1, 1)}, 1);
  Push({EntryAt(2, 1)}, 2);
  world_.RunFor(5'000'000);
  EXPECT_TRUE(done_.empty());
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_EQ(errors_[0].code, ErrorCode::kIoError);
}

TEST_F(WriteQueueTest, ResetForgetsWhatWasNotAnswered) {
  Push({EntryAt(1, 1)}, 1);
  queue_.Reset();
  Push({EntryAt(1, 2)}, 2);
  world_.RunFor(10'000);
  EXPECT_EQ(done_, (std::vector{2}));
}

// ---- where entries are read ----

TEST_F(WriteQueueTest, EntriesThatAreBeingReplacedAreNeverReadFromTheStore) {
  const auto record = [](raft::Index index, raft::Term term, const std::string& value) {
    return raft::Entry{
        index, term, raft::EntryType::kRecords, static_cast<int64_t>(index) - 1, 1, Bytes(value)};
  };
  Push({record(1, 1, "a"), record(2, 1, "b"), record(3, 1, "old")}, 1);
  world_.RunFor(10'000);
  storage::EntryCache cache(1);  // holds nothing
  LogReader reader(GroupId(1), executor_, store_, cache);
  const raft::Entry replacement = record(3, 2, "new");
  reader.OnWriting({replacement}, 7);  // not synced, so the store holds the old one still

  std::vector<raft::Entry> by_index;
  std::vector<raft::Entry> by_offset;
  reader.FromStore({1, 3}, 1 << 20, [&](auto read) { by_index = std::move(read).value(); });
  reader.OffsetFromStore(0, 3, 1 << 20, [&](auto read) { by_offset = std::move(read).value(); });
  world_.RunFor(10'000);
  EXPECT_EQ(by_index, (std::vector{record(1, 1, "a"), record(2, 1, "b")}));
  EXPECT_EQ(by_offset, by_index);
  EXPECT_EQ(reader.InMemory({3, 3}, 1 << 20), std::vector{replacement});
  EXPECT_EQ(reader.OffsetInMemory(2, 3, 1 << 20), std::vector{replacement});
  reader.OnSynced(7);
  EXPECT_TRUE(reader.InMemory({3, 3}, 1 << 20).empty());
}

// ---- waiting fetches ----

class FetchWaitersTest : public ::testing::Test {
 protected:
  void Wait(size_t bytes, int64_t wait_us, int tag,
            std::shared_ptr<const Abandonment> abandoned = nullptr) {
    waiters_.Add(bytes, world_.now_us() + wait_us, std::move(abandoned),
                 [this, tag](FetchWaiters::Wake reason) {
                   woken_.push_back({tag, reason});
                 });
  }
  using Woken = std::vector<std::pair<int, FetchWaiters::Wake>>;
  VirtualWorld world_;
  VirtualExecutor executor_{world_};
  FetchWaiters waiters_{executor_, 3};
  Woken woken_;
};

TEST_F(FetchWaitersTest, EachWakesWhenItsBytesCame) {
  Wait(100, 1000, 1);
  Wait(50, 1000, 2);
  waiters_.OnCommitted(60);
  EXPECT_EQ(woken_, (Woken{{2, FetchWaiters::Wake::kRecords}}));
  waiters_.OnCommitted(40);
  EXPECT_EQ(woken_.size(), 2u);
  EXPECT_TRUE(waiters_.empty());
}

TEST_F(FetchWaitersTest, EachWakesWhenItsTimeIsUp) {
  Wait(100, 2000, 1);
  Wait(100, 1000, 2);
  world_.RunFor(1500);
  EXPECT_EQ(woken_, (Woken{{2, FetchWaiters::Wake::kTimeUp}}));
  world_.RunFor(1000);
  EXPECT_EQ(woken_.back(), (std::pair{1, FetchWaiters::Wake::kTimeUp}));
}

TEST_F(FetchWaitersTest, WakeAllEndsThemAllAndTheBoundIsKept) {
  for (int i = 0; i < 3; ++i) Wait(100, 1000, i);
  EXPECT_TRUE(waiters_.full());
  waiters_.WakeAll(FetchWaiters::Wake::kNotServing);
  EXPECT_EQ(woken_.size(), 3u);
  EXPECT_TRUE(waiters_.empty());
  world_.RunFor(5000);
  EXPECT_EQ(woken_.size(), 3u);
}

TEST_F(FetchWaitersTest, ThoseThatWereGivenUpMakeRoomForOthers) {
  const auto abandoned = std::make_shared<Abandonment>();
  Wait(100, 1000, 1, abandoned);
  Wait(100, 1000, 2);
  Wait(100, 1000, 3, std::make_shared<Abandonment>(abandoned));
  EXPECT_TRUE(waiters_.full());
  abandoned->Set();
  EXPECT_FALSE(waiters_.full());
  EXPECT_EQ(woken_.size(), 2u);
  waiters_.OnCommitted(100);
  EXPECT_EQ(woken_.back(), (std::pair{2, FetchWaiters::Wake::kRecords}));
}

// ---- messages of other nodes ----

raft::Message AppendOf(std::vector<raft::Entry> entries) {
  return {NodeId(1), NodeId(2), 5, raft::AppendRequest{{9, 4}, std::move(entries), 0}};
}

TEST(MessageCheckTest, WellFormedAppendPasses) {
  const Bytes membership = raft::EncodeMembership({{NodeId(1)}, {}, {}});
  EXPECT_TRUE(CheckMessage(AppendOf({})).ok());
  EXPECT_TRUE(
      CheckMessage(AppendOf({{10, 5, raft::EntryType::kNoop, 7, 0, {}},
                             {11, 5, raft::EntryType::kRecords, 7, 3, Bytes(std::string("x"))},
                             {12, 5, raft::EntryType::kMembership, 10, 0, membership}}))
          .ok());
}

TEST(MessageCheckTest, BrokenAppendsAreRefused) {
  const std::vector<std::vector<raft::Entry>> broken = {
      {{11, 5, raft::EntryType::kNoop, 7, 0, {}}},                        // a hole
      {{10, 3, raft::EntryType::kNoop, 7, 0, {}}},                        // term goes back
      {{10, 5, raft::EntryType::kNoop, raft::kUnassignedOffset, 0, {}}},  // no offset
      {{10, 5, raft::EntryType::kRecords, 7, 0, {}}},                     // no records
      {{10, 5, raft::EntryType::kRecords, 7, -1, {}}},                    // negative
      {{10, 5, raft::EntryType::kCommand, 7, 2, {}}},                     // records in a command
      {{10, 5, raft::EntryType::kMembership, 7, 0, Bytes(std::string("zz"))}},  // unreadable
      {{10, 5, static_cast<raft::EntryType>(9), 7, 0, {}}},                     // unknown
      {{10, 5, raft::EntryType::kRecords, 7, 2, {}}, {11, 5, raft::EntryType::kNoop, 8, 0, {}}},
      {{10, 5, raft::EntryType::kRecords, INT64_MAX - 1, 2, {}}},  // no offset comes next
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_FALSE(CheckMessage(AppendOf(broken[i])).ok()) << i;
  }
}

TEST(MessageCheckTest, CheckpointMustBeWhatItSays) {
  const FoldedState folded = SomeState();
  storage::Checkpoint checkpoint;
  checkpoint.meta.last = folded.applied;
  checkpoint.next_offset = folded.next_offset;
  checkpoint.log_start_offset = 100;
  checkpoint.state = EncodeFoldedState(folded);
  const storage::Checkpoint at_base = AtBase(checkpoint, folded);
  const Bytes good = storage::EncodeCheckpoint(at_base);
  const auto install = [](const raft::SnapshotMeta& meta, const Bytes& data) {
    return raft::Message{NodeId(1), NodeId(2), 5, raft::InstallSnapshot{meta, data}};
  };
  EXPECT_TRUE(CheckMessage(install(folded.base.meta, good)).ok());
  raft::SnapshotMeta other = folded.base.meta;
  other.last.index = 11;
  EXPECT_FALSE(CheckMessage(install(other, good)).ok());
  EXPECT_FALSE(CheckMessage(install(folded.base.meta, storage::EncodeCheckpoint(checkpoint))).ok());
  EXPECT_FALSE(CheckMessage(install(folded.base.meta, Bytes(std::string("foreign")))).ok());
  std::string flipped = good.ToString();
  flipped[20] ^= 1;
  EXPECT_FALSE(CheckMessage(install(folded.base.meta, Bytes(flipped))).ok());
}

}  // namespace
}  // namespace jangada::server
