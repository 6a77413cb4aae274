// jangada produce: a record a line, acknowledged or the exit code says otherwise.
#include "client/cli/produce_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/line_source.h"
#include "client/cli/partition_table.h"
#include "client/cli/producing.h"
#include "client/cli/stop_signal.h"
#include "client/cli/values.h"
#include "jangada/producer.h"

namespace jangada::client {
namespace {

/// Words are separated as awk separates them.
constexpr std::string_view kBlanks = " \t";

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

/// Where the records come from: --value, or the lines of a file.
class Records {
 public:
  Records(const ProduceOptions& options, int fd, const StopSignal& stop)
      : values_(options.values), lines_(fd, stop) {}

  /// nullopt at the end, or when a stop was asked for.
  Result<std::optional<std::string>> Next() {
    if (values_.empty()) return lines_.Next();
    if (next_value_ == values_.size()) return std::optional<std::string>();
    return std::optional(values_[next_value_++]);
  }

 private:
  const std::vector<std::string>& values_;
  size_t next_value_ = 0;
  LineSource lines_;
};

/// What came of the records. Acknowledgements come on the client's thread.
class Outcome {
 public:
  Outcome(const StopSignal& stop, const ProduceOptions& options, const Output& output)
      : stop_(stop), print_offsets_(options.print_offsets), json_(output.json) {}

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
    if (json_) {
      std::fputs(json::Acknowledged(delivery->partition, delivery->offset, line_number).c_str(),
                 stdout);
    } else {
      std::printf("%d %lld %lld\n", delivery->partition, static_cast<long long>(delivery->offset),
                  static_cast<long long>(line_number));
    }
    if (std::fflush(stdout) != 0) OnStdoutGone();
  }

  int64_t acknowledged() const { return acknowledged_.load(std::memory_order_relaxed); }

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
  const bool json_;
  std::atomic<int64_t> acknowledged_ = 0;
  std::atomic<bool> stdout_gone_ = false;
  std::mutex mutex_;
  int64_t failed_ = 0;
  Error first_error_;
};

/// The topic is there, and so is the partition that was asked for: an empty input must not hide
/// that it is not.
Status CheckTopic(const Context& context, const ProduceOptions& options) {
  std::vector<int32_t> asked;
  if (options.partition >= 0) asked.push_back(options.partition);
  const auto partitions = PartitionsOf(context, options.topic, asked);
  return partitions.ok() ? Status() : Status(partitions.error());
}

Status CheckOptions(const ProduceOptions& options) {
  const int keys = (options.has_key ? 1 : 0) + (options.key_separator.empty() ? 0 : 1) +
                   (options.key_field > 0 ? 1 : 0);
  if (keys > 1) {
    return Error{ErrorCode::kInvalidArgument,
                 "--key, --key-separator and --key-field exclude each other; give one of them"};
  }
  if (!options.values.empty() && !options.file.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "--value and a file exclude each other; give one of them"};
  }
  return {};
}

}  // namespace

Record RecordOfLine(std::string line, const ProduceOptions& options) {
  Record record;
  if (options.has_key) {
    record.key = options.key;
  } else if (options.key_field > 0) {
    record.key = WordOf(line, options.key_field);
  } else if (!options.key_separator.empty()) {
    const size_t at = line.find(options.key_separator);
    if (at != std::string::npos) {
      record.key = line.substr(0, at);
      line.erase(0, at + options.key_separator.size());
    }
  }
  if (!line.empty() || !options.null_values) record.value = std::move(line);
  return record;
}

Status ProduceCommand(const Context& context, const ProduceOptions& options) {
  TRY(CheckOptions(options));
  ProducerOptions producer_options{.delivery_timeout_ms = context.timeout_ms};
  TRY_ASSIGN(producer_options.compression, CompressionByName(options.compression));
  TRY_ASSIGN(const auto header_map, ParsePairs(options.headers, "--header"));
  const std::vector<RecordHeader> headers = HeadersOf(header_map);
  TRY_ASSIGN(const Input input, Input::Open(options.file));
  TRY(CheckTopic(context, options));
  const std::optional<int32_t> partition =
      options.partition < 0 ? std::nullopt : std::optional(options.partition);
  const StopSignal stop;
  Outcome outcome(stop, options, context.output);
  Records records(options, input.fd(), stop);
  Progress progress(context.output);
  Producer producer(context.client, producer_options);
  Pace pace(options.rate);
  const int64_t started_us = NowUs();
  int64_t sent = 0;
  bool all_sent = false;
  while (!stop.requested()) {
    TRY_ASSIGN(auto line, records.Next());
    if (!line.has_value()) {
      all_sent = !stop.requested();
      break;
    }
    if (!stop.WaitFor(pace.UntilNextUs())) break;
    Record record = RecordOfLine(std::move(*line), options);
    record.headers = headers;
    const int64_t line_number = ++sent;
    producer.Send(
        options.topic, std::move(record),
        [&outcome, line_number](const Result<Delivery>& delivery) {
          outcome.OnDelivery(line_number, delivery);
        },
        partition);
    if (progress.Due()) progress.Show(Grouped(outcome.acknowledged()) + " records acknowledged");
  }
  producer.Flush(context.timeout_ms + kFlushGraceMs);
  progress.Wipe();
  TRY(outcome.Verdict(sent, all_sent));
  if (options.print_offsets) return {};
  const double seconds = static_cast<double>(NowUs() - started_us) / 1e6;
  return Answer(context, json::Produced(options.topic, sent, outcome.acknowledged(), seconds),
                "produced " + Counted(sent, "record") + " to " + options.topic);
}

Command ProduceRow() {
  const auto options = std::make_shared<ProduceOptions>();
  const auto key = std::make_shared<std::vector<std::string>>();
  return {
      .name = "produce",
      .about = "Append records, one a line; exits with 0 only if all were acknowledged",
      .more =
          "An acknowledged record is synced to the disks of a majority of its partition's "
          "replicas. Records with one key go to one partition, where Kafka's clients would put "
          "them, and keep their order. A record that is not acknowledged within --timeout ends "
          "the command.",
      .arguments = {TopicArgument(&options->topic),
                    {.names = "FILE",
                     .target = &options->file,
                     .help = "Where the lines come from",
                     .default_text = "stdin",
                     .completion = Completion::kFiles}},
      .options =
          {{.names = "--value",
            .value = "V",
            .target = &options->values,
            .help = "A record, in place of a file's lines; may be repeated"},
           {.names = "--key", .value = "K", .target = key.get(), .help = "The key of every record"},
           {.names = "--key-separator",
            .value = "S",
            .target = &options->key_separator,
            .help =
                "What stands before the first S of a line is its key, what follows is the value"},
           {.names = "--key-field",
            .value = "N",
            .target = &options->key_field,
            .help = "The Nth word of a line (from 1, separated by blanks) is its key; the value is "
                    "the whole line",
            .at_least = 1},
           {.names = "--header",
            .value = "NAME=VALUE",
            .target = &options->headers,
            .help = "A header of every record; may be repeated"},
           {.names = "--null-values",
            .target = &options->null_values,
            .help = "An empty value becomes none at all: a tombstone"},
           {.names = "--partition",
            .value = "N",
            .target = &options->partition,
            .help = "Where every record goes",
            .at_least = 0,
            .default_text = "by key; without one, all partitions in turn"},
           {.names = "--compression",
            .value = "NAME",
            .target = &options->compression,
            .help = "Of the batches",
            .one_of = CompressionNames()},
           {.names = "--rate",
            .value = "N",
            .target = &options->rate,
            .help = "Records per second",
            .default_text = "as fast as they go"},
           {.names = "--print-offsets",
            .target = &options->print_offsets,
            .help = "Print 'PARTITION OFFSET LINE_NUMBER' as each record is acknowledged; lines "
                    "count from 1"}},
      .examples = {{"The lines of a file", "jangada produce events events.txt"},
                   {"Keys before a colon", "jangada produce logins --key-separator : <logins.txt"},
                   {"One record", "jangada produce events --key alice --value 'logged in'"}},
      .json =
          R"({"topic": "string", "sent": "integer", "acknowledged": "integer", "seconds": "number"}
# with --print-offsets, a line for each record in place of that:
{"partition": "integer", "offset": "integer", "line": "integer"})",
      .also = {"publish", "pub", "send", "write", "put"},
      .run = [options, key](const Context& context) {
        options->has_key = !key->empty();
        if (options->has_key) options->key = key->back();
        return ProduceCommand(context, *options);
      }};
}

}  // namespace jangada::client
