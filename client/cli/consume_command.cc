#include "client/cli/consume_command.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/partition_table.h"
#include "client/cli/record_format.h"
#include "client/cli/start_position.h"
#include "client/cli/stop_signal.h"
#include "client/cli/values.h"
#include "jangada/consumer.h"

namespace jangada::client {
namespace {

/// How often a wait for records looks whether it should end.
constexpr int64_t kPollMs = 100;
/// How long nothing may come before we look whether what we wait for was deleted.
constexpr int64_t kLookForDeletedUs = 500'000;

using Kind = StartPosition::Kind;

/// How a position is asked for, beside the two ends.
OffsetQuery QueryOf(const TopicPartition& where, const StartPosition& position) {
  if (position.kind != Kind::kTime) return {.where = where, .at = OffsetQuery::At::kEarliest};
  return {.where = where, .at = OffsetQuery::At::kTimestamp, .timestamp_ms = position.time_ms};
}

/// A partition as it is when the command begins.
struct Ends {
  int64_t first = 0;
  int64_t end = 0;
};

/// Where `position` lies. `at_time`: what the partition answered, if it is a time.
int64_t OffsetOf(const StartPosition& position, const Ends& ends, const OffsetAnswer& at_time) {
  switch (position.kind) {
    case Kind::kBeginning: return ends.first;
    case Kind::kEnd: return ends.end;
    case Kind::kOffset: return position.offset;
    case Kind::kLast: return std::max(ends.first, ends.end - position.offset);
    case Kind::kTime: return at_time.offset < 0 ? ends.end : at_time.offset;
  }
  return ends.first;
}

Result<ReadRanges> FindRanges(const Context& context, const std::vector<TopicPartition>& partitions,
                              const StartPosition& from, const StartPosition& until) {
  std::vector<OffsetQuery> queries;
  for (const TopicPartition& where : partitions) {
    queries.push_back({.where = where, .at = OffsetQuery::At::kEarliest});
    queries.push_back({.where = where, .at = OffsetQuery::At::kLatest});
    queries.push_back(QueryOf(where, from));
    queries.push_back(QueryOf(where, until));
  }
  TRY_ASSIGN(const auto answers, context.client.ListOffsets(queries, context.timeout_ms));
  ReadRanges ranges;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const Ends ends{answers[4 * i].offset, answers[4 * i + 1].offset};
    const ReadRange range{.start = OffsetOf(from, ends, answers[4 * i + 2]),
                          .end = OffsetOf(until, ends, answers[4 * i + 3])};
    if (range.start < ends.first || range.start > ends.end) {
      return Error{ErrorCode::kOffsetOutOfRange,
                   "partition " + std::to_string(partitions[i].partition) + " holds offsets " +
                       std::to_string(ends.first) + " to " + std::to_string(ends.end) + "; " +
                       std::to_string(range.start) +
                       " is not among them; begin at one of them, or with --from beginning or end"};
    }
    ranges[partitions[i]] = range;
  }
  return ranges;
}

/// The loop of the command: polls, prints, and knows when it is done.
class Printer {
 public:
  Printer(const Context& context, const ConsumeOptions& options, RecordFormat format,
          OutOfRangePolicy out_of_range)
      : context_(context),
        options_(options),
        format_(std::move(format)),
        consumer_(context.client, {.out_of_range = out_of_range}),
        progress_({.progress = context.output.progress && !StdoutIsTerminal()}) {}

  Status Run(const ReadRanges& ranges) {
    for (const auto& [where, range] : ranges) {
      if (StopsAtEnd() && range.start >= range.end) continue;
      ends_[where] = range.end;
      consumer_.Assign(where, range.start);
    }
    const int64_t patience_us = context_.timeout_ms * 1000;
    int64_t give_up_us = NowUs() + patience_us;
    while (!Done() && !stop_.requested()) {
      TRY_ASSIGN(const ConsumedRecords polled, consumer_.Poll(kPollMs));
      if (polled.records.empty()) {
        if (LetGoOfDeleted()) continue;
        if (NowUs() >= give_up_us && (options_.count > 0 || !options_.follow)) return GiveUp();
        continue;
      }
      TRY(Print(polled));
      // A count is due as a whole within the timeout; without one, each piece is.
      if (options_.count == 0) give_up_us = NowUs() + patience_us;
    }
    if (!Done() && !EndsOnlyByStop()) {
      return Error{ErrorCode::kInternal,
                   "stopped after " + Counted(printed_, "record") + ", before the end"};
    }
    return {};
  }

 private:
  /// A count is waited for, as if following.
  bool StopsAtEnd() const { return !options_.follow && options_.count == 0; }
  bool EndsOnlyByStop() const { return options_.follow && options_.count == 0; }
  bool Done() const {
    return options_.count > 0 ? printed_ >= options_.count : StopsAtEnd() && ends_.empty();
  }

  Status Print(const ConsumedRecords& polled) {
    const auto end = ends_.find(polled.where);
    if (end == ends_.end()) return {};  // read ahead of an end that is behind us
    std::string out;
    for (const Record& record : polled.records) {
      if (StopsAtEnd() && record.offset >= end->second) break;
      if (options_.count > 0 && printed_ >= options_.count) break;
      if (context_.output.json) {
        out += json::Record(polled.where, record);
      } else {
        format_.Append(&out, polled.where.partition, record);
      }
      ++printed_;
    }
    if (StopsAtEnd() && polled.records.back().offset + 1 >= end->second) LetGo(polled.where);
    quiet_since_us_ = NowUs();
    if (progress_.Due()) progress_.Show(Grouped(printed_) + " records read");
    return context_.output.Print(out);
  }

  void LetGo(const TopicPartition& where) {
    ends_.erase(where);
    consumer_.Unassign(where);
  }

  /// Retention or a trim may take records that we wait for after their end was read: they will
  /// never come. True: some partition is through because of that.
  bool LetGoOfDeleted() {
    if (!StopsAtEnd() || NowUs() - quiet_since_us_ < kLookForDeletedUs) return false;
    quiet_since_us_ = NowUs();
    std::vector<OffsetQuery> queries;
    for (const auto& [where, end] : ends_) {
      queries.push_back({.where = where, .at = OffsetQuery::At::kEarliest});
    }
    const auto answers = context_.client.ListOffsets(queries, kPollMs * 10);
    if (!answers.ok()) return false;  // the consumer says what is wrong
    bool some = false;
    for (size_t i = 0; i < queries.size(); ++i) {
      const TopicPartition& where = queries[i].where;
      if ((*answers)[i].offset < ends_.at(where)) continue;
      LetGo(where);
      some = true;
    }
    return some;
  }

  Error GiveUp() const {
    const std::string trouble = consumer_.trouble();
    const std::string why = trouble.empty() ? "" : ": " + trouble;
    if (options_.count > 0) {
      return {trouble.empty() ? ErrorCode::kTimeout : ErrorCode::kUnavailable,
              "only " + std::to_string(printed_) + " of " + std::to_string(options_.count) +
                  " records came within " + DurationText(context_.timeout_ms) + why};
    }
    return {ErrorCode::kUnavailable, "no record came for " + DurationText(context_.timeout_ms) +
                                         ", before the end was reached" + why};
  }

  const Context& context_;
  const ConsumeOptions& options_;
  const RecordFormat format_;
  const StopSignal stop_;
  Consumer consumer_;
  Progress progress_;
  std::map<TopicPartition, int64_t> ends_;  // partitions that are still read
  int64_t printed_ = 0;
  int64_t quiet_since_us_ = NowUs();  // no record since; or when we looked last
};

Status CheckOptions(const Context& context, const ConsumeOptions& options) {
  const auto refuse = [](const std::string& what) {
    return Error{ErrorCode::kInvalidArgument, what};
  };
  if (!options.until.empty() && (options.follow || options.count > 0)) {
    return refuse("--until excludes --follow and --count; give one of them");
  }
  if (!options.format.empty() && context.output.json) {
    return refuse("--format excludes -o json; give one of them");
  }
  return {};
}

}  // namespace

Status PrintRanges(const Context& context, const ConsumeOptions& options, const ReadRanges& ranges,
                   bool from_beginning) {
  TRY_ASSIGN(RecordFormat format,
             RecordFormat::Parse(options.format.empty() ? "%v\\n" : options.format));
  const auto out_of_range = from_beginning ? OutOfRangePolicy::kEarliest : OutOfRangePolicy::kFail;
  return Printer(context, options, std::move(format), out_of_range).Run(ranges);
}

Status ConsumeCommand(const Context& context, const ConsumeOptions& options) {
  TRY(CheckOptions(context, options));
  TRY(RecordFormat::Parse(options.format));
  TRY_ASSIGN(const StartPosition from, ParseStartPosition(options.from));
  TRY_ASSIGN(const StartPosition until,
             ParseStartPosition(options.until.empty() ? "end" : options.until));
  TRY_ASSIGN(const auto numbers, PartitionsOf(context, options.topic, options.partitions));
  std::vector<TopicPartition> partitions;
  for (const int32_t number : numbers) partitions.push_back({options.topic, number});
  TRY_ASSIGN(const ReadRanges ranges, FindRanges(context, partitions, from, until));
  return PrintRanges(context, options, ranges, from.kind == Kind::kBeginning);
}

Command ConsumeRow() {
  const auto options = std::make_shared<ConsumeOptions>();
  return {
      .name = "consume",
      .about =
          "Print records; stops at the end that the topic had at the start, unless told "
          "otherwise",
      .more =
          "Records of one partition come in the order of their offsets, partitions in any "
          "order. It goes on when leaders change, and gives up when nothing comes for "
          "--timeout before the end is reached. --follow ends only by an interrupt, with 0.",
      .arguments = {TopicArgument(&options->topic)},
      .options =
          {{.names = "--from",
            .value = "PLACE",
            .target = &options->from,
            .help = "beginning, end, an offset, -N (the last N of each partition), @milliseconds "
                    "since 1970, or a time such as 2026-11-22T04:00:00Z"},
           {.names = "--until",
            .value = "PLACE",
            .target = &options->until,
            .help = "Where to stop, before that record; the same places",
            .default_text = "the end, as it is at the start"},
           PartitionOption(&options->partitions),
           {.names = "--count",
            .value = "N",
            .target = &options->count,
            .help = "Stop after N records; waits for them, and fails if they do not come within "
                    "--timeout",
            .at_least = 1},
           {.names = "--follow",
            .target = &options->follow,
            .help = "Go on with new records until interrupted"},
           {.names = "--format",
            .value = "FORMAT",
            .target = &options->format,
            .help = "%k key, %v value, %o offset, %p partition, %t timestamp in ms, %T the same as "
                    "a time, %h headers, %% percent; \\n \\t \\r \\0 \\\\",
            .default_text = "%v\\n"}},
      .examples = {{"All there is", "jangada consume events"},
                   {"The last five of each partition, then every new one",
                    "jangada consume events --from -5 --follow"},
                   {"With everything that belongs to a record", "jangada consume events -o json"},
                   {"One hour",
                    "jangada consume events --from 2026-11-22T04:00:00Z --until "
                    "2026-11-22T05:00:00Z"}},
      .json = R"({"topic": "string", "partition": "integer", "offset": "integer",
 "timestamp_ms": "integer",
 "key?": "string|null", "key_base64?": "string",
 "value?": "string|null", "value_base64?": "string",
 "headers": [{"name": "string", "value?": "string|null", "value_base64?": "string"}]})",
      .also = {"read", "subscribe", "sub", "tail", "fetch", "cat"},
      .run = [options](const Context& context) { return ConsumeCommand(context, *options); }};
}

}  // namespace jangada::client
