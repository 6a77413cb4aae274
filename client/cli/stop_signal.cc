#include "client/cli/stop_signal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/check.h"

namespace jangada::client {
namespace {

/// The only thing that a signal handler can reach.
volatile std::sig_atomic_t signal_pipe = -1;
std::atomic<bool> asked = false;  // by a signal, or by the program; cheap to look at
volatile std::sig_atomic_t signal_caught = 0;

void OnSignal(int signal) {
  const int saved = errno;
  signal_caught = signal;
  asked = true;
  const char byte = 0;
  if (signal_pipe >= 0) (void)!write(signal_pipe, &byte, 1);
  errno = saved;
}

}  // namespace

StopSignal::StopSignal() {
  CHECK_EQ(pipe2(pipe_, O_NONBLOCK | O_CLOEXEC), 0);
  CHECK_EQ(signal_pipe, -1);
  asked = false;
  signal_pipe = pipe_[1];
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

StopSignal::~StopSignal() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal_pipe = -1;
  close(pipe_[0]);
  close(pipe_[1]);
}

int StopSignal::caught() { return signal_caught; }

bool StopSignal::requested() const { return asked.load(std::memory_order_relaxed); }

void StopSignal::Request() const {
  asked = true;
  const char byte = 0;
  (void)!write(pipe_[1], &byte, 1);
}

bool StopSignal::WaitReadable(int fd) const {
  pollfd both[2] = {{pipe_[0], POLLIN, 0}, {fd, POLLIN, 0}};
  while (poll(both, 2, -1) < 0) CHECK_EQ(errno, EINTR);
  return both[0].revents == 0;
}

bool StopSignal::WaitFor(int64_t microseconds) const {
  if (microseconds <= 0) return !requested();
  pollfd signalled{pipe_[0], POLLIN, 0};
  const timespec wait{microseconds / 1'000'000, microseconds % 1'000'000 * 1000};
  return ppoll(&signalled, 1, &wait, nullptr) <= 0 || !requested();
}

}  // namespace jangada::client
