// jangada bench produce: how fast the cluster takes records, and how long each takes. Closed loop:
// each producer keeps a fixed number of records under way. Open loop: records are due at a fixed
// rate whatever the cluster does, and a record's latency counts from when it was due, so that a
// stall shows in all records that it holds up.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <utility>

#include "client/cli/bench.h"
#include "client/cli/bench_options.h"
#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/partition_table.h"
#include "client/cli/producing.h"
#include "client/cli/stop_signal.h"
#include "client/cli/values.h"
#include "jangada/producer.h"

namespace jangada::client {
namespace {

struct ProduceBenchOptions {
  std::string topic;  // empty: one is made, and deleted afterwards
  int32_t partitions = 3;
  int32_t replicas = 0;
  bool keep = false;
  ByteCount record_bytes{1024};
  ByteCount batch_bytes{64 << 10};
  Duration linger{5};
  bool one_per_request = false;
  std::string compression = "none";
  int32_t producers = 1;
  int32_t in_flight = 1000;
  double rate = 0;
  int64_t keys = 0;
  BenchLength length;

  bool is_open_loop() const { return rate > 0; }
};

/// What all producers of a run know.
struct Plan {
  const ProduceBenchOptions& options;
  ProducerOptions producer_options;
  std::vector<std::string> bootstrap;
  int64_t started_us = 0;
  int64_t measured_from_us = 0;  // earlier records are warm-up
  int64_t ends_us = 0;
};

/// One producer with a client of its own, as a program of its own would be.
class Worker {
 public:
  Worker(const Plan& plan, int number, const StopSignal& stop)
      : plan_(plan), number_(number), stop_(stop), random_(static_cast<uint64_t>(number)) {
    filler_.resize(static_cast<size_t>(plan.options.record_bytes.value) * 2 + 4096);
    for (char& c : filler_) c = static_cast<char>(random_());
  }

  /// On a thread of its own, until the end of the run.
  void Run() {
    auto client = Client::Make({.bootstrap = plan_.bootstrap});
    CHECK(client.ok());  // the same addresses made a client before
    Producer producer(**client, plan_.producer_options);
    const int64_t share = Share();
    for (int64_t sent = 0; sent < share && !stop_.requested() && failed_ == 0; ++sent) {
      const int64_t due_us = AwaitTurn(sent);
      if (due_us < 0) break;
      Send(&producer, due_us);
    }
    producer.Flush(plan_.producer_options.delivery_timeout_ms + kFlushGraceMs);
    requests_ = producer.acknowledged_requests();
  }

  // ---- any thread, while it runs ----
  int64_t acknowledged() const { return acknowledged_.load(std::memory_order_relaxed); }

  // ---- after Run ----
  void AddTo(BenchReport* report, int64_t* last_us) const {
    report->records += measured_;
    report->failed += failed_;
    report->bytes += bytes_;
    const int64_t all = acknowledged();
    // Requests are counted from the start; those of the warm-up go with its share of the records.
    if (all > 0) report->requests += requests_ * measured_ / all;
    report->latency.Merge(latency_);
    *last_us = std::max(*last_us, last_ack_us_);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  /// How many records it may send at most.
  int64_t Share() const {
    const int64_t all = plan_.options.length.records;
    if (all == 0) return INT64_MAX;
    return all / plan_.options.producers + (number_ < all % plan_.options.producers ? 1 : 0);
  }

  /// When the next record is due; it is by now. -1: the run is over.
  int64_t AwaitTurn(int64_t sent) {
    if (plan_.options.is_open_loop()) {
      const double mine = plan_.options.rate / plan_.options.producers;
      const double offset = static_cast<double>(number_) / plan_.options.rate;
      const int64_t due_us =
          plan_.started_us +
          static_cast<int64_t>(1e6 * (static_cast<double>(sent) / mine + offset));
      if (due_us >= plan_.ends_us || !stop_.WaitFor(due_us - NowUs())) return -1;
      return due_us;
    }
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return under_way_ < plan_.options.in_flight || failed_ > 0; });
    const int64_t now_us = NowUs();
    return now_us >= plan_.ends_us ? -1 : now_us;
  }

  void Send(Producer* producer, int64_t due_us) {
    Record record;
    const auto size = static_cast<size_t>(plan_.options.record_bytes.value);
    record.value = filler_.substr(random_() % (filler_.size() - size), size);
    if (size >= kStampBytes) WriteStamp(&*record.value, WallNowUs() - (NowUs() - due_us));
    if (plan_.options.keys > 0) {
      record.key = "key-" + std::to_string(random_() % static_cast<uint64_t>(plan_.options.keys));
    }
    const auto bytes = static_cast<int64_t>(size + record.key.value_or("").size());
    {
      const std::lock_guard lock(mutex_);
      ++under_way_;
    }
    producer->Send(plan_.options.topic, std::move(record),
                   [this, due_us, bytes](const Result<Delivery>& delivery) {
                     OnDelivery(due_us, bytes, delivery);
                   });
  }

  /// On the client's thread.
  void OnDelivery(int64_t due_us, int64_t bytes, const Result<Delivery>& delivery) {
    const int64_t now_us = NowUs();
    if (delivery.ok()) {
      acknowledged_.fetch_add(1, std::memory_order_relaxed);
      if (due_us >= plan_.measured_from_us) {
        ++measured_;
        bytes_ += bytes;
        latency_.Add(now_us - due_us);
        last_ack_us_ = now_us;
      }
    }
    const std::lock_guard lock(mutex_);
    if (!delivery.ok() && failed_++ == 0) error_ = delivery.error();
    --under_way_;
    room_.notify_one();
  }

  const Plan& plan_;
  const int number_;
  const StopSignal& stop_;
  std::mt19937_64 random_;
  std::string filler_;

  std::mutex mutex_;
  std::condition_variable room_;
  int64_t under_way_ = 0;
  std::atomic<int64_t> failed_ = 0;
  std::atomic<int64_t> acknowledged_ = 0;

  // The client's thread's, until its producer is flushed.
  int64_t measured_ = 0;
  int64_t bytes_ = 0;
  int64_t last_ack_us_ = 0;
  int64_t requests_ = 0;
  LatencyHistogram latency_;
  std::optional<Error> error_;
};

BenchReport MakeReport(const ProduceBenchOptions& options) {
  BenchReport report{.bench = "produce", .topic = options.topic};
  report.settings = {
      {"record bytes", std::to_string(options.record_bytes.value)},
      {"batch bytes", std::to_string(options.one_per_request ? 1 : options.batch_bytes.value)},
      {"linger ms", std::to_string(options.one_per_request ? 0 : options.linger.ms)},
      {"compression", options.compression},
      {"producers", std::to_string(options.producers)},
      {"one a request", options.one_per_request ? "yes" : "no"},
      {"loop", options.is_open_loop() ? "open" : "closed"},
      options.is_open_loop()
          ? std::pair<std::string, std::string>{"target rate", Fixed(options.rate, 0)}
          : std::pair<std::string, std::string>{"in flight", std::to_string(options.in_flight)}};
  report.latency_of = options.is_open_loop() ? "from when it was due to its acknowledgement"
                                             : "from its sending to its acknowledgement";
  return report;
}

/// Runs the producers and watches them.
BenchReport Drive(const Context& context, Plan* plan, std::optional<Error>* error) {
  const StopSignal stop;
  const ProduceBenchOptions& options = plan->options;
  const double cpu_before = CpuSeconds();
  plan->started_us = NowUs();
  plan->measured_from_us = options.length.MeasuredFromUs(plan->started_us);
  plan->ends_us = options.length.EndsUs(plan->measured_from_us);
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < options.producers; ++i) {
    workers.push_back(std::make_unique<Worker>(*plan, i, stop));
  }
  Crew crew;
  for (const auto& worker : workers) crew.Start([worker = worker.get()] { worker->Run(); });
  crew.Watch(context, [&] {
    int64_t acknowledged = 0;
    for (const auto& worker : workers) acknowledged += worker->acknowledged();
    return acknowledged;
  });
  BenchReport report = MakeReport(options);
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

Status CheckOptions(const ProduceBenchOptions& options) {
  if (!options.topic.empty() && options.keep) {
    return Error{ErrorCode::kInvalidArgument,
                 "--keep is for the topic that bench makes; leave it out, or the topic's name"};
  }
  return options.length.Check();
}

Status BenchProduce(const Context& context, ProduceBenchOptions options) {
  TRY(CheckOptions(options));
  Plan plan{.options = options,
            .producer_options = {.linger_ms = options.linger.ms,
                                 .batch_bytes = static_cast<size_t>(options.batch_bytes.value),
                                 .delivery_timeout_ms = context.timeout_ms},
            .bootstrap = context.connection.bootstrap};
  TRY_ASSIGN(plan.producer_options.compression, CompressionByName(options.compression));
  if (options.one_per_request) {
    plan.producer_options.batch_bytes = 1;  // the first record fills it
    plan.producer_options.linger_ms = 0;
  }
  const bool own_topic = options.topic.empty();
  if (own_topic) {
    TRY_ASSIGN(options.topic, MakeBenchTopic(context, options.partitions, options.replicas));
  } else {
    TRY(PartitionsOf(context, options.topic, {}));
  }
  std::optional<Error> error;
  const BenchReport report = Drive(context, &plan, &error);
  Status deleted;
  if (own_topic && !options.keep) {
    deleted = context.client.DeleteTopic(options.topic, context.timeout_ms);
  }
  TRY(context.output.Print(context.output.json ? json::Bench(report) : TextOf(report)));
  if (error) return *error;
  return deleted;
}

}  // namespace

Command BenchProduceRow() {
  const auto options = std::make_shared<ProduceBenchOptions>();
  Command row{
      .name = "produce",
      .about = "How fast the cluster takes records, and how long each takes",
      .more =
          "Without --rate a closed loop: each producer keeps --in-flight records under way. With "
          "--rate an open loop: records are due at that rate whatever the cluster does, and "
          "latency counts from when a record was due. Only acknowledged records count. MB are "
          "10^6 bytes of keys and values.",
      .arguments = {{.names = "TOPIC",
                     .target = &options->topic,
                     .help = "Where to produce",
                     .default_text = "one is made, and deleted afterwards",
                     .completion = Completion::kTopics}},
      .options = {{.names = "--partitions",
                   .value = "N",
                   .target = &options->partitions,
                   .help = "Of the topic that is made",
                   .at_least = 1},
                  {.names = "--replicas",
                   .value = "N",
                   .target = &options->replicas,
                   .help = "Of the topic that is made",
                   .at_least = 1,
                   .default_text = "3, or the number of nodes where there are fewer"},
                  {.names = "--keep",
                   .target = &options->keep,
                   .help = "Do not delete the topic that is made"},
                  {.names = "--record-bytes",
                   .value = "BYTES",
                   .target = &options->record_bytes,
                   .help = "Of each record's value; random bytes"},
                  {.names = "--batch-bytes",
                   .value = "BYTES",
                   .target = &options->batch_bytes,
                   .help = "A batch that holds so much is sent",
                   .at_least = 1},
                  {.names = "--linger",
                   .value = "TIME",
                   .target = &options->linger,
                   .help = "How long a batch waits for more"},
                  {.names = "--one-per-request",
                   .target = &options->one_per_request,
                   .help = "Each record is a request of its own: no batches"},
                  {.names = "--compression",
                   .value = "NAME",
                   .target = &options->compression,
                   .help = "Of the batches",
                   .one_of = CompressionNames()},
                  {.names = "--keys",
                   .value = "N",
                   .target = &options->keys,
                   .help = "Records get one of N keys",
                   .at_least = 1,
                   .default_text = "none: batches go to the partitions in turn"},
                  {.names = "--producers",
                   .value = "N",
                   .target = &options->producers,
                   .help = "So many, each with connections of its own",
                   .at_least = 1},
                  {.names = "--in-flight",
                   .value = "N",
                   .target = &options->in_flight,
                   .help = "Records that each producer keeps under way (closed loop)",
                   .at_least = 1},
                  {.names = "--rate",
                   .value = "N",
                   .target = &options->rate,
                   .help = "Records per second, of all producers together (open loop)"}},
      .examples = {{"1 KiB records in batches of 64 KiB, for 30 seconds",
                    "jangada bench produce --partitions 6 --duration 30s"},
                   {"One record a request", "jangada bench produce --one-per-request"},
                   {"The latency at 5,000 records per second",
                    "jangada bench produce --rate 5000 --linger 0"}},
      .json = kBenchShape,
      .also = {"producer", "write", "pub"},
      .run = [options](const Context& context) { return BenchProduce(context, *options); }};
  for (Option& option : BenchLengthOptions(&options->length)) row.options.push_back(option);
  return row;
}

}  // namespace jangada::client
