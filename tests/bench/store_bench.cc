// What the store costs: CPU seconds (user and system, all threads) per GB of 64 KiB values, beside
// a plain file that gets the same bytes with an fdatasync as often, in one run. A hundred groups
// with three kinds of retention are trimmed as they grow, and the background work that this causes
// is waited for and counted.
//
//   store_bench [--gb N] [--groups N] [--value-kib N] [--values-per-sync N] [--dir D]
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "storage/record_batch.h"
#include "storage/rocks_log_store.h"

namespace jangada::storage {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Settings {
  double gb = 4;
  int groups = 100;
  int value_kib = 64;
  int values_per_sync = 8;
  std::string dir = "/tmp";

  int64_t values() const { return static_cast<int64_t>(gb * (1 << 30)) / (value_kib << 10); }
};

/// The bench's own thread is the writer and the shard: it decides how many writes share a sync.
class Here final : public Executor {
 public:
  void Post(Callback<> task) override { tasks_.push_back(std::move(task)); }
  void Defer(Callback<> task) override { Post(std::move(task)); }
  TimerId After(int64_t, Callback<>) override { return 0; }
  void Cancel(TimerId) override {}
  int64_t NowUs() const override { return 0; }
  int64_t WallNowMs() const override { return 0; }
  bool IsCurrent() const override { return true; }
  void Run() {
    while (!tasks_.empty()) {
      Callback<> task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

 private:
  std::deque<Callback<>> tasks_;
};

double CpuSeconds() {
  rusage usage;
  CHECK_EQ(::getrusage(RUSAGE_SELF, &usage), 0);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Cost {
  double cpu_s = 0;
  double wall_s = 0;
};

class Stopwatch {
 public:
  Cost Read() const {
    return {CpuSeconds() - cpu_, std::chrono::duration<double>(Clock::now() - wall_).count()};
  }

 private:
  double cpu_ = CpuSeconds();
  Clock::time_point wall_ = Clock::now();
};

int64_t BytesUnder(const fs::path& path) {
  int64_t bytes = 0;
  for (const auto& file : fs::recursive_directory_iterator(path)) {
    std::error_code gone;
    const auto size = file.is_regular_file(gone) ? file.file_size(gone) : 0;
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

Bytes MakeValue(size_t bytes) {
  Random random(1);
  std::string noise;
  while (noise.size() < bytes) noise.push_back(static_cast<char>(random.Next()));
  Record record;
  record.value = std::move(noise);
  BatchBuilder builder;
  builder.Add(record);
  return *builder.Build();
}

Cost RunPlain(const Settings& settings, const Bytes& value) {
  const std::string path = settings.dir + "/jangada-bench-plain";
  const Stopwatch watch;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK_GE(file, 0);
  for (int64_t i = 1; i <= settings.values(); ++i) {
    CHECK_EQ(::write(file, value.data(), value.size()), static_cast<ssize_t>(value.size()));
    if (i % settings.values_per_sync == 0) CHECK_EQ(::fdatasync(file), 0);
  }
  ::close(file);
  const Cost cost = watch.Read();
  ::unlink(path.c_str());
  return cost;
}

/// How much of a group's log is kept: half of the groups little, some more, a tenth everything.
int64_t RetentionOf(int group, int groups) {
  if (group < groups / 2) return 4 << 20;
  if (group < groups - groups / 10) return 12 << 20;
  return int64_t{1} << 40;
}

class StoreRun {
 public:
  StoreRun(const Settings& settings, const Bytes& value)
      : settings_(settings), value_(value), last_(settings.groups), trimmed_(settings.groups) {
    options_.path = settings.dir + "/jangada-bench-store";
    fs::remove_all(options_.path);
    store_ = RocksLogStore::Open(options_, here_).value();
  }
  ~StoreRun() {
    store_.reset();
    fs::remove_all(options_.path);
  }

  Cost Run() {
    const Stopwatch watch;
    for (int64_t i = 0; i < settings_.values(); ++i) {
      Append(static_cast<int>(i % settings_.groups));
      if ((i + 1) % settings_.values_per_sync == 0) here_.Run();
      if (i % 4096 == 0) peak_bytes_ = std::max(peak_bytes_, BytesUnder(options_.path));
    }
    here_.Run();
    end_bytes_ = SettledBytes();
    store_.reset();
    return watch.Read();
  }

  int64_t peak_bytes() const { return peak_bytes_; }
  int64_t end_bytes() const { return end_bytes_; }
  int64_t live_bytes() const {
    int64_t live = 0;
    for (int g = 0; g < settings_.groups; ++g) {
      live += static_cast<int64_t>(last_[g] - trimmed_[g]) * static_cast<int64_t>(value_.size());
    }
    return live;
  }

 private:
  void Append(int g) {
    GroupWrite write{GroupId(static_cast<uint64_t>(g) + 1)};
    raft::Entry entry;
    entry.index = ++last_[g];
    entry.term = 1;
    entry.type = raft::EntryType::kRecords;
    entry.base_offset = static_cast<int64_t>(entry.index) - 1;
    entry.record_count = 1;
    entry.payload = value_;
    write.entries.push_back(std::move(entry));
    AddTrim(g, &write);
    store_->Persist(std::move(write), here_, [](Status status) { status.value(); });
  }

  /// Trims in steps of a quarter of what is kept.
  void AddTrim(int g, GroupWrite* write) {
    const int64_t keep = RetentionOf(g, settings_.groups) / static_cast<int64_t>(value_.size());
    const auto held = static_cast<int64_t>(last_[g] - trimmed_[g]);
    if (held <= keep + keep / 4) return;
    Checkpoint checkpoint;
    checkpoint.meta.last = {last_[g], 1};
    checkpoint.meta.membership.membership.voters = {NodeId(1)};
    checkpoint.next_offset = static_cast<int64_t>(last_[g]);
    write->checkpoint = std::move(checkpoint);
    trimmed_[g] = last_[g] - static_cast<uint64_t>(keep);
    write->trim_below = trimmed_[g] + 1;
  }

  /// Waits until the folder has not shrunk for a while: reclaiming is part of the price.
  int64_t SettledBytes() {
    int64_t bytes = BytesUnder(options_.path);
    for (int quiet = 0; quiet < 15;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      const int64_t now = BytesUnder(options_.path);
      quiet = now == bytes ? quiet + 1 : 0;
      bytes = now;
    }
    return bytes;
  }

  const Settings settings_;
  const Bytes value_;
  RocksOptions options_;
  Here here_;
  std::unique_ptr<RocksLogStore> store_;
  std::vector<raft::Index> last_;
  std::vector<raft::Index> trimmed_;
  int64_t peak_bytes_ = 0;
  int64_t end_bytes_ = 0;
};

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--gb") settings.gb = std::atof(argv[i + 1]);
    if (name == "--groups") settings.groups = std::atoi(argv[i + 1]);
    if (name == "--value-kib") settings.value_kib = std::atoi(argv[i + 1]);
    if (name == "--values-per-sync") settings.values_per_sync = std::atoi(argv[i + 1]);
    if (name == "--dir") settings.dir = argv[i + 1];
  }
  return settings;
}

void Main(const Settings& settings) {
  const Bytes value = MakeValue(static_cast<size_t>(settings.value_kib) << 10);
  std::printf("%.1f GB, %d groups, %d KiB values, a sync every %d\n", settings.gb, settings.groups,
              settings.value_kib, settings.values_per_sync);
  const Cost plain = RunPlain(settings, value);
  std::printf("plain file  %.2f CPU s/GB  %.1f s wall\n", plain.cpu_s / settings.gb, plain.wall_s);
  StoreRun run(settings, value);
  const Cost store = run.Run();
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("store       %.2f CPU s/GB  %.1f s wall  %.0f MiB memory at most\n",
              store.cpu_s / settings.gb, store.wall_s, static_cast<double>(usage.ru_maxrss) / 1024);
  constexpr double kMiB = 1 << 20;
  std::printf("disk        %.0f MiB at most, %.0f MiB at the end, %.0f MiB of it live\n",
              static_cast<double>(run.peak_bytes()) / kMiB,
              static_cast<double>(run.end_bytes()) / kMiB,
              static_cast<double>(run.live_bytes()) / kMiB);
  std::printf("ratio       %.2f\n", store.cpu_s / plain.cpu_s);
}

}  // namespace
}  // namespace jangada::storage

int main(int argc, char** argv) { jangada::storage::Main(jangada::storage::Parse(argc, argv)); }
