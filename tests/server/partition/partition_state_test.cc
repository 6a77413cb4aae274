// What a partition's log folds into.
#include "server/partition/partition_state.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "storage/record_batch.h"
#include "tests/server/partition/test_cluster.h"

namespace jangada::server {
namespace {

using testing::BatchFrom;
using testing::BatchOf;

constexpr size_t kMaxProducers = 4;

/// Builds a log, entry by entry.
class Log {
 public:
  void Records(const Bytes& batch, raft::Term term) {
    const int32_t count = storage::ReadBatchHeader(batch.view())->record_count;
    Add(raft::EntryType::kRecords, batch, count, term);
  }
  void Command(const PartitionCommand& command, raft::Term term) {
    Add(raft::EntryType::kCommand, EncodeCommand(command), 0, term);
  }
  void Noop(raft::Term term) { Add(raft::EntryType::kNoop, {}, 0, term); }

  const std::vector<raft::Entry>& entries() const { return entries_; }
  int64_t end() const { return end_; }

 private:
  void Add(raft::EntryType type, const Bytes& payload, int32_t count, raft::Term term) {
    entries_.push_back({entries_.size() + 1, term, type, end_, count, payload});
    end_ += count;
  }
  std::vector<raft::Entry> entries_;
  int64_t end_ = 0;
};

PartitionState Fold(const std::vector<raft::Entry>& entries) {
  PartitionState state(kMaxProducers);
  for (const raft::Entry& entry : entries) state.Apply(entry);
  return state;
}

/// A log of everything that there is, different for each seed.
Log RandomLog(uint64_t seed) {
  Random random(seed);
  Log log;
  raft::Term term = 1;
  std::map<int64_t, int32_t> sequences;
  for (int i = 0; i < 200; ++i) {
    switch (random.Below(6)) {
      case 0: log.Noop(++term); break;
      case 1:
        log.Command(TrimCommand{static_cast<int64_t>(random.Below(2 * log.end() + 1))}, term);
        break;
      case 2: {
        const auto id = static_cast<int64_t>(random.Below(6));
        log.Command(
            ExpireProducersCommand{{{id, static_cast<int64_t>(random.Below(log.end() + 1))}}},
            term);
        break;
      }
      case 3: {
        const auto id = static_cast<int64_t>(random.Below(6));
        log.Records(BatchFrom(id, 0, sequences[id]++, {"x"}), term);
        break;
      }
      default: log.Records(BatchOf({"a", "b"}, static_cast<int64_t>(random.Below(1000))), term);
    }
  }
  return log;
}

TEST(PartitionStateTest, OnlyRecordsTakeOffsets) {
  Log log;
  log.Noop(1);
  log.Records(BatchOf({"a", "b", "c"}), 1);
  log.Noop(2);
  log.Command(TrimCommand{1}, 2);
  log.Records(BatchOf({"d"}), 2);
  const PartitionState state = Fold(log.entries());
  EXPECT_EQ(state.high_watermark(), 4);
  EXPECT_EQ(state.log_start_offset(), 1);  // inside the first batch
}

TEST(PartitionStateTest, TrimNeverPassesTheHighWatermarkNorGoesBack) {
  Log log;
  log.Records(BatchOf({"a", "b", "c"}), 1);
  log.Command(TrimCommand{100}, 1);
  EXPECT_EQ(Fold(log.entries()).log_start_offset(), 3);
  log.Command(TrimCommand{1}, 1);
  log.Command(TrimCommand{-5}, 1);
  EXPECT_EQ(Fold(log.entries()).log_start_offset(), 3);
}

TEST(PartitionStateTest, EpochOfAnOffsetIsTheTermThatWroteIt) {
  Log log;
  log.Records(BatchOf({"a", "b"}), 1);
  log.Noop(3);
  log.Records(BatchOf({"c", "d"}), 3);
  log.Records(BatchOf({"e"}), 7);
  PartitionState state = Fold(log.entries());
  EXPECT_EQ(state.EpochOf(0), 1u);
  EXPECT_EQ(state.EpochOf(1), 1u);
  EXPECT_EQ(state.EpochOf(2), 3u);
  EXPECT_EQ(state.EpochOf(4), 7u);
  EXPECT_EQ(state.EpochOf(5), 0u);
  log.Command(TrimCommand{3}, 7);
  state = Fold(log.entries());
  EXPECT_EQ(state.EpochOf(2), 0u);
  EXPECT_EQ(state.EpochOf(3), 3u);
  EXPECT_EQ(state.epochs().size(), 2u);
}

TEST(PartitionStateTest, TheEndOfATermIsWhereTheNextOneBegan) {
  Log log;
  log.Records(BatchOf({"a", "b"}), 1);
  log.Records(BatchOf({"c", "d"}), 3);
  log.Records(BatchOf({"e"}), 7);
  const auto ends = [](const PartitionState& state, raft::Term term) {
    const PartitionState::TermEnd end = state.EndOf(term);
    return std::pair(end.term, end.end_offset);
  };
  const PartitionState state = Fold(log.entries());
  EXPECT_EQ(ends(state, 1), std::pair(raft::Term{1}, int64_t{2}));
  EXPECT_EQ(ends(state, 2), std::pair(raft::Term{1}, int64_t{2})) << "wrote nothing";
  EXPECT_EQ(ends(state, 3), std::pair(raft::Term{3}, int64_t{4}));
  EXPECT_EQ(ends(state, 8), std::pair(raft::Term{7}, int64_t{5}));
  log.Command(TrimCommand{4}, 7);
  EXPECT_EQ(ends(Fold(log.entries()), 1), std::pair(raft::Term{1}, int64_t{4}))
      << "older than all known: itself, and the log start offset";
}

TEST(PartitionStateTest, LatestPeakIsTheFirstBatchWithTheGreatestTimestampThatIsLeft) {
  Log log;
  log.Records(BatchOf({"a"}, 50), 1);
  log.Records(BatchOf({"b"}, 90), 1);
  log.Records(BatchOf({"c"}, 90), 1);
  log.Records(BatchOf({"d"}, 70), 1);
  EXPECT_EQ(Fold(log.entries()).latest_peak(), (TimePeak{1, 90}));
  log.Command(TrimCommand{3}, 1);
  EXPECT_EQ(Fold(log.entries()).latest_peak(), (TimePeak{3, 70}));
  log.Command(TrimCommand{4}, 1);
  EXPECT_EQ(Fold(log.entries()).latest_peak(), std::nullopt);
}

TEST(PartitionStateTest, CheckpointAndTheRestOfTheLogGiveTheSameAsTheWholeLog) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Log log = RandomLog(seed);
    const PartitionState whole = Fold(log.entries());
    Random random(seed);
    const size_t at = random.Below(log.entries().size());
    PartitionState first(kMaxProducers);
    for (size_t i = 0; i < at; ++i) first.Apply(log.entries()[i]);
    PartitionState second(kMaxProducers);
    const Bytes bytes = first.Encode();
    ASSERT_TRUE(
        second.Restore(bytes.view(), first.high_watermark(), first.log_start_offset()).ok());
    ASSERT_EQ(second, first) << "seed " << seed << " at " << at;
    for (size_t i = at; i < log.entries().size(); ++i) second.Apply(log.entries()[i]);
    ASSERT_EQ(second, whole) << "seed " << seed << " at " << at;
  }
}

TEST(PartitionStateTest, EmptyStateIsThatOfANewPartition) {
  PartitionState state = Fold(RandomLog(1).entries());
  ASSERT_TRUE(state.Restore({}, 0, 0).ok());
  EXPECT_EQ(state, PartitionState(kMaxProducers));
}

TEST(PartitionStateTest, DamagedOrForeignCheckpointIsRefused) {
  const Bytes bytes = Fold(RandomLog(3).entries()).Encode();
  for (size_t length = 1; length < bytes.size(); ++length) {
    PartitionState state(kMaxProducers);
    EXPECT_FALSE(state.Restore(bytes.view().substr(0, length), 100, 0).ok()) << length;
  }
  PartitionState state(kMaxProducers);
  EXPECT_EQ(state.Restore("\x7f", 0, 0).error().code, ErrorCode::kUnsupportedVersion);
  EXPECT_FALSE(state.Restore(bytes.view(), 5, 6).ok());
}

TEST(PartitionCommandTest, CommandsComeBackWhole) {
  const std::vector<PartitionCommand> commands = {
      TrimCommand{0}, TrimCommand{int64_t{1} << 60}, ExpireProducersCommand{},
      ExpireProducersCommand{{{1, 2}, {int64_t{1} << 50, 3}}}};
  for (const PartitionCommand& command : commands) {
    const Bytes bytes = EncodeCommand(command);
    EXPECT_EQ(DecodeCommand(bytes.view()), command);
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_EQ(DecodeCommand(bytes.view().substr(0, length)), std::nullopt);
    }
  }
}

TEST(PartitionCommandTest, CommandOfAnotherVersionChangesNothing) {
  PartitionState state(kMaxProducers);
  state.Apply({1, 1, raft::EntryType::kCommand, 0, 0, Bytes(std::string("\x02\x01\x08", 3))});
  EXPECT_EQ(state, PartitionState(kMaxProducers));
}

}  // namespace
}  // namespace jangada::server
