#include "client/cli/bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

constexpr std::string_view kStamp = "jgbench1";

std::string Line(const std::string& name, const std::string& text) {
  return name + std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') + text + "\n";
}

std::string Ms(int64_t microseconds) {
  return Fixed(static_cast<double>(microseconds) / 1000, microseconds < 10'000 ? 2 : 1) + " ms";
}

std::string Rate(double count, double seconds) {
  return Grouped(static_cast<int64_t>(seconds > 0 ? count / seconds : 0));
}

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

std::string TextOf(const BenchReport& report) {
  std::string out = Line("topic", report.topic);
  for (const auto& [name, value] : report.settings) out += Line(name, value);
  const auto records = static_cast<double>(report.records);
  const double mb = static_cast<double>(report.bytes) / 1e6;
  out += Line("records", Grouped(report.records) + " in " + Fixed(report.seconds, 2) + " s" +
                             (report.failed > 0 ? ", " + Grouped(report.failed) + " FAILED" : ""));
  out += Line("throughput", Fixed(report.seconds > 0 ? mb / report.seconds : 0, 1) + " MB/s   " +
                                Rate(records, report.seconds) + " records/s   " +
                                Rate(static_cast<double>(report.requests), report.seconds) +
                                " requests/s");
  const LatencyHistogram& latency = report.latency;
  out += Line("latency", latency.count() == 0
                             ? "not known: no record carries the time of its sending"
                             : "p50 " + Ms(latency.Percentile(0.5)) + "   p99 " +
                                   Ms(latency.Percentile(0.99)) + "   p99.9 " +
                                   Ms(latency.Percentile(0.999)) + "   max " + Ms(latency.max()) +
                                   "   (" + report.latency_of + ")");
  return out + Line("client CPU", Fixed(report.client_cpu_seconds, 2) + " s");
}

double CpuSeconds() {
  rusage used{};
  CHECK_EQ(getrusage(RUSAGE_SELF, &used), 0);
  return SecondsOf(used.ru_utime) + SecondsOf(used.ru_stime);
}

void WriteStamp(std::string* value, int64_t wall_us) {
  CHECK(value->size() >= kStampBytes);
  std::copy(kStamp.begin(), kStamp.end(), value->begin());
  std::memcpy(value->data() + kStamp.size(), &wall_us, sizeof wall_us);  // read on a like machine
}

std::optional<int64_t> ReadStamp(std::string_view value) {
  if (value.size() < kStampBytes || !value.starts_with(kStamp)) return std::nullopt;
  int64_t wall_us = 0;
  std::memcpy(&wall_us, value.data() + kStamp.size(), sizeof wall_us);
  return wall_us;
}

}  // namespace jangada::client
