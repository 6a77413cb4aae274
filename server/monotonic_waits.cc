// How threads of Abseil, and so of gRPC, wait: on the monotonic clock. Abseil waits until a point
// of the wall clock, and when that is set back by an hour, gRPC's timers stand still for an hour:
// no deadline passes, no connection is made again. Abseil lets a program bring its own semaphore
// (absl/synchronization/internal/per_thread_sem.h), and this is it: the wait's length is taken
// once, when it begins. Any thread. Linked into the server alone; a library must not do this to
// others.
#include <absl/base/internal/thread_identity.h>
#include <absl/synchronization/internal/create_thread_identity.h>
#include <absl/synchronization/internal/kernel_timeout.h>
#include <absl/synchronization/internal/per_thread_sem.h>
#include <absl/synchronization/mutex.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <optional>

namespace {

using absl::base_internal::ThreadIdentity;
using absl::synchronization_internal::KernelTimeout;

constexpr int64_t kNanosPerSecond = 1'000'000'000;

/// The semaphore of a thread, in the room that Abseil keeps for one. Abseil's constructor leaves
/// zeros there.
std::atomic<int32_t>& SemaphoreOf(ThreadIdentity* identity) {
  static_assert(sizeof(std::atomic<int32_t>) <= sizeof(ThreadIdentity::WaiterState));
  return *reinterpret_cast<std::atomic<int32_t>*>(identity->waiter_state.data);
}

timespec Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now;
}

/// `wall`, a point of the wall clock, on the monotonic clock as the two stand now.
timespec ToMonotonic(const timespec& wall) {
  const timespec wall_now = Now(CLOCK_REALTIME);
  timespec then = Now(CLOCK_MONOTONIC);
  then.tv_sec += wall.tv_sec - wall_now.tv_sec;
  then.tv_nsec += wall.tv_nsec - wall_now.tv_nsec;
  if (then.tv_nsec < 0) {
    then.tv_nsec += kNanosPerSecond;
    --then.tv_sec;
  } else if (then.tv_nsec >= kNanosPerSecond) {
    then.tv_nsec -= kNanosPerSecond;
    ++then.tv_sec;
  }
  if (then.tv_sec < 0) return {};
  return then;
}

bool Take(std::atomic<int32_t>& semaphore) {
  int32_t count = semaphore.load(std::memory_order_relaxed);
  while (count > 0) {
    if (semaphore.compare_exchange_weak(count, count - 1, std::memory_order_acquire)) return true;
  }
  return false;
}

/// Waits while the semaphore is 0. False: the time is over.
bool SleepUntil(std::atomic<int32_t>& semaphore, const timespec* deadline) {
  // Without FUTEX_CLOCK_REALTIME the deadline is one of the monotonic clock.
  const int64_t woken =
      syscall(SYS_futex, reinterpret_cast<int32_t*>(&semaphore),
              FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
  return woken == 0 || errno != ETIMEDOUT;
}

/// Debian builds Abseil as for debugging: every lock of gRPC's then enters a graph of all locks,
/// under one lock of its own, and an order that differs ends the process.
[[maybe_unused]] const bool kNoDeadlockDetection = [] {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return true;
}();

}  // namespace

extern "C" void ABSL_INTERNAL_C_SYMBOL(AbslInternalPerThreadSemPost)(ThreadIdentity* identity) {
  std::atomic<int32_t>& semaphore = SemaphoreOf(identity);
  if (semaphore.fetch_add(1, std::memory_order_release) > 0) return;
  syscall(SYS_futex, reinterpret_cast<int32_t*>(&semaphore), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

extern "C" bool ABSL_INTERNAL_C_SYMBOL(AbslInternalPerThreadSemWait)(KernelTimeout timeout) {
  std::atomic<int32_t>& semaphore =
      SemaphoreOf(absl::synchronization_internal::GetOrCreateCurrentThreadIdentity());
  std::optional<timespec> deadline;
  if (timeout.has_timeout()) deadline = ToMonotonic(timeout.MakeAbsTimespec());
  while (!Take(semaphore)) {
    if (!SleepUntil(semaphore, deadline ? &*deadline : nullptr)) return Take(semaphore);
  }
  return true;
}
