// RequestMeter: counts the requests of the door by their key, those that ended in an error, and how
// long each took. Any thread; no lock and no allocation per request.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/latency_histogram.h"
#include "server/kafka/door_stats.h"

namespace jangada::server::kafka {

class RequestMeter {
 public:
  RequestMeter();

  /// `place`: of the request's key in Apis().
  void Ended(size_t place, int64_t took_us, bool in_error) {
    Counters& counted = counters_[place];
    counted.latency.Record(took_us);
    if (in_error) counted.errors.fetch_add(1, std::memory_order_relaxed);
  }
  void Unserved() { unserved_.fetch_add(1, std::memory_order_relaxed); }

  KafkaDoorStats Stats() const;

 private:
  struct Counters {
    LatencyHistogram latency;
    std::atomic<uint64_t> errors = 0;
  };

  std::vector<Counters> counters_;  // index = place
  std::atomic<uint64_t> unserved_ = 0;
};

}  // namespace jangada::server::kafka
