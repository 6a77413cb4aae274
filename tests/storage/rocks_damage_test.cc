// Damage that no log store may serve, hide or die of: flipped bits in the files of a stopped store,
// lost log tails, missing files. After each the store opens, and whatever it does not have any more
// it says it has lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "storage/rocks_db.h"
#include "storage/rocks_rows.h"
#include "storage/synced_mark.h"
#include "tests/storage/rocks_store_fixture.h"

namespace jangada::storage {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kGroups = 4;
constexpr raft::Term kTerm = 3;

/// What was acknowledged.
using Truth = std::map<GroupId, std::vector<raft::Entry>>;

/// Several syncs, several write-outs, small values (in tables) and large ones (in blob files), and
/// a tail that is only in the write-ahead log.
Truth Fill(const RocksOptions& options, raft::Index entries = 60) {
  Truth truth;
  for (int life = 0; life < 2;
       ++life) {  // two lives: the first one's log is written out at the second's start
    RunningStore running(options);
    for (raft::Index i = 1; i <= entries; ++i) {
      for (uint64_t g = 1; g <= kGroups; ++g) {
        // The last group is quiet, and silent at the end: what it loses nothing later betrays.
        if (g == kGroups && (i % 10 != 1 || i > entries * 8 / 10)) continue;
        auto& log = truth[GroupId(g)];
        const raft::Index index = log.size() + 1;
        const size_t bytes = g == 1 ? 40 : 3000;
        auto more = MakeEntries(index, index, kTerm, static_cast<int64_t>(index) - 1, 1, bytes);
        GroupWrite write{GroupId(g)};
        write.entries = more;
        if (index == 1) write.hard_state = raft::HardState{kTerm, NodeId(2)};
        EXPECT_TRUE(running.call().Persist(std::move(write)).ok());
        log.push_back(more.front());
      }
    }
  }
  return truth;
}

struct Verdict {
  bool all_held = true;  // every entry that was acknowledged is served
  std::string
      untold;  // where one is not, the group must be damaged or the store say that groups were lost
  bool wrong_bytes = false;  // something was served that was never written
};

/// Opens, reads everything, opens again (what was found by reading is durable), and judges.
Verdict Judge(const RocksOptions& options, const Truth& truth) {
  Verdict verdict;
  std::map<GroupId, bool> damaged;
  bool lost = false;
  for (int life = 0; life < 2; ++life) {
    RunningStore running(options);
    lost = running.store().may_have_lost_groups();
    damaged.clear();
    const auto states = running.store().Load().value();
    for (const GroupState& state : states) {
      damaged[state.group] = state.damaged;
      if (state.hard_state != raft::HardState{kTerm, NodeId(2)} && !state.forgot_votes) {
        verdict.untold = "the vote is gone";
      }
    }
    for (const auto& [group, log] : truth) {
      for (const raft::Entry& entry : log) {
        const auto read = running.call().Read(group, {entry.index, entry.index});
        if (!read.ok()) {
          verdict.all_held = false;
          const bool told = damaged.contains(group) ? damaged[group] : lost;
          if (life == 1 && !told && read.error().code != ErrorCode::kDataCorrupt) {
            verdict.untold = read.error().message;
          }
          break;
        }
        if (read->front() != entry) verdict.wrong_bytes = true;
      }
      if (life == 1 && !damaged.contains(group) && !lost) verdict.untold = "a group is gone";
    }
  }
  return verdict;
}

TEST(RocksDamage, ASoundStoreIsSound) {
  TempFolder folder;
  const Truth truth = Fill(SmallOptions(folder.path()));
  const Verdict verdict = Judge(SmallOptions(folder.path()), truth);
  EXPECT_TRUE(verdict.all_held);
  EXPECT_EQ(verdict.untold, "");
}

/// Flips bits of a copy of one filled store; each file of the kind is hit, at places that the seed
/// picks.
class BitFlips : public ::testing::TestWithParam<const char*> {};

bool IsOfKind(const fs::path& file, const std::string& kind) {
  const std::string name = file.filename();
  return name.starts_with(kind) || name.ends_with(kind);
}

TEST_P(BitFlips, LeadToASoundOrAnHonestStore) {
  TempFolder master;
  const Truth truth = Fill(SmallOptions(master.path()));
  Random random(20'261'122);
  constexpr int kFlipsPerFile = 6;
  int flips = 0;
  int told = 0;
  for (const fs::path& file : FilesUnder(master.path())) {
    if (!IsOfKind(file, GetParam()) || fs::file_size(file) == 0) continue;
    for (int i = 0; i < kFlipsPerFile && flips < 40; ++i, ++flips) {
      TempFolder copy;
      fs::copy(master.path(), copy.path(), fs::copy_options::recursive);
      const uint64_t bit = random.Below(fs::file_size(file) * 8);
      SCOPED_TRACE(file.filename().string() + " bit " + std::to_string(bit));
      FlipBit(copy.path() / fs::relative(file, master.path()), bit);
      const Verdict verdict = Judge(SmallOptions(copy.path()), truth);
      EXPECT_FALSE(verdict.wrong_bytes);
      EXPECT_EQ(verdict.untold, "");
      if (!verdict.all_held) ++told;
    }
  }
  EXPECT_GT(flips, 0) << "the store has no such file: the test tests nothing";
  RecordProperty("flips", flips);
  RecordProperty("damage_told", told);
}

INSTANTIATE_TEST_SUITE_P(OfEachFile, BitFlips,
                         ::testing::Values(".log", ".sst", ".blob", "MANIFEST", "CURRENT",
                                           "IDENTITY", "OPTIONS", "synced"));

TEST(RocksDamage, ALostTailOfTheWriteAheadLogMarksEveryGroup) {
  TempFolder folder;
  Fill(SmallOptions(folder.path()));
  // The newest log, cut in the middle: recovery takes it for a torn write.
  fs::path newest;
  for (const fs::path& file : FilesUnder(folder.path())) {
    if (file.extension() == ".log" && fs::file_size(file) > 0) newest = file;
  }
  ASSERT_FALSE(newest.empty());
  fs::resize_file(newest, fs::file_size(newest) / 2);
  for (int life = 0; life < 2; ++life) {
    RunningStore running(SmallOptions(folder.path()));
    EXPECT_TRUE(running.store().may_have_lost_groups());
    const auto states = running.store().Load().value();
    EXPECT_EQ(states.size(), kGroups);
    for (const GroupState& state : states) EXPECT_TRUE(state.damaged && state.forgot_votes);
  }
}

TEST(RocksDamage, AStoreMadeInPlaceOfALostOneNoticesThatItsFirstWriteIsGone) {
  TempFolder folder;
  Fill(SmallOptions(folder.path()));
  fs::remove(folder.path() / "store/db/CURRENT");
  { const RunningStore running(SmallOptions(folder.path())); }
  // That write alone says that groups were lost.
  size_t cut = 0;
  for (const fs::path& file : FilesUnder(folder.path() / "store/db")) {
    if (file.extension() != ".log" || fs::file_size(file) == 0) continue;
    fs::resize_file(file, 0);
    ++cut;
  }
  ASSERT_EQ(cut, 1u);
  RunningStore running(SmallOptions(folder.path()));
  EXPECT_TRUE(running.store().may_have_lost_groups());
}

/// Where the records of a log in RocksDB's format begin (one shorter than a block).
std::vector<size_t> RecordsOf(const std::string& log) {
  std::vector<size_t> records;
  for (size_t at = 0; at + 7 <= log.size();) {
    records.push_back(at);
    at += 7 + static_cast<uint8_t>(log[at + 4]) + 256 * static_cast<uint8_t>(log[at + 5]);
  }
  return records;
}

TEST(RocksDamage, AManifestWhoseEndIsTakenForATornWriteIsNotBelieved) {
  TempFolder master;
  const Truth truth = Fill(SmallOptions(master.path()), 150);
  fs::path manifest;
  for (const fs::path& file : FilesUnder(master.path())) {
    if (file.filename().string().starts_with("MANIFEST")) manifest = file;
  }
  std::ifstream in(manifest, std::ios::binary);
  const std::string log((std::istreambuf_iterator<char>(in)), {});
  ASSERT_LT(log.size(), 16384U);
  const std::vector<size_t> records = RecordsOf(log);
  for (size_t i = records.size() / 2; i < records.size(); ++i) {
    SCOPED_TRACE("record " + std::to_string(i) + " of " + std::to_string(records.size()));
    TempFolder copy;
    fs::copy(master.path(), copy.path(), fs::copy_options::recursive);
    // Its length grows by 16 KiB, beyond the end of the file.
    FlipBit(copy.path() / fs::relative(manifest, master.path()), (records[i] + 5) * 8 + 6);
    const Verdict verdict = Judge(SmallOptions(copy.path()), truth);
    EXPECT_FALSE(verdict.wrong_bytes);
    EXPECT_EQ(verdict.untold, "");
  }
}

TEST(RocksDamage, AGroupMadeAfterALossIsDamagedUntilTheNodeSaysAllAreBack) {
  TempFolder folder;
  Fill(SmallOptions(folder.path()));
  fs::remove(folder.path() / "store/db/CURRENT");
  {
    RunningStore running(SmallOptions(folder.path()));
    EXPECT_TRUE(running.store().Load().value().empty());
    EXPECT_TRUE(running.store().may_have_lost_groups());
    ASSERT_TRUE(running.call().Append(GroupId(1), MakeEntries(1, 3, 9, 0)).ok());
    EXPECT_TRUE(running.call().Reload(GroupId(1))->damaged);
  }
  {
    RunningStore running(SmallOptions(folder.path()));
    EXPECT_TRUE(running.store().Load().value().front().damaged);
    EXPECT_TRUE(running.store().may_have_lost_groups());
    ASSERT_TRUE(running.call().ForgetLostGroups().ok());
    ASSERT_TRUE(running.call().Append(GroupId(2), MakeEntries(1, 3, 9, 0)).ok());
    GroupWrite healed{GroupId(1)};
    healed.clear_damaged = true;
    ASSERT_TRUE(running.call().Persist(std::move(healed)).ok());
  }
  RunningStore running(SmallOptions(folder.path()));
  EXPECT_FALSE(running.store().may_have_lost_groups());
  const auto states = running.store().Load().value();
  for (const GroupState& state : states) EXPECT_FALSE(state.damaged);
  EXPECT_TRUE(fs::exists(folder.path() / "store/db.damaged-1")) << "kept for a person to look at";
}

class DamagedEntry : public ::testing::Test {
 protected:
  static constexpr GroupId kGroup{7};
  static constexpr raft::Index kBad = 20;

  /// Entries 1..40 written out to blob files, then a bit of entry 20 flipped. Entries after the
  /// last sparse row are checked at the start, so the log is long enough for 20 to lie before it.
  void Harm(std::optional<Checkpoint> checkpoint, raft::Index trim_below) {
    entries_ = MakeEntries(1, 40, kTerm, 0, 1, 8000);
    for (int life = 0; life < 2; ++life) {
      RunningStore running(SmallOptions(folder_.path()));
      if (life > 0) continue;  // the start writes the log out
      ASSERT_TRUE(running.call().Append(kGroup, entries_).ok());
      GroupWrite write{kGroup};
      write.hard_state = raft::HardState{kTerm, NodeId(1)};
      write.checkpoint = checkpoint;
      write.trim_below = trim_below;
      ASSERT_TRUE(running.call().Persist(std::move(write)).ok());
    }
    FlipInEntry(folder_.path(), entries_[kBad - 1]);
  }

  TempFolder folder_;
  std::vector<raft::Entry> entries_;
};

TEST_F(DamagedEntry, IsNeverServedAndTheLogIsCutBeforeIt) {
  Harm(CheckpointAt({10, kTerm}, 10), 0);
  RunningStore running(SmallOptions(folder_.path()));
  EXPECT_FALSE(running.store().Load().value().front().damaged);
  EXPECT_EQ(running.call().Read(kGroup, {1, 40})->size(), kBad - 1) << "what is sound is served";
  EXPECT_EQ(running.call().Read(kGroup, {kBad, 40}).error().code, ErrorCode::kDataCorrupt);

  // Until its replica has started again, nothing is written that was meant for the uncut log.
  EXPECT_EQ(running.call().Append(kGroup, MakeEntries(41, 41, kTerm, 40)).error().code,
            ErrorCode::kDataCorrupt);
  const GroupState state = *running.call().Reload(kGroup);
  EXPECT_TRUE(state.damaged);
  EXPECT_EQ(state.last, (raft::Position{kBad - 1, kTerm}));
  EXPECT_EQ(state.end_offset, static_cast<int64_t>(kBad) - 1);
  EXPECT_EQ(state.hard_state, (raft::HardState{kTerm, NodeId(1)}));
  EXPECT_FALSE(state.forgot_votes) << "that is sound";
  EXPECT_TRUE(state.checkpoint.has_value());

  std::vector<raft::Entry> refill(entries_.begin() + kBad - 1, entries_.end());
  GroupWrite write{kGroup};
  write.entries = refill;
  write.clear_damaged = true;
  ASSERT_TRUE(running.call().Persist(std::move(write)).ok());
  EXPECT_EQ(*running.call().Read(kGroup, {1, 40}), entries_);
  EXPECT_FALSE(running.call().Reload(kGroup)->damaged);
}

TEST_F(DamagedEntry, StaysMarkedOverARestart) {
  Harm(std::nullopt, 0);
  {
    RunningStore running(SmallOptions(folder_.path()));
    EXPECT_EQ(running.call().ReadOffset(kGroup, kBad - 1, 40).error().code,
              ErrorCode::kDataCorrupt);
  }
  RunningStore running(SmallOptions(folder_.path()));
  const GroupState state = running.store().Load().value().front();
  EXPECT_TRUE(state.damaged);
  EXPECT_FALSE(state.forgot_votes);
  EXPECT_EQ(state.last.index, kBad - 1);
}

TEST_F(DamagedEntry, LeavesVotesInDoubtThatWereSoBefore) {
  Harm(std::nullopt, 0);
  {
    // The newest writes are lost first: a store that was stopped holds them in no table yet.
    RunningStore running(SmallOptions(folder_.path()));
    ASSERT_TRUE(running.call().Append(GroupId(8), MakeEntries(1, 3, kTerm, 0)).ok());
  }
  for (const fs::path& file : FilesUnder(folder_.path())) {
    if (file.extension() == ".log") fs::resize_file(file, 0);
  }
  for (int life = 0; life < 2; ++life) {
    RunningStore running(SmallOptions(folder_.path()));
    EXPECT_EQ(running.call().Read(kGroup, {kBad, kBad}).ok(), false);
    const GroupState state = *running.call().Reload(kGroup);
    EXPECT_EQ(state.last.index, kBad - 1);
    EXPECT_TRUE(state.forgot_votes);
  }
}

TEST(DamageRow, VotesAreInDoubtWhereAnOlderVersionSaidNothing) {
  EXPECT_TRUE(MayHaveForgottenVotes(""));
  EXPECT_TRUE(MayHaveForgottenVotes(EncodeDamage(true)));
  EXPECT_FALSE(MayHaveForgottenVotes(EncodeDamage(false)));
}

TEST_F(DamagedEntry, BelowTheCheckpointOfAnUntrimmedLogTakesTheCheckpointAlong) {
  Harm(CheckpointAt({30, kTerm}, 30), 0);
  RunningStore running(SmallOptions(folder_.path()));
  EXPECT_EQ(running.call().Read(kGroup, {kBad, 40}).error().code, ErrorCode::kDataCorrupt);
  const GroupState state = *running.call().Reload(kGroup);
  EXPECT_EQ(state.last.index, kBad - 1) << "it folds from the start again";
  EXPECT_FALSE(state.checkpoint.has_value());
}

TEST_F(DamagedEntry, BelowTheCheckpointOfATrimmedLogEmptiesIt) {
  Harm(CheckpointAt({30, kTerm}, 30), 5);
  RunningStore running(SmallOptions(folder_.path()));
  EXPECT_EQ(running.call().Read(kGroup, {kBad, 40}).error().code, ErrorCode::kDataCorrupt);
  const GroupState state = *running.call().Reload(kGroup);
  EXPECT_EQ(state.first_index, 1U);
  EXPECT_EQ(state.last, raft::Position{}) << "entries 5..19 fold into nothing without a checkpoint";
  EXPECT_FALSE(state.checkpoint.has_value());
  EXPECT_EQ(state.hard_state.term, kTerm) << "the vote is not forgotten";
}

TEST_F(DamagedEntry, NearTheEndIsFoundAtTheStart) {
  entries_ = MakeEntries(1, 5, kTerm, 0, 1, 4000);
  for (int life = 0; life < 2; ++life) {
    RunningStore running(SmallOptions(folder_.path()));
    if (life == 0) {
      ASSERT_TRUE(running.call().Append(kGroup, entries_).ok());
    }
  }
  FlipInEntry(folder_.path(), entries_[3]);
  RunningStore running(SmallOptions(folder_.path()));
  const GroupState state = running.store().Load().value().front();
  EXPECT_TRUE(state.damaged);
  EXPECT_EQ(state.last.index, 3U);
}

// ---- what RocksDB's own checks do not see ----

TEST(EntryRow, FailsItsCheckWhateverByteChangesAndUnderAnotherKey) {
  const raft::Entry entry = MakeEntries(9, 9, kTerm, 8, 1, 40).front();
  const std::array<char, kEntryHeaderSize> header = EntryHeader(GroupId(7), entry);
  const std::string row =
      std::string(header.data(), header.size()) + std::string(entry.payload.view());
  ASSERT_EQ(DecodeEntry(GroupId(7), 9, row).value(), entry);
  for (size_t i = 0; i < row.size(); ++i) {
    std::string changed = row;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    EXPECT_FALSE(DecodeEntry(GroupId(7), 9, changed).ok()) << "byte " << i;
  }
  EXPECT_FALSE(DecodeEntry(GroupId(8), 9, row).ok());
  EXPECT_FALSE(DecodeEntry(GroupId(7), 10, row).ok());
}

/// A row near the end of the log that was written wrongly, so that RocksDB finds no fault with it.
class WrongRow : public ::testing::Test {
 protected:
  static constexpr GroupId kGroup{7};
  static constexpr raft::Index kBad = 4;

  void Replace(const raft::Entry& wrong) {
    {
      RunningStore running(SmallOptions(folder_.path()));
      ASSERT_TRUE(running.call().Append(kGroup, MakeEntries(1, 5, kTerm, 0)).ok());
    }
    const auto opened = OpenRocksDb(SmallOptions(folder_.path()), /*is_new=*/false);
    ASSERT_TRUE(opened.ok());
    const std::array<char, kEntryHeaderSize> header = EntryHeader(kGroup, wrong);
    const std::string row =
        std::string(header.data(), header.size()) + std::string(wrong.payload.view());
    ASSERT_TRUE(opened->db.db->Put({}, opened->db.entries, EntryKey(kGroup, kBad), row).ok());
  }

  void ExpectCutBeforeIt() {
    RunningStore running(SmallOptions(folder_.path()));
    const GroupState state = running.store().Load().value().front();
    EXPECT_TRUE(state.damaged);
    EXPECT_EQ(state.last.index, kBad - 1);
    EXPECT_EQ(running.call().Read(kGroup, {1, 5})->size(), kBad - 1);
  }

  TempFolder folder_;
};

TEST_F(WrongRow, ThatDoesNotJoinTheEntryBeforeIsCutOff) {
  Replace(MakeEntries(kBad, kBad, kTerm, kBad + 4).front());
  ExpectCutBeforeIt();
}

TEST_F(WrongRow, OfAnotherTermThanTheLogSaysIsCutOff) {
  Replace(MakeEntries(kBad, kBad, kTerm + 1, kBad - 1).front());
  ExpectCutBeforeIt();
}

/// A mark's file in memory, whose bytes a test may change.
class MemMark final : public MarkFile {
 public:
  explicit MemMark(std::string* bytes, bool fails = false) : bytes_(*bytes), fails_(fails) {}
  Result<bool> Read(char* bytes, size_t size, int64_t offset) override {
    if (fails_) return Error{ErrorCode::kIoError, "the disk does not answer"};
    if (bytes_.size() < static_cast<size_t>(offset) + size) return false;
    bytes_.copy(bytes, size, static_cast<size_t>(offset));
    return true;
  }
  bool Write(const char* bytes, size_t size, int64_t offset) override {
    bytes_.resize(std::max(bytes_.size(), static_cast<size_t>(offset) + size));
    bytes_.replace(static_cast<size_t>(offset), size, bytes, size);
    return true;
  }
  bool Sync() override { return true; }

 private:
  std::string& bytes_;
  const bool fails_;
};

Result<SyncedMark> OpenMark(std::string* bytes) {
  return SyncedMark::Open(std::make_unique<MemMark>(bytes));
}

TEST(SyncedMarkTest, DamagedSlotCostsOneNoteAndRaisesNoFalseAlarm) {
  std::string bytes;
  {
    SyncedMark mark = OpenMark(&bytes).value();
    ASSERT_TRUE(mark.Note(100, {5, 1000}).ok());
    ASSERT_TRUE(mark.Note(101, {5, 1001}).ok());
  }
  EXPECT_EQ(OpenMark(&bytes)->noted(), 101u);
  bytes[4096] ^= 1;  // the newer slot's number is now far larger
  EXPECT_EQ(OpenMark(&bytes)->noted(), 100u);
}

TEST(SyncedMarkTest, SlotThatTheDiskDoesNotReadIsNotTakenForAnEmptyOne) {
  std::string bytes;
  ASSERT_TRUE(OpenMark(&bytes)->Note(100, {5, 1000}).ok());
  const auto opened = SyncedMark::Open(std::make_unique<MemMark>(&bytes, /*fails=*/true));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kIoError);
}

using RocksDeathTest = ::testing::Test;

TEST(RocksDeathTest, TrimBeyondTheCheckpointEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        TempFolder folder;
        RunningStore running(SmallOptions(folder.path()));
        GroupWrite write{GroupId(7)};
        write.entries = MakeEntries(1, 20, kTerm, 0);
        write.checkpoint = CheckpointAt({10, kTerm}, 10);
        write.trim_below = 15;  // 11 to 14 would be nowhere
        (void)running.call().Persist(std::move(write));
      },
      "checkpoint");
}

}  // namespace
}  // namespace jangada::storage
