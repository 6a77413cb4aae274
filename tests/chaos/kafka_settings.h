// What the clients of the Kafka workload have in common: its options, and settings of librdkafka
// under which a client notices within seconds that a node does not answer.
#pragma once

#include <librdkafka/rdkafkacpp.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace jangada::chaos {

struct KafkaOptions {
  std::string bootstrap;
  std::vector<std::string> grpc;  // the same nodes at the gRPC door
  std::string topic = "chaos-kafka";
  std::string group = "chaos";
  int32_t partitions = 6;
  std::string history;
  double rate = 300;
  size_t value_bytes = 200;
  uint64_t seed = 1;
  int64_t member = 0;    // this process is a member of the group: its number in the history
  int64_t instance = 0;  // of a static member; 0: none
};

using Settings = std::map<std::string, std::string>;

/// Dies where a setting is no good: the lab's fault.
std::unique_ptr<RdKafka::Conf> KafkaConf(const KafkaOptions& options, const Settings& more);

/// Of a consumer in the group.
Settings GroupSettings(const KafkaOptions& options);

/// Owns what librdkafka hands about as pointers.
class Partitions {
 public:
  Partitions() = default;
  Partitions(const std::string& topic, const std::map<int64_t, int64_t>& offsets) {
    for (const auto& [partition, offset] : offsets) {
      list_.push_back(RdKafka::TopicPartition::create(topic, static_cast<int>(partition), offset));
    }
  }
  ~Partitions() { RdKafka::TopicPartition::destroy(list_); }
  Partitions(const Partitions&) = delete;
  Partitions& operator=(const Partitions&) = delete;

  std::vector<RdKafka::TopicPartition*>& list() { return list_; }
  /// The first error of one of them.
  RdKafka::ErrorCode error() const {
    for (const RdKafka::TopicPartition* one : list_) {
      if (one->err() != RdKafka::ERR_NO_ERROR) return one->err();
    }
    return RdKafka::ERR_NO_ERROR;
  }

 private:
  std::vector<RdKafka::TopicPartition*> list_;
};

int64_t MonotonicMs();

/// The number that a value begins with; -1: none.
int64_t NumberOf(const RdKafka::Message& message);

/// Asks the group's coordinator what is committed of all `keys`. False: no answer, and why.
bool AskCommitted(RdKafka::KafkaConsumer& consumer, const std::string& topic, int timeout_ms,
                  std::map<int64_t, int64_t>* committed, std::string* why);

}  // namespace jangada::chaos
