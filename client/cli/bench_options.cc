#include "client/cli/bench_options.h"

#include <chrono>
#include <random>
#include <utility>

#include "client/cli/groups.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

constexpr int64_t kUsualDurationMs = 10'000;
constexpr std::chrono::milliseconds kShowEvery{200};

}  // namespace

Status BenchLength::Check() const {
  if (records == 0 || duration.ms == 0) return {};
  return Error{ErrorCode::kInvalidArgument,
               "--duration and --records exclude each other; give one of them"};
}

int64_t BenchLength::MeasuredFromUs(int64_t started_us) const {
  return records > 0 ? started_us : started_us + warmup.ms * 1000;
}

int64_t BenchLength::EndsUs(int64_t measured_from_us) const {
  if (records > 0) return INT64_MAX;
  return measured_from_us + (duration.ms > 0 ? duration.ms : kUsualDurationMs) * 1000;
}

std::vector<Option> BenchLengthOptions(BenchLength* length) {
  return {{.names = "--duration",
           .value = "TIME",
           .target = &length->duration,
           .help = "How long to measure",
           .at_least = 1,
           .default_text = "10s"},
          {.names = "--records",
           .value = "N",
           .target = &length->records,
           .help = "How many records, in place of a duration; there is no warm-up then",
           .at_least = 1},
          {.names = "--warmup",
           .value = "TIME",
           .target = &length->warmup,
           .help = "What comes before that does not count"}};
}

Result<std::string> MakeBenchTopic(const Context& context, int32_t partitions, int32_t replicas) {
  std::random_device random;
  NewTopic topic{.name = "bench-" + std::to_string(random()),
                 .partitions = partitions,
                 .replication_factor = replicas,
                 .configs = {}};
  TRY(context.client.CreateTopic(topic, context.timeout_ms));
  return topic.name;
}

void Crew::Start(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  threads_.emplace_back([this, work = std::move(work)] {
    work();
    const std::lock_guard lock(mutex_);
    --running_;
    ended_.notify_all();
  });
}

void Crew::Watch(const Context& context, const std::function<int64_t()>& count) {
  Progress progress(context.output);
  const int64_t started_us = NowUs();
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kShowEvery, [this] { return running_ == 0; })) {
    const auto records = static_cast<double>(count());
    const double seconds = static_cast<double>(NowUs() - started_us) / 1e6;
    progress.Show(Fixed(seconds, 1) + " s: " + Grouped(static_cast<int64_t>(records)) +
                  " records, " + Grouped(static_cast<int64_t>(records / seconds)) + " a second");
  }
  lock.unlock();
  for (std::thread& thread : threads_) thread.join();
}

Command BenchCommands() {
  return {.name = "bench",
          .about = "Measure how fast the cluster is written and read",
          .examples = {{"Write for ten seconds", "jangada bench produce"}},
          .also = {"benchmark", "perf", "perf-test"},
          .commands = {BenchProduceRow(), BenchConsumeRow()}};
}

}  // namespace jangada::client
