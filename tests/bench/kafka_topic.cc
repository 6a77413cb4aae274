#include "tests/bench/kafka_topic.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "base/check.h"

namespace {

/// Three nodes of Kafka may take minutes to begin on a busy machine.
constexpr int kTimeoutMs = 300'000;
constexpr int kAskMs = 10'000;

template <class T, void (*Destroy)(T*)>
struct Destroyer {
  void operator()(T* one) const { Destroy(one); }
};
template <class T, void (*Destroy)(T*)>
using Owned = std::unique_ptr<T, Destroyer<T, Destroy>>;

using Client = Owned<rd_kafka_t, rd_kafka_destroy>;
using Queue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Event = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using NewTopic = Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using AdminOptions = Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;

/// Dies if the settings are no good.
Client Connect(const std::string& bootstrap) {
  char error[256] = {};
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), error, sizeof error);
  rd_kafka_conf_set(conf, "log_level", "2", error, sizeof error);
  // Whoever begins a moment later is found a moment later.
  rd_kafka_conf_set(conf, "reconnect.backoff.ms", "20", error, sizeof error);
  rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "100", error, sizeof error);
  Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error));
  CHECK(client != nullptr);
  return client;
}

std::vector<int32_t> Ask(rd_kafka_t* client, const std::string& topic) {
  rd_kafka_topic_t* const handle = rd_kafka_topic_new(client, topic.c_str(), nullptr);
  const struct rd_kafka_metadata* metadata = nullptr;  // a function has the same name
  std::vector<int32_t> leaders;
  if (rd_kafka_metadata(client, 0, handle, &metadata, kAskMs) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    for (int t = 0; t < metadata->topic_cnt; ++t) {
      const rd_kafka_metadata_topic& one = metadata->topics[t];
      for (int p = 0; p < one.partition_cnt; ++p) leaders.push_back(one.partitions[p].leader);
    }
    rd_kafka_metadata_destroy(metadata);
  }
  rd_kafka_topic_destroy(handle);
  return leaders;
}

/// Empty: it was made, or exists.
std::string Make(rd_kafka_t* client, const std::string& topic, int32_t partitions,
                 int32_t replicas) {
  char error[256] = {};
  const NewTopic made(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, replicas, error, sizeof error));
  if (made == nullptr) return error;
  const AdminOptions options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kTimeoutMs, error, sizeof error);
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), kTimeoutMs, error, sizeof error);
  const Queue queue(rd_kafka_queue_new(client));
  rd_kafka_NewTopic_t* topics[] = {made.get()};
  rd_kafka_CreateTopics(client, topics, 1, options.get(), queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), kTimeoutMs));
  if (event == nullptr) return "no answer in time";
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return rd_kafka_event_error_string(event.get());
  }
  size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(event.get());
  const auto** results = rd_kafka_CreateTopics_result_topics(result, &count);
  const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[0]);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    return {};
  }
  return rd_kafka_err2str(code);
}

}  // namespace

std::string CreateTopic(const std::string& bootstrap, const std::string& topic, int32_t partitions,
                        int32_t replicas) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kTimeoutMs);
  const Client client = Connect(bootstrap);
  // Again and again: the cluster may have begun a moment ago.
  while (true) {
    const std::string failure = Make(client.get(), topic, partitions, replicas);
    if (failure.empty()) break;
    if (std::chrono::steady_clock::now() > end) {
      return "cannot make topic " + topic + ": " + failure;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  while (true) {
    const std::vector<int32_t> leaders = Ask(client.get(), topic);
    const auto led =
        std::count_if(leaders.begin(), leaders.end(), [](int32_t id) { return id >= 0; });
    if (led >= partitions) return {};
    if (std::chrono::steady_clock::now() > end) return "not all partitions got a leader in time";
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::vector<int32_t> LeadersOf(const std::string& bootstrap, const std::string& topic) {
  return Ask(Connect(bootstrap).get(), topic);
}
