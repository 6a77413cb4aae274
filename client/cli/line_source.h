// LineSource: the records of `jangada produce`, a line each, bytes as they are. Its user's thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "client/cli/stop_signal.h"

namespace jangada::client {

class LineSource {
 public:
  /// Reads `fd`, which the caller closes, until its end or until `stop` is asked for.
  LineSource(int fd, const StopSignal& stop) : fd_(fd), stop_(stop) {}

  /// The next line without its newline; nullopt at the end. What follows the last newline is a line
  /// if it is not empty. kIoError if the file can't be read.
  Result<std::optional<std::string>> Next();

 private:
  /// False at the end.
  Result<bool> Fill();

  const int fd_;
  const StopSignal& stop_;
  std::string buffer_;
  size_t taken_ = 0;     // of buffer_
  size_t searched_ = 0;  // no newline before this
  bool ended_ = false;
};

}  // namespace jangada::client
