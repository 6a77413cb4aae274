// What the two benches share of their command lines: how long they last, the topic that is made,
// the line of progress, the shape of their JSON.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/context.h"

namespace jangada::client {

struct BenchLength {
  Duration duration{};  // 0: 10 s, unless a number of records is given
  int64_t records = 0;  // 0: no limit
  Duration warmup{1000};

  Status Check() const;
  // On the clock of NowUs.
  int64_t MeasuredFromUs(int64_t started_us) const;
  int64_t EndsUs(int64_t measured_from_us) const;
};
std::vector<Option> BenchLengthOptions(BenchLength* length);

/// Its name.
Result<std::string> MakeBenchTopic(const Context& context, int32_t partitions, int32_t replicas);

/// The threads of a run.
class Crew {
 public:
  void Start(std::function<void()> work);

  /// Shows how many records there are so far, until all have ended. Call once, after every Start.
  void Watch(const Context& context, const std::function<int64_t()>& count);

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
  std::vector<std::thread> threads_;
};

inline constexpr const char* kBenchShape = R"({"bench": "string", "topic": "string",
 "settings": {"*": "string|integer"},
 "seconds": "number", "records": "integer", "failed": "integer", "bytes": "integer",
 "requests": "integer",
 "mb_per_s": "number", "records_per_s": "number", "requests_per_s": "number",
 "latency_of": "string",
 "latency_us": {"p50": "integer", "p99": "integer", "p99.9": "integer", "max": "integer"},
 "client_cpu_seconds": "number"})";

Command BenchProduceRow();
Command BenchConsumeRow();

}  // namespace jangada::client
