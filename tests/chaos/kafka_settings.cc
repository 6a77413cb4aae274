#include "tests/chaos/kafka_settings.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace jangada::chaos {

std::unique_ptr<RdKafka::Conf> KafkaConf(const KafkaOptions& options, const Settings& more) {
  std::unique_ptr<RdKafka::Conf> conf(RdKafka::Conf::create(RdKafka::Conf::CONF_GLOBAL));
  Settings all = {{"bootstrap.servers", options.bootstrap},
                  {"log_level", "4"},
                  {"log.connection.close", "false"},
                  {"socket.timeout.ms", "4000"},
                  {"socket.connection.setup.timeout.ms", "2000"},
                  {"reconnect.backoff.ms", "50"},
                  {"reconnect.backoff.max.ms", "500"},
                  {"topic.metadata.refresh.interval.ms", "5000"}};
  for (const auto& [key, value] : more) all[key] = value;
  for (const auto& [key, value] : all) {
    std::string error;
    if (conf->set(key, value, error) == RdKafka::Conf::CONF_OK) continue;
    std::cerr << "kafka_client: " << error << std::endl;
    std::exit(2);
  }
  return conf;
}

Settings GroupSettings(const KafkaOptions& options) {
  Settings settings = {{"group.id", options.group},
                       {"enable.auto.commit", "false"},
                       {"enable.auto.offset.store", "false"},
                       {"auto.offset.reset", "earliest"},
                       {"partition.assignment.strategy", "roundrobin"},
                       {"session.timeout.ms", "6000"},
                       {"heartbeat.interval.ms", "1000"},
                       {"fetch.wait.max.ms", "200"}};
  if (options.instance != 0) {
    settings["group.instance.id"] = "static-" + std::to_string(options.instance);
  }
  return settings;
}

int64_t MonotonicMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t NumberOf(const RdKafka::Message& message) {
  const std::string_view text(static_cast<const char*>(message.payload()), message.len());
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool AskCommitted(RdKafka::KafkaConsumer& consumer, const std::string& topic, int timeout_ms,
                  std::map<int64_t, int64_t>* committed, std::string* why) {
  Partitions asked(topic, *committed);
  RdKafka::ErrorCode error = consumer.committed(asked.list(), timeout_ms);
  if (error == RdKafka::ERR_NO_ERROR) error = asked.error();
  if (error != RdKafka::ERR_NO_ERROR) {
    *why = RdKafka::err2str(error);
    return false;
  }
  for (const RdKafka::TopicPartition* one : asked.list()) {
    (*committed)[one->partition()] = one->offset() < 0 ? -1 : one->offset();
  }
  return true;
}

}  // namespace jangada::chaos
