// jangada bench consume: how fast records are read; or, following `bench produce`, how long each
// took from when it was due until it was here.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <utility>

#include "client/cli/bench.h"
#include "client/cli/bench_options.h"
#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/partition_table.h"
#include "client/cli/stop_signal.h"
#include "client/cli/values.h"
#include "jangada/consumer.h"

namespace jangada::client {
namespace {

/// How often a wait for records looks whether the run is over.
constexpr int64_t kPollMs = 50;

struct ConsumeBenchOptions {
  std::string topic;
  bool follow = false;
  int32_t consumers = 1;
  ByteCount fetch_bytes{1 << 20};
  BenchLength length{.warmup = {0}};
};

/// What all consumers of a run know.
struct Plan {
  const ConsumeBenchOptions& options;
  std::vector<std::string> bootstrap;
  int64_t measured_from_us = 0;
  int64_t ends_us = 0;
  std::atomic<int64_t> records_left = INT64_MAX;
};

struct Range {
  int64_t start = 0;
  int64_t end = 0;
};

/// One consumer with a client of its own.
class Worker {
 public:
  Worker(Plan& plan, const StopSignal& stop) : plan_(plan), stop_(stop) {}

  void Add(const TopicPartition& where, const Range& range) {
    if (plan_.options.follow || range.start < range.end) ranges_[where] = range;
  }

  /// On a thread of its own, until the end of the run, or of the topic.
  void Run() {
    auto client = Client::Make({.bootstrap = plan_.bootstrap});
    CHECK(client.ok());  // the same addresses made a client before
    Consumer consumer(**client,
                      {.fetch_bytes = static_cast<int32_t>(plan_.options.fetch_bytes.value),
                       .out_of_range = OutOfRangePolicy::kEarliest});
    for (const auto& [where, range] : ranges_) consumer.Assign(where, range.start);
    while (!ranges_.empty() && !stop_.requested() && NowUs() < plan_.ends_us &&
           plan_.records_left > 0) {
      const int64_t asked_us = NowUs();
      const auto polled = consumer.Poll(kPollMs);
      if (!polled.ok()) {
        error_ = polled.error();
        return;
      }
      if (!polled->records.empty()) Take(*polled, asked_us, &consumer);
    }
  }

  // ---- any thread, while it runs ----
  int64_t read() const { return read_.load(std::memory_order_relaxed); }

  // ---- after Run ----
  void AddTo(BenchReport* report, int64_t* last_us) const {
    report->records += measured_;
    report->bytes += bytes_;
    report->requests += pieces_;
    report->latency.Merge(latency_);
    *last_us = std::max(*last_us, last_us_);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  void Take(const ConsumedRecords& polled, int64_t asked_us, Consumer* consumer) {
    const auto count = static_cast<int64_t>(polled.records.size());
    const int64_t now_us = NowUs();
    read_.fetch_add(count, std::memory_order_relaxed);
    plan_.records_left -= count;
    if (now_us >= plan_.measured_from_us) {
      measured_ += count;
      ++pieces_;
      last_us_ = now_us;
      for (const Record& record : polled.records) Measure(record);
      if (!plan_.options.follow) latency_.Add(now_us - asked_us);
    }
    const auto range = ranges_.find(polled.where);
    if (plan_.options.follow || range == ranges_.end()) return;
    if (polled.records.back().offset + 1 < range->second.end) return;
    consumer->Unassign(polled.where);
    ranges_.erase(range);
  }

  void Measure(const Record& record) {
    bytes_ += static_cast<int64_t>(record.key.value_or("").size());
    if (!record.value.has_value()) return;
    bytes_ += static_cast<int64_t>(record.value->size());
    if (!plan_.options.follow) return;
    if (const auto stamp = ReadStamp(*record.value)) latency_.Add(WallNowUs() - *stamp);
  }

  Plan& plan_;
  const StopSignal& stop_;
  std::map<TopicPartition, Range> ranges_;  // that are still read
  std::atomic<int64_t> read_ = 0;
  int64_t measured_ = 0;
  int64_t bytes_ = 0;
  int64_t pieces_ = 0;
  int64_t last_us_ = 0;
  LatencyHistogram latency_;
  std::optional<Error> error_;
};

Result<std::map<TopicPartition, Range>> FindRanges(const Context& context,
                                                   const ConsumeBenchOptions& options) {
  using At = OffsetQuery::At;
  TRY_ASSIGN(const auto partitions, PartitionsOf(context, options.topic, {}));
  std::vector<OffsetQuery> queries;
  for (const int32_t partition : partitions) {
    const At start = options.follow ? At::kLatest : At::kEarliest;
    queries.push_back({.where = {options.topic, partition}, .at = start});
    queries.push_back({.where = {options.topic, partition}, .at = At::kLatest});
  }
  TRY_ASSIGN(const auto answers, context.client.ListOffsets(queries, context.timeout_ms));
  std::map<TopicPartition, Range> ranges;
  for (size_t i = 0; i < queries.size(); i += 2) {
    ranges[queries[i].where] = {answers[i].offset, answers[i + 1].offset};
  }
  return ranges;
}

BenchReport Drive(const Context& context, const std::map<TopicPartition, Range>& ranges, Plan* plan,
                  std::optional<Error>* error) {
  const StopSignal stop;
  const ConsumeBenchOptions& options = plan->options;
  const double cpu_before = CpuSeconds();
  plan->measured_from_us = options.length.MeasuredFromUs(NowUs());
  plan->ends_us = options.length.EndsUs(plan->measured_from_us);
  if (options.length.records > 0) plan->records_left = options.length.records;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < options.consumers; ++i) {
    workers.push_back(std::make_unique<Worker>(*plan, stop));
  }
  size_t next = 0;
  for (const auto& [where, range] : ranges) workers[next++ % workers.size()]->Add(where, range);
  Crew crew;
  for (const auto& worker : workers) crew.Start([worker = worker.get()] { worker->Run(); });
  crew.Watch(context, [&] {
    int64_t read = 0;
    for (const auto& worker : workers) read += worker->read();
    return read;
  });
  BenchReport report{.bench = "consume", .topic = options.topic};
  report.settings = {{"fetch bytes", std::to_string(options.fetch_bytes.value)},
                     {"consumers", std::to_string(options.consumers)},
                     {"follow", options.follow ? "yes" : "no"}};
  report.latency_of = options.follow ? "from when a record was due to when it was here"
                                     : "the wait for each piece of records";
  int64_t last_us = plan->measured_from_us;
  for (const auto& worker : workers) {
    worker->AddTo(&report, &last_us);
    if (worker->error() && !*error) *error = worker->error();
  }
  report.seconds = static_cast<double>(last_us - plan->measured_from_us) / 1e6;
  report.client_cpu_seconds = CpuSeconds() - cpu_before;
  if (stop.requested() && !*error) *error = Error{ErrorCode::kInternal, "stopped before the end"};
  return report;
}

Status BenchConsume(const Context& context, const ConsumeBenchOptions& options) {
  TRY(options.length.Check());
  TRY_ASSIGN(const auto ranges, FindRanges(context, options));
  Plan plan{.options = options, .bootstrap = context.connection.bootstrap};
  std::optional<Error> error;
  const BenchReport report = Drive(context, ranges, &plan, &error);
  TRY(context.output.Print(context.output.json ? json::Bench(report) : TextOf(report)));
  return error ? Status(*error) : Status();
}

}  // namespace

Command BenchConsumeRow() {
  const auto options = std::make_shared<ConsumeBenchOptions>();
  Command row{
      .name = "consume",
      .about = "How fast records are read, or how long they take from producer to consumer",
      .more =
          "Reads a topic from its beginning to its end, or for as long as is said. With --follow "
          "it reads what `bench produce` writes meanwhile, and latency counts from when a record "
          "was due there; both must have one clock.",
      .arguments = {TopicArgument(&options->topic)},
      .options = {{.names = "--follow",
                   .target = &options->follow,
                   .help =
                       "Start at the end, and measure records of `bench produce` on their whole "
                       "way"},
                  {.names = "--consumers",
                   .value = "N",
                   .target = &options->consumers,
                   .help = "So many, each with connections of its own; they share the partitions",
                   .at_least = 1},
                  {.names = "--fetch-bytes",
                   .value = "BYTES",
                   .target = &options->fetch_bytes,
                   .help = "Of one partition in one answer",
                   .at_least = 1}},
      .examples = {{"Read all there is", "jangada bench consume events --duration 1m"},
                   {"From end to end, while another terminal runs bench produce events --rate 1000",
                    "jangada bench consume events --follow"}},
      .json = kBenchShape,
      .also = {"consumer", "read", "sub"},
      .run = [options](const Context& context) { return BenchConsume(context, *options); }};
  for (Option& option : BenchLengthOptions(&options->length)) row.options.push_back(option);
  return row;
}

}  // namespace jangada::client
