// jangada consume: prints records from a start on, partition by partition in the order of their
// offsets.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/record_format.h"
#include "client/cli/start_position.h"
#include "client/cli/stop_signal.h"
#include "client/consumer.h"
#include "client/core.h"

namespace jangada::client {
namespace {

/// How often a wait for records looks whether it should end.
constexpr int64_t kPollMs = 100;

/// Where a partition is read from and to.
struct Range {
  int64_t start = 0;
  int64_t end = 0;  // of the partition, as the command began
};

Result<std::vector<TopicPartition>> PartitionsToRead(const Context& context,
                                                     const ConsumeOptions& options) {
  TRY_ASSIGN(const TopicsView view,
             context.client.DescribeTopics({options.topic}, context.timeout_ms));
  const size_t count = view.topics.empty() ? 0 : view.topics.front().partitions.size();
  std::vector<TopicPartition> partitions;
  if (options.partitions.empty()) {
    for (size_t i = 0; i < count; ++i) {
      partitions.push_back({options.topic, static_cast<int32_t>(i)});
    }
  }
  for (const int32_t partition : options.partitions) {
    if (partition < 0 || static_cast<size_t>(partition) >= count) {
      return Error{ErrorCode::kNotFound, "topic '" + options.topic + "' has " +
                                             std::to_string(count) +
                                             " partitions, counted from 0; " +
                                             std::to_string(partition) + " is none of them"};
    }
    partitions.push_back({options.topic, partition});
  }
  return partitions;
}

/// Where each partition begins and ends, and where `from` lies in it.
Result<std::map<TopicPartition, Range>> FindRanges(const Context& context,
                                                   const std::vector<TopicPartition>& partitions,
                                                   const StartPosition& from) {
  using At = OffsetQuery::At;
  const At at = from.kind == StartPosition::Kind::kTime ? At::kTimestamp : At::kEarliest;
  std::vector<OffsetQuery> queries;
  for (const TopicPartition& where : partitions) {
    queries.push_back({.where = where, .at = at, .timestamp_ms = from.time_ms});
    queries.push_back({.where = where, .at = At::kLatest});
  }
  TRY_ASSIGN(const auto offsets, context.client.ListOffsets(queries, context.timeout_ms));
  std::map<TopicPartition, Range> ranges;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const int64_t first = offsets[2 * i].offset;
    const int64_t end = offsets[2 * i + 1].offset;
    Range range{.start = first, .end = end};
    switch (from.kind) {
      case StartPosition::Kind::kBeginning: break;
      case StartPosition::Kind::kEnd: range.start = end; break;
      case StartPosition::Kind::kTime: range.start = first < 0 ? end : first; break;
      case StartPosition::Kind::kOffset:
        range.start = from.offset;
        if (from.offset < first || from.offset > end) {
          return Error{ErrorCode::kOffsetOutOfRange,
                       "partition " + std::to_string(partitions[i].partition) + " holds offsets " +
                           std::to_string(first) + " to " + std::to_string(end) + "; " +
                           std::to_string(from.offset) + " is not among them"};
        }
    }
    ranges[partitions[i]] = range;
  }
  return ranges;
}

/// The loop of the command: polls, prints, and knows when it is done.
class Printer {
 public:
  Printer(const Context& context, const ConsumeOptions& options, RecordFormat format)
      : context_(context), options_(options), format_(std::move(format)) {}

  Status Run(const std::map<TopicPartition, Range>& ranges, bool from_beginning) {
    const EventLoop& clock = context_.client.core().loop;
    Consumer consumer(context_.client, {.out_of_range = from_beginning ? OutOfRangePolicy::kEarliest
                                                                       : OutOfRangePolicy::kFail});
    for (const auto& [where, range] : ranges) {
      if (!StopsAtEnd() || range.start < range.end) {
        ends_[where] = range.end;
        consumer.Assign(where, range.start);
      }
    }
    const int64_t patience_us = context_.timeout_ms * 1000;
    int64_t give_up_us = clock.NowUs() + patience_us;
    while (!Done() && !stop_.requested()) {
      TRY_ASSIGN(const ConsumedRecords polled, consumer.Poll(kPollMs));
      if (polled.records.empty()) {
        if (clock.NowUs() >= give_up_us && (options_.count > 0 || !options_.follow)) {
          return GiveUp(consumer.trouble());
        }
        continue;
      }
      if (!Print(&consumer, polled))
        return Error{ErrorCode::kIoError, "stdout can't be written to"};
      // A count is due as a whole within the timeout; without one, each piece is.
      if (options_.count == 0) give_up_us = clock.NowUs() + patience_us;
    }
    if (!Done() && !EndsOnlyByStop()) {
      return Error{ErrorCode::kInternal, "stopped after " + std::to_string(printed_) + " records"};
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

  /// False: stdout is gone.
  bool Print(Consumer* consumer, const ConsumedRecords& polled) {
    std::string out;
    for (const storage::Record& record : polled.records) {
      if (StopsAtEnd() && record.offset >= ends_.at(polled.where)) break;
      if (options_.count > 0 && printed_ >= options_.count) break;
      format_.Append(&out, polled.where.partition, record);
      ++printed_;
    }
    if (StopsAtEnd() && polled.records.back().offset + 1 >= ends_.at(polled.where)) {
      ends_.erase(polled.where);
      consumer->Unassign(polled.where);
    }
    return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0;
  }

  Error GiveUp(const std::string& trouble) const {
    const std::string why = trouble.empty() ? "" : ": " + trouble;
    if (options_.count > 0) {
      return {trouble.empty() ? ErrorCode::kInternal : ErrorCode::kUnavailable,
              "only " + std::to_string(printed_) + " of " + std::to_string(options_.count) +
                  " records came in time" + why};
    }
    return {ErrorCode::kUnavailable, "no record came for " + std::to_string(context_.timeout_ms) +
                                         " ms, before the end was reached" + why};
  }

  const Context& context_;
  const ConsumeOptions& options_;
  const RecordFormat format_;
  const StopSignal stop_;
  std::map<TopicPartition, int64_t> ends_;  // partitions that are still read
  int64_t printed_ = 0;
};

}  // namespace

Status ConsumeCommand(const Context& context, const ConsumeOptions& options) {
  TRY_ASSIGN(RecordFormat format, RecordFormat::Parse(options.format));
  TRY_ASSIGN(const StartPosition from, ParseStartPosition(options.from));
  TRY_ASSIGN(const auto partitions, PartitionsToRead(context, options));
  TRY_ASSIGN(const auto ranges, FindRanges(context, partitions, from));
  return Printer(context, options, std::move(format))
      .Run(ranges, from.kind == StartPosition::Kind::kBeginning);
}

}  // namespace jangada::client
