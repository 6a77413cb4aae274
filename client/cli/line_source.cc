#include "client/cli/line_source.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace jangada::client {

Result<bool> LineSource::Fill() {
  buffer_.erase(0, taken_);
  searched_ -= taken_;
  taken_ = 0;
  std::array<char, 64 << 10> chunk;
  for (;;) {
    if (!stop_.WaitReadable(fd_)) return false;
    const ssize_t got = read(fd_, chunk.data(), chunk.size());
    if (got > 0) {
      buffer_.append(chunk.data(), static_cast<size_t>(got));
      return true;
    }
    if (got == 0) return false;
    if (errno != EINTR && errno != EAGAIN) {
      return Error{ErrorCode::kIoError,
                   std::string("the records can't be read: ") + std::strerror(errno)};
    }
  }
}

Result<std::optional<std::string>> LineSource::Next() {
  for (;;) {
    const size_t newline = buffer_.find('\n', searched_);
    if (newline != std::string::npos) {
      std::string line = buffer_.substr(taken_, newline - taken_);
      taken_ = searched_ = newline + 1;
      return std::optional(std::move(line));
    }
    searched_ = buffer_.size();
    if (ended_) break;
    TRY_ASSIGN(const bool more, Fill());
    ended_ = !more;
  }
  if (stop_.requested() || taken_ == buffer_.size()) return std::optional<std::string>();
  std::string last = buffer_.substr(taken_);
  taken_ = searched_ = buffer_.size();
  return std::optional(std::move(last));
}

}  // namespace jangada::client
