#include "tests/chaos/kafka_senders.h"

#include <chrono>
#include <cstdlib>
#include <iostream>

namespace jangada::chaos {
namespace {

using history::Function;
using history::Operation;
using history::Type;

constexpr int kProducers = 2;
constexpr int kDeliveryMs = 15'000;  // then a send's fate is unknown
constexpr int kSlackMs = 5'000;
constexpr size_t kUnderWay = 2'000;  // sends; as many processes are there at most

}  // namespace

KafkaSenders::KafkaSenders(const KafkaOptions& options, HistoryFile& history, KafkaCounts& counts)
    : options_(options), history_(history), counts_(counts), random_(options.seed) {
  lanes_.resize(kProducers);
  thread_ = std::thread([this] { Run(); });
}

void KafkaSenders::Finish() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void KafkaSenders::Run() {
  using std::chrono::steady_clock;
  for (Lane& lane : lanes_) Begin(lane);
  const auto began = steady_clock::now();
  for (int64_t turn = 0; !stop_; ++turn) {
    std::this_thread::sleep_until(began + std::chrono::microseconds(static_cast<int64_t>(
                                              1e6 * static_cast<double>(turn) / options_.rate)));
    SendOne(lanes_[random_.Below(lanes_.size())]);
    for (Lane& lane : lanes_) {
      lane.producer->poll(0);
      std::string why;
      if (lane.producer->fatal_error(why) == RdKafka::ERR_NO_ERROR) continue;
      std::cerr << "producer " << lane.number << " ends: " << why << std::endl;
      ++counts_.producers_anew;
      End(lane);
      Begin(lane);
    }
  }
  for (Lane& lane : lanes_) End(lane);
}

void KafkaSenders::Begin(Lane& lane) {
  const auto conf = KafkaConf(options_, {{"enable.idempotence", "true"},
                                         {"acks", "all"},
                                         {"linger.ms", "5"},
                                         {"request.timeout.ms", "4000"},
                                         {"message.timeout.ms", std::to_string(kDeliveryMs)}});
  std::string error;
  conf->set("dr_cb", static_cast<RdKafka::DeliveryReportCb*>(this), error);
  lane.number = ++last_producer_;
  lane.producer.reset(RdKafka::Producer::create(conf.get(), error));
  if (lane.producer != nullptr) return;
  std::cerr << "kafka_client: " << error << std::endl;
  std::exit(2);
}

void KafkaSenders::End(Lane& lane) {
  lane.producer->flush(kDeliveryMs + kSlackMs);
  lane.producer->purge(RdKafka::Producer::PURGE_QUEUE | RdKafka::Producer::PURGE_INFLIGHT);
  lane.producer->flush(kSlackMs);
  lane.producer.reset();
}

int64_t KafkaSenders::TakeProcess() {
  if (idle_.empty()) return ++last_process_;
  const size_t at = random_.Below(idle_.size());
  const int64_t process = idle_[at];
  idle_[at] = idle_.back();
  idle_.pop_back();
  return process;
}

void KafkaSenders::SendOne(Lane& lane) {
  if (static_cast<size_t>(lane.producer->outq_len()) >= kUnderWay / kProducers) return;
  const int64_t number = ++last_value_;
  const auto partition = static_cast<int32_t>(random_.Below(options_.partitions));
  auto send = std::make_unique<Operation>();
  send->process = TakeProcess();
  send->producer = lane.number;
  send->sends.push_back({.key = partition, .value = number});
  history_.Add(*send);
  ++counts_.sent;
  std::string value = std::to_string(number) + " ";
  if (value.size() < options_.value_bytes) {
    value.append(options_.value_bytes - value.size(), static_cast<char>('a' + number % 26));
  }
  const std::string key = "key " + std::to_string(partition);
  const RdKafka::ErrorCode error =
      lane.producer->produce(options_.topic, partition, RdKafka::Producer::RK_MSG_COPY,
                             value.data(), value.size(), key.data(), key.size(), 0, send.get());
  if (error == RdKafka::ERR_NO_ERROR) {
    send.release();  // its delivery report takes it back
    return;
  }
  ++counts_.failed;
  history_.End(*send, Type::kFail, RdKafka::err2str(error));
  idle_.push_back(send->process);
}

void KafkaSenders::dr_cb(RdKafka::Message& message) {
  const std::unique_ptr<Operation> send(static_cast<Operation*>(message.msg_opaque()));
  if (message.err() == RdKafka::ERR_NO_ERROR) {
    ++counts_.acked;
    // Without an offset where it was written by an attempt that went unanswered, long ago.
    if (message.offset() >= 0) send->sends.front().offset = message.offset();
    history_.End(*send, Type::kOk);
    idle_.push_back(send->process);
    return;
  }
  // librdkafka says so only where no attempt can have reached a log.
  if (message.status() == RdKafka::Message::MSG_STATUS_NOT_PERSISTED) {
    ++counts_.failed;
    history_.End(*send, Type::kFail, message.errstr());
    idle_.push_back(send->process);
    return;
  }
  // A process whose operation ended unknown is never used again.
  ++counts_.unknown;
  history_.End(*send, Type::kInfo, message.errstr());
}

}  // namespace jangada::chaos
