// kafka_load: a load generator over librdkafka that favours nobody, for comparing brokers that
// speak Kafka's protocol. Each subcommand prints one JSON object.
//
//   create    a topic; leaders    who leads its partitions
//   produce   records of random bytes: as fast as they are acknowledged (closed loop), or at a rate
//             (open loop: the latency of a record counts from the moment at which it was to be
//             sent, whether or not the generator was late)
//   consume   everything of a topic from its beginning, by assignment
//
// Exit: 0 everything was acknowledged or read, 1 not, 2 wrong arguments.
#include <librdkafka/rdkafkacpp.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "tests/bench/kafka_topic.h"

namespace {

using Json = nlohmann::json;
using std::chrono::microseconds;
using std::chrono::steady_clock;

int64_t NowUs() {
  return std::chrono::duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

double OwnCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void GiveUp(const std::string& why) {
  std::fprintf(stderr, "kafka_load: %s\n", why.c_str());
  std::exit(1);
}

using Settings = std::map<std::string, std::string>;

std::unique_ptr<RdKafka::Conf> ConfOf(const Settings& settings) {
  std::unique_ptr<RdKafka::Conf> conf(RdKafka::Conf::create(RdKafka::Conf::CONF_GLOBAL));
  std::string error;
  for (const auto& [key, value] : settings) {
    if (conf->set(key, value, error) != RdKafka::Conf::CONF_OK) GiveUp(error);
  }
  return conf;
}

/// Nearest rank over sorted values.
double PercentileMs(const std::vector<uint32_t>& sorted_us, double fraction) {
  if (sorted_us.empty()) return 0;
  const auto rank =
      static_cast<size_t>(std::ceil(fraction * static_cast<double>(sorted_us.size())));
  return sorted_us[std::max<size_t>(rank, 1) - 1] / 1000.0;
}

// ---- produce ----

struct ProduceOptions {
  std::string bootstrap, topic;
  size_t record_bytes = 1024;
  double seconds = 10;
  int64_t records = 0;  // 0: as many as fit the seconds
  double rate = 0;      // records a second; 0: closed loop
  double linger_ms = 5;
  size_t batch_bytes = 128 << 10;
  int64_t batch_records = 1'000'000;
  size_t in_flight_bytes = 32 << 20;
};

/// What became of the records, seen from librdkafka's thread that tells of deliveries.
class Deliveries final : public RdKafka::DeliveryReportCb {
 public:
  void dr_cb(RdKafka::Message& message) override {
    const int64_t now_us = NowUs();
    if (message.err() != RdKafka::ERR_NO_ERROR) {
      ++failed_;
      last_error_ = message.errstr();
      return;
    }
    ++acknowledged_;
    const auto began_us = reinterpret_cast<intptr_t>(message.msg_opaque());
    latencies_us_.push_back(static_cast<uint32_t>(std::max<int64_t>(now_us - began_us, 0)));
    // From one acknowledgement to the next, over the partition that waited longest.
    int64_t& last_us = last_us_[message.partition()];
    if (last_us != 0 && now_us - last_us > longest_gap_us_) longest_gap_us_ = now_us - last_us;
    last_us = now_us;
    if (first_us_ == 0) first_us_ = now_us;
  }

  Json Report(double seconds, size_t record_bytes) {
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const auto acknowledged = static_cast<double>(acknowledged_);
    return {{"acknowledged", acknowledged_},
            {"failed", failed_},
            {"last_error", last_error_},
            {"seconds", seconds},
            {"mb_per_s", acknowledged * static_cast<double>(record_bytes) / seconds / 1e6},
            {"records_per_s", acknowledged / seconds},
            {"longest_gap_ms", static_cast<double>(longest_gap_us_) / 1000},
            {"first_acknowledgement_us", first_us_},
            {"p50_ms", PercentileMs(latencies_us_, 0.5)},
            {"p99_ms", PercentileMs(latencies_us_, 0.99)},
            {"p999_ms", PercentileMs(latencies_us_, 0.999)}};
  }
  bool all_well() const { return failed_ == 0 && acknowledged_ > 0; }

 private:
  int64_t acknowledged_ = 0;
  int64_t failed_ = 0;
  std::string last_error_;
  int64_t first_us_ = 0;
  int64_t longest_gap_us_ = 0;
  std::map<int32_t, int64_t> last_us_;
  std::vector<uint32_t> latencies_us_;
};

/// Random bytes, so that no compression helps anybody; every record is a slice of them.
class Payloads {
 public:
  explicit Payloads(size_t record_bytes) : record_bytes_(record_bytes) {
    jangada::Random random(20261126);
    bytes_.resize(record_bytes + (1 << 20));
    for (char& byte : bytes_) byte = static_cast<char>(random.Below(256));
  }
  char* Next() {
    at_ = (at_ + 4099) % (bytes_.size() - record_bytes_);
    return bytes_.data() + at_;
  }

 private:
  const size_t record_bytes_;
  std::string bytes_;
  size_t at_ = 0;
};

class Load {
 public:
  explicit Load(const ProduceOptions& options)
      : options_(options), payloads_(options.record_bytes) {
    const auto conf = ConfOf(
        {{"bootstrap.servers", options.bootstrap},
         {"acks", "all"},
         {"log_level", "2"},
         {"reconnect.backoff.ms", "20"},
         {"reconnect.backoff.max.ms", "100"},
         {"linger.ms", std::to_string(options.linger_ms)},
         {"batch.size", std::to_string(options.batch_bytes)},
         {"batch.num.messages", std::to_string(options.batch_records)},
         {"queue.buffering.max.messages", "1000000"},
         {"queue.buffering.max.kbytes", std::to_string(options.in_flight_bytes >> 10)},
         {"message.timeout.ms", "120000"},
         {"topic.metadata.refresh.interval.ms", "1000"},
         // As a record would otherwise stick to one partition for a whole batch, and only so long.
         {"sticky.partitioning.linger.ms", "10"}});
    std::string error;
    conf->set("dr_cb", &deliveries_, error);
    producer_.reset(RdKafka::Producer::create(conf.get(), error));
    if (producer_ == nullptr) GiveUp(error);
  }

  int Run() {
    std::atomic<bool> over = false;
    std::thread poller([&] {
      while (!over) producer_->poll(100);
    });
    const double cpu_before = OwnCpuSeconds();
    const int64_t began_us = NowUs();
    options_.rate > 0 ? SendAtRate(began_us) : SendAsAcknowledged(began_us);
    const bool flushed = producer_->flush(120'000) == RdKafka::ERR_NO_ERROR;
    const double seconds = static_cast<double>(NowUs() - began_us) / 1e6;
    over = true;
    poller.join();
    Json report = deliveries_.Report(seconds, options_.record_bytes);
    report["client_cpu_seconds"] = OwnCpuSeconds() - cpu_before;
    std::printf("%s\n", report.dump().c_str());
    return flushed && deliveries_.all_well() ? 0 : 1;
  }

 private:
  bool IsOver(int64_t began_us, int64_t sent) const {
    if (options_.records > 0) return sent >= options_.records;
    return static_cast<double>(NowUs() - began_us) / 1e6 >= options_.seconds;
  }

  void SendAsAcknowledged(int64_t began_us) {
    // Blocks while as much is under way as may be.
    for (int64_t sent = 0; !IsOver(began_us, sent); ++sent) Send(NowUs());
  }

  /// Sleeps until the next record is due, never spins; those that fell due meanwhile go at once.
  void SendAtRate(int64_t began_us) {
    for (int64_t sent = 0; !IsOver(began_us, sent); ++sent) {
      const auto due_us =
          began_us + static_cast<int64_t>(static_cast<double>(sent) * 1e6 / options_.rate);
      std::this_thread::sleep_until(steady_clock::time_point(microseconds(due_us)));
      Send(due_us);
    }
  }

  void Send(int64_t due_us) {
    const RdKafka::ErrorCode error = producer_->produce(
        options_.topic, RdKafka::Topic::PARTITION_UA,
        RdKafka::Producer::RK_MSG_COPY | RdKafka::Producer::RK_MSG_BLOCK, payloads_.Next(),
        options_.record_bytes, nullptr, 0, 0, reinterpret_cast<void*>(due_us));
    if (error != RdKafka::ERR_NO_ERROR) GiveUp("produce: " + RdKafka::err2str(error));
  }

  const ProduceOptions options_;
  Payloads payloads_;
  Deliveries deliveries_;
  std::unique_ptr<RdKafka::Producer> producer_;
};

// ---- consume ----

/// Reads all partitions from their beginnings to the ends that they had when it began.
int Consume(const std::string& bootstrap, const std::string& topic) {
  const auto conf = ConfOf({{"bootstrap.servers", bootstrap},
                            {"group.id", "kafka_load"},
                            {"enable.auto.commit", "false"},
                            {"enable.partition.eof", "true"},
                            {"fetch.message.max.bytes", "1048576"}});
  std::string error;
  std::unique_ptr<RdKafka::KafkaConsumer> consumer(
      RdKafka::KafkaConsumer::create(conf.get(), error));
  if (consumer == nullptr) GiveUp(error);
  const auto partitions = static_cast<int32_t>(LeadersOf(bootstrap, topic).size());
  if (partitions == 0) GiveUp("there is no topic " + topic);
  std::vector<RdKafka::TopicPartition*> all;
  for (int32_t partition = 0; partition < partitions; ++partition) {
    all.push_back(
        RdKafka::TopicPartition::create(topic, partition, RdKafka::Topic::OFFSET_BEGINNING));
  }
  const double cpu_before = OwnCpuSeconds();
  const int64_t began_us = NowUs();
  consumer->assign(all);
  RdKafka::TopicPartition::destroy(all);
  int64_t records = 0, bytes = 0;
  for (int32_t ended = 0; ended < partitions;) {
    const std::unique_ptr<RdKafka::Message> message(consumer->consume(30'000));
    if (message->err() == RdKafka::ERR__PARTITION_EOF) {
      ++ended;
    } else if (message->err() == RdKafka::ERR_NO_ERROR) {
      ++records;
      bytes += static_cast<int64_t>(message->len());
    } else {
      GiveUp("consume: " + message->errstr());
    }
  }
  const double seconds = static_cast<double>(NowUs() - began_us) / 1e6;
  const Json report = {{"records", records},
                       {"bytes", bytes},
                       {"seconds", seconds},
                       {"mb_per_s", static_cast<double>(bytes) / seconds / 1e6},
                       {"client_cpu_seconds", OwnCpuSeconds() - cpu_before}};
  std::printf("%s\n", report.dump().c_str());
  consumer->close();
  return records > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A load generator over librdkafka; prints JSON."};
  app.require_subcommand(1);
  ProduceOptions options;
  int32_t partitions = 6, replicas = 3;
  const auto add = [&](const char* name, const char* about) {
    CLI::App* command = app.add_subcommand(name, about);
    command->add_option("--bootstrap", options.bootstrap, "HOST:PORT,...")->required();
    command->add_option("--topic", options.topic)->required();
    return command;
  };
  CLI::App* create = add("create", "Makes a topic and waits until all of it has leaders");
  create->add_option("--partitions", partitions);
  create->add_option("--replicas", replicas);
  CLI::App* produce = add("produce", "Sends records of random bytes");
  produce->add_option("--record-bytes", options.record_bytes);
  produce->add_option("--seconds", options.seconds);
  produce->add_option("--records", options.records, "in place of --seconds");
  produce->add_option("--rate", options.rate, "records a second; without it, closed loop");
  produce->add_option("--linger-ms", options.linger_ms);
  produce->add_option("--batch-bytes", options.batch_bytes);
  produce->add_option("--batch-records", options.batch_records);
  produce->add_option("--in-flight-bytes", options.in_flight_bytes);
  CLI::App* leaders = add("leaders", "Prints the node that leads each partition, -1 for none");
  CLI::App* consume = add("consume", "Reads a topic from its beginning");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (create->parsed()) {
    const std::string error = CreateTopic(options.bootstrap, options.topic, partitions, replicas);
    if (!error.empty()) GiveUp(error);
    return 0;
  }
  if (leaders->parsed()) {
    std::printf("%s\n", Json(LeadersOf(options.bootstrap, options.topic)).dump().c_str());
    return 0;
  }
  if (consume->parsed()) return Consume(options.bootstrap, options.topic);
  return Load(options).Run();
}
