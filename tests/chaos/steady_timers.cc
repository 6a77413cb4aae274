// For processes whose wall clock libfaketime moves: preloaded before it, this hands timerfd_settime
// to the kernel as it was called. libfaketime takes every absolute time for one of the wall clock,
// and works it out from numbers that another thread may be changing just then: a timer of the
// monotonic clock that was due already (as Asio arms it) then failed to be armed, and a thread that
// waits for it slept for five minutes. Any thread.
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

extern "C" int timerfd_settime(int fd, int flags, const itimerspec* wanted, itimerspec* before) {
  return static_cast<int>(syscall(SYS_timerfd_settime, fd, flags, wanted, before));
}
