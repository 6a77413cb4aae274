// Abseil's waits in this program are ours, and they keep what a wait promises; its locks are only
// that.
#include <absl/synchronization/internal/per_thread_sem.h>
#include <absl/synchronization/mutex.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace jangada::server {
namespace {

constexpr auto kLong = std::chrono::seconds(20);

/// The system call, in hexadecimal words, in which a thread of this process stands.
std::string CallOf(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/syscall");
  std::string line;
  std::getline(file, line);
  return line;
}

TEST(MonotonicWaitsTest, AWaitOfAbseilNeverStandsOnTheWallClock) {
  constexpr uint64_t kClockRealtime = 256;  // FUTEX_CLOCK_REALTIME
  absl::Mutex mutex;
  absl::CondVar changed;
  bool done = false;
  std::atomic<pid_t> waiter{0};
  std::thread thread([&] {
    waiter = gettid();
    const absl::MutexLock lock(&mutex);
    while (!done) changed.WaitWithTimeout(&mutex, absl::FromChrono(kLong));
  });
  const auto give_up = std::chrono::steady_clock::now() + kLong;
  bool seen = false;
  while (!seen && std::chrono::steady_clock::now() < give_up) {
    std::istringstream call(waiter == 0 ? "" : CallOf(waiter));
    std::string number, address, operation;
    if (!(call >> number >> address >> operation) || number != "202") {  // not in futex yet
      std::this_thread::yield();
      continue;
    }
    seen = true;
    EXPECT_EQ(std::stoull(operation, nullptr, 16) & kClockRealtime, 0U) << operation;
  }
  EXPECT_TRUE(seen);
  {
    const absl::MutexLock lock(&mutex);
    done = true;
    changed.Signal();
  }
  thread.join();
}

TEST(MonotonicWaitsTest, LocksTakenInAnotherOrderEndNoNode) {
  absl::Mutex first, second;
  { const absl::MutexLock outer(&first), inner(&second); }
  // Abseil that looks for deadlocks ends the process here, though nobody waits for anybody.
  const absl::MutexLock outer(&second), inner(&first);
}

TEST(MonotonicWaitsTest, AWaitEndsAtItsTimeAndNotMuchLater) {
  absl::Mutex mutex;
  absl::CondVar never;
  const absl::MutexLock lock(&mutex);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(never.WaitWithTimeout(&mutex, absl::Milliseconds(30)));
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::milliseconds(29));
  EXPECT_LT(took, kLong);
}

TEST(MonotonicWaitsTest, ADeadlineThatHasPassedEndsAtOnce) {
  absl::Mutex mutex;
  absl::CondVar never;
  const absl::MutexLock lock(&mutex);
  EXPECT_TRUE(never.WaitWithDeadline(&mutex, absl::UnixEpoch()));
  EXPECT_TRUE(never.WaitWithDeadline(&mutex, absl::InfinitePast()));
}

TEST(MonotonicWaitsTest, ManyThreadsLoseNoWakeUp) {
  constexpr int kThreads = 8, kRounds = 20'000;
  absl::Mutex mutex;
  int64_t turns = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds / kThreads; ++round) {
        const auto mine = [&] { return turns % kThreads == i; };
        const absl::MutexLock lock(&mutex, absl::Condition(&mine));
        ++turns;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(turns, kRounds);
}

}  // namespace
}  // namespace jangada::server
