// Door: what all handlers share: the broker, what the operator configured, and what is counted. Any
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "server/broker.h"
#include "server/kafka/memory_budget.h"
#include "server/kafka/request_meter.h"
#include "server/limits.h"

namespace jangada::server::kafka {

inline int64_t SteadyNowUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

struct DoorOptions {
  /// Monotonic microseconds; the simulator gives its own.
  std::function<int64_t()> now_us = SteadyNowUs;
  /// Whether a topic that a producer asks for is made when there is none.
  bool auto_create_topics = true;
  int32_t default_partitions = 1;
  /// Of topics whose maker names no replication factor. 0: three, or as many as there are nodes.
  int32_t default_replicas = 0;
};

struct Door {
  Door(Broker& its_broker, const DoorOptions& its_options)
      : broker(its_broker), options(its_options) {}

  int64_t NowUs() const { return options.now_us(); }

  Broker& broker;
  const DoorOptions options;
  /// What fetches hold for all connections until it has left.
  MemoryBudget fetch_bytes{kMaxKafkaFetchBytesInFlight};
  RequestMeter meter;
};

}  // namespace jangada::server::kafka
