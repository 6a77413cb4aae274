// What the Kafka door counts, as plain values at one moment. Counters begin with the process and
// never go back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/latency_histogram.h"

namespace jangada::server {

/// Requests of one key.
struct KafkaRequestStats {
  std::string request;  // "Produce"
  /// From a request to its answer, of every request that ended.
  LatencyCounts latency;
  uint64_t errors = 0;  // of those: the answer named an error, or the connection was closed
};

struct KafkaDoorStats {
  std::vector<KafkaRequestStats> requests;  // every key that is served, asked or not
  uint64_t unserved = 0;  // requests of another key or version, and what was no request
};

}  // namespace jangada::server
