// jangada produce: a record a line, acknowledged or the exit code says otherwise.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <mutex>
#include <optional>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/line_source.h"
#include "client/cli/stop_signal.h"
#include "client/core.h"
#include "client/producer.h"

namespace jangada::client {
namespace {

/// Words are separated as awk separates them.
constexpr std::string_view kBlanks = " \t";

/// What the last try may take beyond the delivery timeout.
constexpr int64_t kFlushGraceMs = 5000;

std::optional<std::string> WordOf(std::string_view line, int32_t number) {
  for (;;) {
    const size_t from = line.find_first_not_of(kBlanks);
    if (from == std::string_view::npos) return std::nullopt;
    line.remove_prefix(from);
    const size_t size = std::min(line.find_first_of(kBlanks), line.size());
    if (--number == 0) return std::string(line.substr(0, size));
    line.remove_prefix(size);
  }
}

Result<storage::Compression> CompressionByName(const std::string& name) {
  if (name == "none") return storage::Compression::kNone;
  if (name == "gzip") return storage::Compression::kGzip;
  if (name == "lz4") return storage::Compression::kLz4;
  if (name == "zstd") return storage::Compression::kZstd;
  return Error{ErrorCode::kInvalidArgument,
               "'" + name + "' is no compression; use none, gzip, lz4 or zstd"};
}

/// A file descriptor that is closed if we opened it.
class Input {
 public:
  static Result<Input> Open(const std::string& file) {
    if (file.empty() || file == "-") return Input(STDIN_FILENO);
    const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      return Error{ErrorCode::kNotFound, "'" + file + "' can't be opened: " + std::strerror(errno)};
    }
    return Input(fd);
  }
  Input(Input&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Input& operator=(Input&&) = delete;
  ~Input() {
    if (fd_ > STDERR_FILENO) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  explicit Input(int fd) : fd_(fd) {}
  int fd_;
};

/// What came of the records. Acknowledgements come on the client's thread.
class Outcome {
 public:
  Outcome(const StopSignal& stop, bool print_offsets)
      : stop_(stop), print_offsets_(print_offsets) {}

  void OnDelivery(int64_t line_number, const Result<Delivery>& delivery) {
    if (!delivery.ok()) {
      const std::lock_guard lock(mutex_);
      if (failed_++ == 0) first_error_ = delivery.error();
      stop_.Request();  // the rest would hardly fare better, and would come out of order
      return;
    }
    acknowledged_.fetch_add(1, std::memory_order_relaxed);
    if (!print_offsets_) return;
    // PARTITION OFFSET LINE_NUMBER, out at once: a reader may act on it while we go on.
    std::printf("%d %lld %lld\n", delivery->partition, static_cast<long long>(delivery->offset),
                static_cast<long long>(line_number));
    if (std::fflush(stdout) != 0) OnStdoutGone();
  }

  /// `all_sent`: the input was read to its end.
  Status Verdict(int64_t sent, bool all_sent) {
    const std::lock_guard lock(mutex_);
    if (failed_ == 0 && acknowledged_ == sent && all_sent && !stdout_gone_) return {};
    const std::string counts = std::to_string(acknowledged_) + " of the " + std::to_string(sent) +
                               " records sent were acknowledged";
    if (failed_ == 0 && acknowledged_ != sent)
      return Error{ErrorCode::kTimeout, counts + "; the others may have been written"};
    if (stdout_gone_)
      return Error{ErrorCode::kIoError, counts + ", but stdout can't be written to"};
    if (failed_ == 0)
      return Error{ErrorCode::kInternal, counts + "; stopped before the input's end"};
    return Error{first_error_.code, counts + ": " + first_error_.message};
  }

 private:
  /// The records are safe, but whoever wants their offsets does not get them.
  void OnStdoutGone() {
    stdout_gone_ = true;
    stop_.Request();
  }

  const StopSignal& stop_;
  const bool print_offsets_;
  std::atomic<int64_t> acknowledged_ = 0;
  std::atomic<bool> stdout_gone_ = false;
  std::mutex mutex_;
  int64_t failed_ = 0;
  Error first_error_;
};

}  // namespace

storage::Record RecordOfLine(std::string line, const ProduceOptions& options) {
  storage::Record record;
  if (options.key_field > 0) {
    record.key = WordOf(line, options.key_field);
  } else if (!options.key_separator.empty()) {
    const size_t at = line.find(options.key_separator);
    if (at != std::string::npos) {
      record.key = line.substr(0, at);
      line.erase(0, at + options.key_separator.size());
    }
  }
  record.value = std::move(line);
  return record;
}

Status ProduceCommand(const Context& context, const ProduceOptions& options) {
  ProducerOptions producer_options{.delivery_timeout_ms = context.timeout_ms};
  TRY_ASSIGN(producer_options.compression, CompressionByName(options.compression));
  TRY_ASSIGN(const Input input, Input::Open(options.file));
  const StopSignal stop;
  Outcome outcome(stop, options.print_offsets);
  LineSource lines(input.fd(), stop);
  Producer producer(context.client, producer_options);
  const EventLoop& clock = context.client.core().loop;
  const int64_t started_us = clock.NowUs();
  int64_t sent = 0;
  bool all_sent = false;
  while (!stop.requested()) {
    TRY_ASSIGN(auto line, lines.Next());
    if (!line.has_value()) {
      all_sent = !stop.requested();
      break;
    }
    if (options.rate > 0) {
      const auto due_us =
          started_us + static_cast<int64_t>(1e6 * static_cast<double>(sent) / options.rate);
      if (!stop.WaitFor(due_us - clock.NowUs())) break;
    }
    const int64_t line_number = ++sent;
    producer.Send(options.topic, RecordOfLine(std::move(*line), options),
                  [&outcome, line_number](const Result<Delivery>& delivery) {
                    outcome.OnDelivery(line_number, delivery);
                  });
  }
  producer.Flush(context.timeout_ms + kFlushGraceMs);
  return outcome.Verdict(sent, all_sent);
}

}  // namespace jangada::client
