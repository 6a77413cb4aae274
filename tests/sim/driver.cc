#include "tests/sim/driver.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"

namespace jangada::sim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kHangSeconds = 120;  // of processor time: the machine may have others to serve
constexpr uint64_t kRunTwiceEvery = 100;

double SecondsSince(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

/// An Outcome on its way through a pipe: plain bytes, small enough to be written in one piece.
struct Report {
  static constexpr size_t kMaxIds = 400;

  bool ended = false;  // false: this seed begins
  uint64_t seed = 0;
  char checker[48] = {};
  char what[900] = {};
  int64_t failed_at_us = 0;
  uint64_t hash = 0;
  uint64_t events = 0;
  uint64_t committed = 0;
  uint64_t acknowledged = 0;
  int64_t virtual_us = 0;
  std::array<uint64_t, kFaultKinds> faults{};
  Reached reached;
  uint16_t id_count = 0;
  uint16_t ids[kMaxIds] = {};
};
static_assert(sizeof(Report) <= 4096, "a pipe takes it in one piece");

template <size_t kSize>
void Copy(char (&to)[kSize], const std::string& from) {
  std::memcpy(to, from.data(), std::min(from.size(), kSize - 1));
}

Report Pack(const Outcome& outcome) {
  Report report;
  report.ended = true;
  report.seed = outcome.seed;
  Copy(report.checker, outcome.checker);
  Copy(report.what, outcome.what);
  report.failed_at_us = outcome.failed_at_us;
  report.hash = outcome.hash;
  report.events = outcome.events;
  report.committed = outcome.committed;
  report.acknowledged = outcome.acknowledged;
  report.virtual_us = outcome.virtual_us;
  report.faults = outcome.faults;
  report.reached = outcome.reached;
  for (const int id : outcome.fault_ids) {
    if (report.id_count < Report::kMaxIds) {
      report.ids[report.id_count++] = static_cast<uint16_t>(id);
    }
  }
  return report;
}

Outcome Unpack(const Report& report) {
  Outcome outcome;
  outcome.seed = report.seed;
  outcome.checker = report.checker;
  outcome.what = report.what;
  outcome.failed_at_us = report.failed_at_us;
  outcome.hash = report.hash;
  outcome.events = report.events;
  outcome.committed = report.committed;
  outcome.acknowledged = report.acknowledged;
  outcome.virtual_us = report.virtual_us;
  outcome.faults = report.faults;
  outcome.reached = report.reached;
  outcome.fault_ids.assign(report.ids, report.ids + report.id_count);
  return outcome;
}

void WriteReport(int pipe, const Report& report) {
  if (::write(pipe, &report, sizeof report) != static_cast<ssize_t>(sizeof report)) ::_exit(3);
}

/// A process that runs seeds and reports each.
class Worker {
 public:
  using Body = std::function<void(int pipe)>;

  explicit Worker(const Body& body) {
    int pipe[2];
    CHECK(::pipe2(pipe, O_CLOEXEC) == 0);
    stderr_ = ::memfd_create("stderr", MFD_CLOEXEC);
    CHECK(stderr_ >= 0);
    std::fflush(nullptr);
    pid_ = ::fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
      ::close(pipe[0]);
      ::dup2(stderr_, STDERR_FILENO);
      body(pipe[1]);
      ::_exit(0);
    }
    ::close(pipe[1]);
    pipe_ = pipe[0];
  }
  ~Worker() {
    Kill();
    ::close(pipe_);
    ::close(stderr_);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  int pipe() const { return pipe_; }
  std::optional<uint64_t> seed() const { return seed_; }
  bool Hangs() const { return seed_ && ProcessorSeconds() - begun_ > kHangSeconds; }

  void Kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

  /// The next outcome, if there is one to read now. ended: the process is gone.
  std::optional<Outcome> Read(bool* ended) {
    Report report;
    const ssize_t size = ::read(pipe_, &report, sizeof report);
    if (size < 0 && errno == EINTR) return std::nullopt;
    if (size != static_cast<ssize_t>(sizeof report)) {
      *ended = true;
      int status = 0;
      ::waitpid(std::exchange(pid_, 0), &status, 0);
      if (!seed_) return std::nullopt;
      return Crashed("crash", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it ended early");
    }
    seed_ = report.seed;
    begun_ = ProcessorSeconds();
    if (!report.ended) return std::nullopt;
    seed_.reset();
    return Unpack(report);
  }

  Outcome Crashed(const char* checker, const std::string& how) const {
    Outcome outcome;
    outcome.seed = *seed_;
    outcome.checker = checker;
    outcome.what = how;
    const std::string said = Said();
    if (said.find("CHECK failed") != std::string::npos) outcome.checker = "CHECK";
    if (!said.empty()) outcome.what = said;
    return outcome;
  }

 private:
  double ProcessorSeconds() const {
    clockid_t clock = 0;
    timespec used{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }

  /// The end of what it wrote to stderr.
  std::string Said() const {
    const off_t end = ::lseek(stderr_, 0, SEEK_END);
    const off_t from = std::max<off_t>(0, end - 2'000);
    std::string text(static_cast<size_t>(end - from), '\0');
    const ssize_t size = ::pread(stderr_, text.data(), text.size(), from);
    text.resize(static_cast<size_t>(std::max<ssize_t>(0, size)));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

  pid_t pid_ = 0;
  int pipe_ = -1;
  int stderr_ = -1;
  std::optional<uint64_t> seed_;  // that it is at
  double begun_ = 0;              // it, in the process's seconds
};

/// Runs the seeds from `first`, every `stride`-th, below `end`.
Worker::Body SeedsBody(const SeedsOptions& options, uint64_t first, uint64_t end) {
  return [&options, first, end](int pipe) {
    for (uint64_t seed = first; seed < end; seed += static_cast<uint64_t>(options.jobs)) {
      Report begin;
      begin.seed = seed;
      WriteReport(pipe, begin);
      const RunOptions run{
          .seed = seed, .faults = options.faults, .without = FaultsOf(seed, options.without_kinds)};
      Outcome outcome = RunSeed(run);
      if (outcome.ok() && (seed == options.first_seed || seed % kRunTwiceEvery == 0)) {
        if (const Outcome again = RunSeed(run); again.hash != outcome.hash) {
          outcome.checker = "determinism";
          outcome.what = "a second run of the seed was another one";
        }
      }
      WriteReport(pipe, Pack(outcome));
    }
  };
}

void ShowProgress(const Tally& tally, Clock::time_point begun, bool last) {
  static Clock::time_point shown;
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  if (!last && SecondsSince(shown) < (terminal ? 1.0 : 30.0)) return;
  shown = Clock::now();
  const double seconds = std::max(0.001, SecondsSince(begun));
  std::fprintf(stderr, "%s%lu seeds in %.0f s, %.2f simulated days, %.0f events/s, %zu failed%s",
               terminal ? "\r" : "", static_cast<unsigned long>(tally.seeds), seconds,
               static_cast<double>(tally.virtual_us) / 86'400e6,
               static_cast<double>(tally.events) / seconds, tally.failures.size(),
               terminal && !last ? "   " : "\n");
}

void Add(const Outcome& outcome, Tally* tally) {
  ++tally->seeds;
  tally->events += outcome.events;
  tally->virtual_us += outcome.virtual_us;
  for (size_t i = 0; i < kFaultKinds; ++i) tally->faults[i] += outcome.faults[i];
  tally->reached.Add(outcome.reached);
  tally->events_of.push_back(outcome.events);
  tally->acknowledged_of.push_back(outcome.acknowledged);
  tally->faults_of.push_back(outcome.fault_count());
  if (!outcome.ok()) tally->failures.push_back(outcome);
}

}  // namespace

std::set<int> FaultsOf(uint64_t seed, const std::vector<FaultKind>& kinds) {
  std::set<int> ids;
  if (kinds.empty()) return ids;
  for (const Fault& fault : MakeSwarm(seed).faults) {
    if (std::find(kinds.begin(), kinds.end(), fault.kind) != kinds.end()) ids.insert(fault.id);
  }
  return ids;
}

Tally RunSeeds(const SeedsOptions& options) {
  Tally tally;
  const Clock::time_point begun = Clock::now();
  const uint64_t end = options.count == 0 ? ~uint64_t{0} : options.first_seed + options.count;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < options.jobs; ++i) {
    workers.push_back(std::make_unique<Worker>(
        SeedsBody(options, options.first_seed + static_cast<uint64_t>(i), end)));
  }
  const auto over = [&] {
    return options.seconds > 0 && SecondsSince(begun) >= static_cast<double>(options.seconds);
  };
  while (!workers.empty() && !over()) {
    std::vector<pollfd> ready;
    for (const auto& worker : workers) ready.push_back({worker->pipe(), POLLIN, 0});
    ::poll(ready.data(), ready.size(), 200);
    for (size_t i = 0; i < ready.size() && !over(); ++i) {
      Worker& worker = *workers[i];
      bool ended = false;
      std::optional<Outcome> outcome;
      if (ready[i].revents != 0) {
        outcome = worker.Read(&ended);
      } else if (worker.Hangs()) {
        outcome = worker.Crashed("hang", "it did not end");
        ended = true;
      }
      if (outcome) Add(*outcome, &tally);
      if (outcome && !outcome->ok() && options.progress) {
        std::fprintf(stderr, "FAILED seed %lu: %s\n", static_cast<unsigned long>(outcome->seed),
                     outcome->checker.c_str());
      }
      if (!ended) continue;
      if (outcome) {  // its next seed is for another process
        workers[i] = std::make_unique<Worker>(
            SeedsBody(options, outcome->seed + static_cast<uint64_t>(options.jobs), end));
      } else {
        workers[i].reset();
      }
    }
    std::erase(workers, nullptr);
    if (options.progress) ShowProgress(tally, begun, false);
  }
  tally.wall_seconds = SecondsSince(begun);
  if (options.progress) ShowProgress(tally, begun, true);
  return tally;
}

Outcome RunApart(const RunOptions& options) {
  Worker worker([&](int pipe) {
    Report begin;
    begin.seed = options.seed;
    WriteReport(pipe, begin);
    WriteReport(pipe, Pack(RunSeed(options)));
  });
  while (true) {
    pollfd ready{worker.pipe(), POLLIN, 0};
    ::poll(&ready, 1, 200);
    bool ended = false;
    if (ready.revents != 0) {
      if (const std::optional<Outcome> outcome = worker.Read(&ended)) return *outcome;
    } else if (worker.Hangs()) {
      return worker.Crashed("hang", "it did not end");
    }
    CHECK(!ended);
  }
}

std::vector<int> Shrink(const Outcome& failed, const std::set<int>& without) {
  constexpr int kMaxRuns = 60;
  constexpr double kMaxSeconds = 90;
  const Clock::time_point begun = Clock::now();
  const Swarm swarm = MakeSwarm(failed.seed);
  const auto fails_with = [&](const std::vector<int>& kept) {
    RunOptions options{.seed = failed.seed, .faults = true, .without = {}};
    for (const Fault& fault : swarm.faults) {
      if (std::find(kept.begin(), kept.end(), fault.id) == kept.end()) {
        options.without.insert(fault.id);
      }
    }
    return RunApart(options).checker == failed.checker;
  };
  std::vector<int> kept;
  if (failed.fault_ids.empty() || failed.fault_ids.size() == Report::kMaxIds) {
    // A crash could not tell, or not all of them.
    for (const Fault& fault : swarm.faults) {
      if (!without.contains(fault.id)) kept.push_back(fault.id);
    }
  } else {
    kept = failed.fault_ids;
  }
  int runs = 0;
  for (size_t chunk = std::max<size_t>(1, kept.size() / 2); chunk > 0;) {
    bool smaller = false;
    for (size_t at = 0; at < kept.size();) {
      if (++runs > kMaxRuns || SecondsSince(begun) > kMaxSeconds) return kept;
      std::vector<int> fewer = kept;
      const size_t count = std::min(chunk, kept.size() - at);
      fewer.erase(fewer.begin() + static_cast<long>(at),
                  fewer.begin() + static_cast<long>(at + count));
      if (fails_with(fewer)) {
        kept = std::move(fewer);
        smaller = true;
      } else {
        at += count;
      }
    }
    if (chunk == 1 && !smaller) break;
    chunk = chunk > 1 ? chunk / 2 : 1;
  }
  return kept;
}

}  // namespace jangada::sim
