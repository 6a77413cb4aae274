// KafkaSenders: the sending half of the Kafka workload. One thread sends unique values at a rate
// through idempotent producers of librdkafka, many at once to each partition, and writes down the
// delivery reports. A producer that met an error which it takes for fatal is begun anew, as a
// program must do.
#pragma once

#include <librdkafka/rdkafkacpp.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/random.h"
#include "tests/chaos/history_file.h"
#include "tests/chaos/kafka_settings.h"

namespace jangada::chaos {

/// Any thread.
struct KafkaCounts {
  std::atomic<int64_t> sent{0}, acked{0}, failed{0}, unknown{0}, polled{0};
  std::atomic<int64_t> producers_anew{0};
};

class KafkaSenders final : RdKafka::DeliveryReportCb {
 public:
  KafkaSenders(const KafkaOptions& options, HistoryFile& history, KafkaCounts& counts);
  ~KafkaSenders() override { Finish(); }

  /// Sends nothing more and waits until every send has ended.
  void Finish();

 private:
  struct Lane {
    std::unique_ptr<RdKafka::Producer> producer;
    int64_t number = 0;  // in the history; another one after each beginning
  };

  void Run();
  void Begin(Lane& lane);
  void End(Lane& lane);
  void SendOne(Lane& lane);
  int64_t TakeProcess();
  void dr_cb(RdKafka::Message& message) override;

  const KafkaOptions& options_;
  HistoryFile& history_;
  KafkaCounts& counts_;
  std::atomic<bool> stop_{false};
  // The thread's.
  Random random_;
  std::vector<Lane> lanes_;
  std::vector<int64_t> idle_;  // processes
  int64_t last_process_ = -1;
  int64_t last_producer_ = 0;
  int64_t last_value_ = 0;
  std::thread thread_;
};

}  // namespace jangada::chaos
