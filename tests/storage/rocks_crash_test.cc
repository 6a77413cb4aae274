// Crashes of the real store: kill -9 at each named point, power loss and a failing disk on a file
// system of its own, and a full one. What was acknowledged is there afterwards; what was not may
// be. The store that crashes runs in a child process: this program again, with --crash-child.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string_view>

#include "storage/crash_points.h"
#include "tests/own_file_system.h"
#include "tests/storage/rocks_store_fixture.h"

namespace jangada::storage {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kGroups = 3;
constexpr raft::Index kTrimEvery = 16;
constexpr size_t kValueBytes = 3000;

raft::Term TermOf(raft::Index index) { return 1 + index / 10; }

/// The same for whoever asks: what entry `index` of any group holds.
raft::Entry EntryAt(raft::Index index) {
  return MakeEntries(index, index, TermOf(index), static_cast<int64_t>(index) - 1, 1, kValueBytes)
      .front();
}

GroupWrite WriteOf(GroupId group, raft::Index index) {
  GroupWrite write{group};
  write.entries.push_back(EntryAt(index));
  write.hard_state = raft::HardState{TermOf(index), NodeId(static_cast<int32_t>(index))};
  if (index % kTrimEvery == 0) {
    write.checkpoint =
        CheckpointAt({index - 1, TermOf(index - 1)}, static_cast<int64_t>(index) - 1);
    write.trim_below = index / 2;
  }
  return write;
}

// ---- the child ----

std::string_view crash_at;
int crash_countdown = 0;

void CrashHere(std::string_view point) {
  if (point == crash_at && --crash_countdown <= 0) ::kill(::getpid(), SIGKILL);
}

/// What a damaged group's refill ends with: the vote of its term is used up.
constexpr raft::HardState kWhole{9, NodeId(2)};

/// How a child ends whose disk failed, if the store then refused everything.
constexpr int kFailedForGood = 42;

/// Writes until it is killed or fails; each acknowledged write is told on stdout as "group
/// index\n".
int RunChild(const std::string& folder, std::string_view point, int countdown) {
  crash_at = point;
  crash_countdown = countdown;
  crash_hook = CrashHere;
  RunningStore running(SmallOptions(folder));
  const auto states = running.store().Load().value();
  std::array<raft::Index, kGroups + 1> last{};
  for (const GroupState& state : states) last[state.group.value()] = state.last.index;
  if (point == kCrashBeforeCut) {
    for (raft::Index i = 1; i <= last[1]; ++i) (void)running.call().Read(GroupId(1), {i, i});
    return 0;
  }
  for (const GroupState& state : states) {
    if (!state.damaged) continue;
    GroupWrite whole{state.group};
    whole.hard_state = kWhole;
    whole.clear_damaged = true;
    if (!running.call().Persist(std::move(whole)).ok()) return 1;
  }
  for (;;) {
    for (uint64_t g = 1; g <= kGroups; ++g) {
      const raft::Index index = ++last[g];
      if (const Status status = running.call().Persist(WriteOf(GroupId(g), index)); !status.ok()) {
        GroupWrite vote{GroupId(g)};
        vote.hard_state = raft::HardState{1000, std::nullopt};
        const Status again = running.call().Persist(std::move(vote));
        const bool final = status.error().code == ErrorCode::kIoError && !again.ok() &&
                           again.error() == status.error();
        return final ? kFailedForGood : 1;
      }
      const std::string line = std::to_string(g) + " " + std::to_string(index) + "\n";
      if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) return 1;
    }
  }
}

// ---- the parent ----

/// The acknowledged last index of each group.
using Acked = std::array<raft::Index, kGroups + 1>;

class Child {
 public:
  Child(const fs::path& folder, std::string_view point, int countdown) {
    int ends[2];
    CHECK_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const std::string count = std::to_string(countdown);
    const std::string where(point);
    pid_ = ::fork();
    CHECK_GE(pid_, 0);
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::execl("/proc/self/exe", "rocks_crash_test", "--crash-child", folder.c_str(), where.c_str(),
              count.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    from_child_ = ends[0];
  }
  ~Child() { ::close(from_child_); }

  /// Reads acknowledgements until there are `enough` of them or the child is gone.
  void ReadAcks(size_t enough, Acked* acked) {
    char buffer[4096];
    for (ssize_t n = 1; seen_ < enough && n > 0;) {
      n = ::read(from_child_, buffer, sizeof buffer);
      if (n > 0) text_.append(buffer, static_cast<size_t>(n));
      for (size_t end; (end = text_.find('\n')) != std::string::npos; ++seen_) {
        std::istringstream line(text_.substr(0, end));
        uint64_t group = 0;
        raft::Index index = 0;
        line >> group >> index;
        (*acked)[group] = index;
        text_.erase(0, end + 1);
      }
    }
  }
  void Kill() { ::kill(pid_, SIGKILL); }
  /// True: it was killed; false: it ended by itself.
  bool Wait() {
    CHECK_EQ(::waitpid(pid_, &status_, 0), pid_);
    return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL;
  }
  /// REQUIRES: it ended by itself.
  int exit_code() const { return WEXITSTATUS(status_); }

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  int from_child_ = -1;
  std::string text_;
  size_t seen_ = 0;
};

void ExpectAllAcked(const fs::path& folder, const Acked& acked) {
  RunningStore running(SmallOptions(folder));
  EXPECT_FALSE(running.store().may_have_lost_groups());
  const auto states = running.store().Load().value();
  for (uint64_t g = 1; g <= kGroups; ++g) {
    if (acked[g] == 0) continue;
    const auto state = std::find_if(states.begin(), states.end(),
                                    [g](const GroupState& s) { return s.group == GroupId(g); });
    ASSERT_NE(state, states.end()) << "group " << g << " is gone";
    EXPECT_FALSE(state->damaged);
    EXPECT_GE(state->last.index, acked[g]);
    EXPECT_LE(state->last.index, acked[g] + 1) << "more than was ever written";
    EXPECT_EQ(state->hard_state,
              (raft::HardState{TermOf(state->last.index),
                               NodeId(static_cast<int32_t>(state->last.index))}));
    for (raft::Index i = state->first_index; i <= state->last.index; ++i) {
      const auto read = running.call().Read(GroupId(g), {i, i});
      ASSERT_TRUE(read.ok()) << read.error();
      EXPECT_EQ(read->front(), EntryAt(i));
    }
  }
}

class CrashAt : public ::testing::TestWithParam<std::string_view> {};

TEST_P(CrashAt, KeepsWhatWasAcknowledged) {
  TempFolder folder;
  Acked acked{};
  Random random(7);
  // Each life crashes at another time, and the next one goes on from what it finds.
  for (int life = 0; life < 6; ++life) {
    Child child(folder.path(), GetParam(), static_cast<int>(random.Between(1, 150)));
    child.ReadAcks(~size_t{0}, &acked);
    ASSERT_TRUE(child.Wait()) << "it was not killed";
    ExpectAllAcked(folder.path(), acked);
  }
  EXPECT_GT(acked[1], 0U);
}

TEST_P(CrashAt, TheDamageMarkNeverGoesWithoutTheVoteThatReplacesIt) {
  TempFolder folder;
  { const RunningStore running(SmallOptions(folder.path())); }
  fs::remove(folder.path() / "store/db/CURRENT");
  {
    RunningStore running(SmallOptions(folder.path()));
    ASSERT_TRUE(running.call().Append(GroupId(1), {EntryAt(1)}).ok());
  }
  Child child(folder.path(), GetParam(), 1);
  ASSERT_TRUE(child.Wait()) << "it was not killed";
  RunningStore running(SmallOptions(folder.path()));
  const GroupState state = running.store().Load().value().front();
  EXPECT_EQ(state.damaged, GetParam() == kCrashBeforeSync);
  EXPECT_EQ(state.hard_state, state.damaged ? raft::HardState{} : kWhole);
}

INSTANTIATE_TEST_SUITE_P(Points, CrashAt,
                         ::testing::Values(kCrashBeforeSync, kCrashAfterSync, kCrashAfterMark));

TEST(RocksCrash, DamageFoundJustBeforeACrashIsFoundAgain) {
  TempFolder folder;
  Acked acked{};
  {
    Child child(folder.path(), kCrashAfterMark, 150);
    child.ReadAcks(~size_t{0}, &acked);
    ASSERT_TRUE(child.Wait());
  }
  ExpectAllAcked(folder.path(), acked);  // whose start writes the log out
  const raft::Entry victim = EntryAt(30);
  for (const fs::path& file : FilesUnder(folder.path())) {
    if (file.extension() != ".blob") continue;
    std::ifstream in(file, std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(in)), {});
    for (size_t at = all.find(victim.payload.view()); at != std::string::npos;
         at = all.find(victim.payload.view(), at + 1)) {
      FlipBit(file, (at + 200) * 8);
    }
  }
  Child child(folder.path(), kCrashBeforeCut, 1);
  ASSERT_TRUE(child.Wait()) << "the damage was not found";
  RunningStore running(SmallOptions(folder.path()));
  EXPECT_EQ(running.call().Read(GroupId(1), {30, 30}).error().code, ErrorCode::kDataCorrupt);
  EXPECT_TRUE(running.call().Reload(GroupId(1))->damaged);
}

TEST(RocksCrash, ALossFoundJustBeforeACrashIsFoundAgain) {
  TempFolder folder;
  Acked acked{};
  {
    Child child(folder.path(), kCrashAfterMark, 40);
    child.ReadAcks(~size_t{0}, &acked);
    ASSERT_TRUE(child.Wait());
  }
  for (const fs::path& file : FilesUnder(folder.path())) {
    if (file.extension() == ".log" && fs::file_size(file) > 0) {
      fs::resize_file(file, fs::file_size(file) / 2);
    }
  }
  Child child(folder.path(), kCrashAfterOpen, 1);
  ASSERT_TRUE(child.Wait());
  RunningStore running(SmallOptions(folder.path()));
  EXPECT_TRUE(running.store().may_have_lost_groups());
  const auto states = running.store().Load().value();
  for (const GroupState& state : states) EXPECT_TRUE(state.damaged);
}

TEST(RocksPowerLoss, KeepsWhatWasAcknowledged) {
  OwnFileSystem disk(192);
  SKIP_WITHOUT_OWN_FILE_SYSTEM(disk);
  Acked acked{};
  Random random(11);
  for (int life = 0; life < 6; ++life) {
    Child child(disk.path(), "never", 0);
    child.ReadAcks(random.Between(1, 400), &acked);
    disk.Shutdown();
    child.Kill();
    child.ReadAcks(~size_t{0}, &acked);  // what it had said before the power went
    child.Wait();
    ASSERT_TRUE(disk.Unmount());
    ASSERT_TRUE(disk.Mount());
    ExpectAllAcked(disk.path(), acked);
  }
}

TEST(RocksPowerLoss, AFailedSyncIsFinal) {
  OwnFileSystem disk(64);
  SKIP_WITHOUT_OWN_FILE_SYSTEM(disk);
  Acked acked{};
  Child child(disk.path(), "never", 0);
  child.ReadAcks(10, &acked);
  disk.Shutdown();
  child.ReadAcks(~size_t{0}, &acked);
  EXPECT_FALSE(child.Wait());
  EXPECT_EQ(child.exit_code(), kFailedForGood);
  ASSERT_TRUE(disk.Unmount());
  ASSERT_TRUE(disk.Mount());
  ExpectAllAcked(disk.path(), acked);
}

TEST(RocksFullDisk, RefusesRecordsOnlyAndTakesThemAgainWhenSpaceReturns) {
  OwnFileSystem disk(96);
  SKIP_WITHOUT_OWN_FILE_SYSTEM(disk);
  RocksOptions options = SmallOptions(disk.path());
  options.min_free_bytes = 24 << 20;
  RunningStore running(options);
  ASSERT_TRUE(running.call().Persist(WriteOf(GroupId(1), 1)).ok());

  disk.FillTo(5 << 20);
  EXPECT_EQ(running.call().Persist(WriteOf(GroupId(1), 2)).error().code, ErrorCode::kDiskFull);
  GroupWrite vote{GroupId(1)};
  vote.hard_state = raft::HardState{9, NodeId(3)};
  EXPECT_TRUE(running.call().Persist(std::move(vote)).ok());
  EXPECT_TRUE(running.call().Append(GroupId(2), {MakeNoop(1, 9, 0)}).ok());
  EXPECT_EQ(running.call().Read(GroupId(1), {1, 1})->size(), 1U);

  disk.FreeAgain();
  EXPECT_TRUE(running.call().Persist(WriteOf(GroupId(1), 2)).ok());
  EXPECT_EQ(*running.call().Read(GroupId(1), {2, 2}), std::vector{EntryAt(2)});
}

TEST(RocksFullDisk, ProduceIsRefusedBelowTheLimit) {
  TempFolder folder;
  RocksOptions options = SmallOptions(folder.path());
  options.min_free_bytes = int64_t{1} << 60;
  RunningStore running(options);
  EXPECT_FALSE(running.store().usage().accepts_produce);
  EXPECT_GT(running.store().usage().disk_free_bytes, 0);
}

}  // namespace
}  // namespace jangada::storage

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--crash-child") {
    return jangada::storage::RunChild(argv[2], argv[3], std::atoi(argv[4]));
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
