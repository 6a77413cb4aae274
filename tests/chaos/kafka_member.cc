#include "tests/chaos/kafka_member.h"

#include <librdkafka/rdkafka.h>
#include <sys/prctl.h>

#include <csignal>
#include <cstring>
#include <iostream>
#include <string_view>

#include "tests/chaos/history_file.h"

namespace jangada::chaos {
namespace {

using history::Function;
using history::Operation;
using history::Type;

constexpr int kPollMs = 200;
constexpr size_t kPollRecords = 100;
constexpr int64_t kCommitEveryMs = 500;
constexpr int kAskMs = 5'000;

volatile std::sig_atomic_t told_to_end = 0;

/// What librdkafka keeps of its membership, as bytes of a form of its own.
std::string BytesOf(rd_kafka_consumer_group_metadata_t* metadata) {
  void* bytes = nullptr;
  size_t size = 0;
  std::string text;
  rd_kafka_error_t* const error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
  if (error == nullptr) {
    text.assign(static_cast<const char*>(bytes), size);
    rd_kafka_mem_free(nullptr, bytes);
  } else {
    rd_kafka_error_destroy(error);
  }
  rd_kafka_consumer_group_metadata_destroy(metadata);
  return text;
}

/// The generation that a consumer is in; -1: none, or it can't be told. librdkafka has no call for
/// it, but where it stands in those bytes shows when one of our own choice is written.
int32_t GenerationOf(RdKafka::KafkaConsumer& consumer, const std::string& group) {
  constexpr int32_t kMark = 0x5a17c3e9;
  static const size_t at = [&] {
    const std::string bytes = BytesOf(
        rd_kafka_consumer_group_metadata_new_with_genid(group.c_str(), kMark, "member", nullptr));
    return bytes.find(std::string(reinterpret_cast<const char*>(&kMark), sizeof kMark));
  }();
  rd_kafka_consumer_group_metadata_t* const metadata =
      rd_kafka_consumer_group_metadata(consumer.c_ptr());
  if (metadata == nullptr) return -1;
  const std::string bytes = BytesOf(metadata);
  if (at == std::string::npos || bytes.size() < at + sizeof(int32_t)) return -1;
  int32_t generation = -1;
  std::memcpy(&generation, bytes.data() + at, sizeof generation);
  return generation;
}

class Member final : RdKafka::RebalanceCb {
 public:
  explicit Member(const KafkaOptions& options) : options_(options), history_(options.history) {}

  int Run() {
    const auto conf = KafkaConf(options_, GroupSettings(options_));
    std::string error;
    conf->set("rebalance_cb", static_cast<RdKafka::RebalanceCb*>(this), error);
    consumer_.reset(RdKafka::KafkaConsumer::create(conf.get(), error));
    if (consumer_ == nullptr) {
      std::cerr << "member " << options_.member << ": " << error << std::endl;
      return 1;
    }
    Operation subscribe = Begin(Function::kSubscribe);
    for (int32_t key = 0; key < options_.partitions; ++key) subscribe.keys.push_back(key);
    history_.Add(subscribe);
    consumer_->subscribe({options_.topic});
    history_.End(subscribe, Type::kOk);
    while (told_to_end == 0 && !gave_up_) {
      Poll();
      if (MonotonicMs() - committed_at_ms_ >= kCommitEveryMs) Commit();
    }
    consumer_->close();  // gives back its partitions, which it commits then
    history_.End(Begin(Function::kLeave), Type::kOk);
    return gave_up_ || !history_.good() ? 1 : 0;
  }

 private:
  Operation Begin(Function function) const {
    Operation operation;
    operation.process = options_.member;
    operation.function = function;
    return operation;
  }

  // ---- reading ----

  void Poll() {
    BeginPoll();
    for (size_t i = 0; i < kPollRecords; ++i) {
      const std::unique_ptr<RdKafka::Message> message(consumer_->consume(i == 0 ? kPollMs : 0));
      if (message->err() != RdKafka::ERR_NO_ERROR) {
        OnError(*message);
        break;
      }
      poll_.polled[message->partition()].push_back(
          {.offset = message->offset(), .value = NumberOf(*message)});
    }
    EndPoll();
  }

  void BeginPoll() {
    poll_ = Begin(Function::kPoll);
    history_.Add(poll_);
    polls_ = true;
  }

  void EndPoll() {
    if (!polls_) return;
    polls_ = false;
    history_.End(poll_, Type::kOk);
    size_t count = 0;
    for (const auto& [key, records] : poll_.polled) {
      read_to_[key] = records.back().offset + 1;
      count += records.size();
    }
    if (count > 0) std::cout << "read " << count << std::endl;
  }

  void OnError(const RdKafka::Message& message) {
    if (message.err() == RdKafka::ERR__TIMED_OUT) return;
    std::cerr << "member " << options_.member << ": " << message.errstr() << std::endl;
    std::string why;
    if (consumer_->fatal_error(why) != RdKafka::ERR_NO_ERROR) gave_up_ = true;
  }

  // ---- the group ----

  /// While a poll waits: what it read so far was read before.
  void rebalance_cb(RdKafka::KafkaConsumer* consumer, RdKafka::ErrorCode what,
                    std::vector<RdKafka::TopicPartition*>& partitions) override {
    const bool polled = polls_;
    EndPoll();
    if (what == RdKafka::ERR__ASSIGN_PARTITIONS) {
      OnAssigned(partitions);
      consumer->assign(partitions);
    } else {
      // What is lost already is another member's by now.
      if (!consumer->assignment_lost()) Commit();
      Forget();
      consumer->unassign();
      std::cout << "revoked" << std::endl;
    }
    if (polled) BeginPoll();
  }

  void OnAssigned(const std::vector<RdKafka::TopicPartition*>& partitions) {
    Forget();
    Operation assigned = Begin(Function::kAssigned);
    assigned.generation = GenerationOf(*consumer_, options_.group);
    assigned.instance = options_.instance;
    std::string said;
    for (const RdKafka::TopicPartition* one : partitions) {
      assigned.keys.push_back(one->partition());
      said += " " + std::to_string(one->partition());
    }
    history_.End(assigned, Type::kOk);
    std::cout << "assigned " << assigned.generation << said << std::endl;
    if (!assigned.keys.empty()) Ask(assigned.keys);
  }

  /// librdkafka asks the same once more when it begins to read.
  void Ask(const std::vector<history::Key>& keys) {
    Operation asked = Begin(Function::kCommitted);
    history_.Add(asked);
    std::map<int64_t, int64_t> committed;
    for (const history::Key key : keys) committed[key] = -1;
    std::string why;
    if (AskCommitted(*consumer_, options_.topic, kAskMs, &committed, &why)) {
      asked.ends = committed;
      history_.End(asked, Type::kOk);
    } else {
      history_.End(asked, Type::kInfo, why);
    }
  }

  /// All that was read; waits for the answer.
  void Commit() {
    committed_at_ms_ = MonotonicMs();
    Operation commit = Begin(Function::kCommit);
    for (const auto& [key, offset] : read_to_) {
      const auto before = committed_.find(key);
      if (before == committed_.end() || before->second < offset) commit.ends[key] = offset;
    }
    if (commit.ends.empty() || consumer_->assignment_lost()) return;
    history_.Add(commit);
    Partitions offsets(options_.topic, commit.ends);
    RdKafka::ErrorCode error = consumer_->commitSync(offsets.list());
    if (error == RdKafka::ERR_NO_ERROR) error = offsets.error();
    if (error == RdKafka::ERR_NO_ERROR) {
      for (const auto& [key, offset] : commit.ends) committed_[key] = offset;
      history_.End(commit, Type::kOk);
    } else {
      // Never surely refused: an attempt before the one that was may have been taken.
      history_.End(commit, Type::kInfo, RdKafka::err2str(error));
    }
  }

  void Forget() {
    read_to_.clear();
    committed_.clear();
  }

  const KafkaOptions& options_;
  HistoryFile history_;
  std::unique_ptr<RdKafka::KafkaConsumer> consumer_;
  Operation poll_;  // under way, if `polls_`
  bool polls_ = false;
  bool gave_up_ = false;
  // Since the last assignment, by partition: behind what was read, and what was committed.
  std::map<history::Key, history::Offset> read_to_;
  std::map<history::Key, history::Offset> committed_;
  int64_t committed_at_ms_ = 0;
};

}  // namespace

int RunMember(const KafkaOptions& options) {
  // Also when it stands still, and whoever would let it go on is gone.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGTERM, [](int) { told_to_end = 1; });
  return Member(options).Run();
}

}  // namespace jangada::chaos
