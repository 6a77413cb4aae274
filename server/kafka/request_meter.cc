#include "server/kafka/request_meter.h"

#include "server/kafka/apis.h"

namespace jangada::server::kafka {

RequestMeter::RequestMeter() : counters_(Apis().size()) {}

KafkaDoorStats RequestMeter::Stats() const {
  KafkaDoorStats stats{.requests = {}, .unserved = unserved_};
  for (size_t place = 0; place < counters_.size(); ++place) {
    stats.requests.push_back({.request = Apis()[place].name,
                              .latency = counters_[place].latency.Snapshot(),
                              .errors = counters_[place].errors});
  }
  return stats;
}

}  // namespace jangada::server::kafka
