// StopSignal: SIGINT and SIGTERM ask a command to end in order; waiting for input, or for the next
// record's time, ends at once. Whoever asks a second time does not want to wait: the process ends.
// One at a time per process.
#pragma once

#include <cstdint>

namespace jangada::client {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;

  /// The last signal that any StopSignal of this process caught; 0: none.
  static int caught();

  /// Asks from the program itself, from any thread.
  void Request() const;

  /// Waits until `fd` has something to read or has ended. False: a stop was asked for.
  bool WaitReadable(int fd) const;

  /// Waits so long. False: a stop was asked for.
  bool WaitFor(int64_t microseconds) const;

 private:
  int pipe_[2] = {-1, -1};  // a byte in it: stop
};

}  // namespace jangada::client
