// kafka_client: the workload of the chaos lab at the Kafka door, over librdkafka. Idempotent
// producers send unique values to the partitions of one topic; a group of three members reads and
// commits them, while members leave, are killed, stand still and come again (kafka_group.h). All of
// them write down every operation as it began and as it ended, one EDN map a line in real-time
// order (tests/history/edn.h).
//
// It is steered as chaos_client is: `finish` on stdin ends the sending and the trouble in the
// group, waits until the group has converged and committed everything, reads every partition from
// its beginning to its end, and ends. Ten times a second it tells what it has done: `progress
// MONOTONIC_MS SENT ACKED FAILED UNKNOWN POLLED`, and at the end `note` and what the group went
// through. Exit: 0 finished, 1 the cluster did not answer any more, or the group did not come to
// the end, 2 wrong arguments, 3 a consumer was given what no log can hold.
#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <iostream>
#include <sstream>
#include <thread>

#include "tests/chaos/batch_numbers.h"
#include "tests/chaos/history_file.h"
#include "tests/chaos/kafka_group.h"
#include "tests/chaos/kafka_member.h"
#include "tests/chaos/kafka_senders.h"
#include "tests/chaos/kafka_settings.h"

namespace jangada::chaos {
namespace {

using history::Function;
using history::Key;
using history::Offset;
using history::Operation;
using history::Type;

constexpr int64_t kReader = 1'000'000;  // processes of the history
constexpr int64_t kAsker = 1'000'001;
constexpr int64_t kBatches = 1'000'002;
constexpr int64_t kFinishMs = 120'000;  // for each of: the ends, the group, the last reading
constexpr int kAskMs = 5'000;
constexpr int kLookMs = 500;

class KafkaWorkload {
 public:
  explicit KafkaWorkload(const KafkaOptions& options)
      : options_(options), history_(options.history) {}

  int Run() {
    if (!history_.good()) {
      std::cerr << "cannot write " << options_.history << std::endl;
      return 2;
    }
    std::string error;
    asker_.reset(
        RdKafka::KafkaConsumer::create(KafkaConf(options_, GroupSettings(options_)).get(), error));
    if (asker_ == nullptr) {
      std::cerr << error << std::endl;
      return 2;
    }
    std::thread progress([this] { TellProgress(); });
    const int exit_code = Serve();
    over_ = true;
    progress.join();
    SayProgress();
    return history_.good() ? exit_code : 2;
  }

 private:
  int Serve() {
    KafkaGroup group(options_, history_, counts_);
    {
      KafkaSenders senders(options_, history_, counts_);
      std::thread looks([this] { LookAtCommitted(); });
      for (std::string line; std::getline(std::cin, line) && line != "finish";) {
      }
      senders.Finish();
      stop_ = true;
      looks.join();
    }
    group.Calm();
    const int exit_code = Finish(group);
    Say("note " + group.Story() + ", producers begun anew " +
        std::to_string(counts_.producers_anew));
    return exit_code;
  }

  int Finish(const KafkaGroup& group) {
    std::map<Key, Offset> ends;
    if (!Within("the ends of the partitions", [&] { return AskEnds(&ends); })) return 1;
    if (!Within("the group", [&] { return HasCommitted(group, ends); })) return 1;
    for (const auto& [key, end] : ends) {
      if (!Within("the batches", [&] { return NoteBatches(key, end); })) return 1;
    }
    return ReadToTheEnd(ends);
  }

  // ---- the group's committed offsets ----

  /// Asks all the time: what is committed never goes back.
  void LookAtCommitted() {
    while (!stop_) {
      std::map<Key, Offset> committed;
      AskAll(&committed);
      std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
    }
  }

  std::string AskAll(std::map<Key, Offset>* committed) {
    Operation asked = Begin(Function::kCommitted, kAsker);
    history_.Add(asked);
    for (int32_t key = 0; key < options_.partitions; ++key) (*committed)[key] = -1;
    std::string why;
    if (AskCommitted(*asker_, options_.topic, kAskMs, committed, &why)) {
      asked.ends = *committed;
      history_.End(asked, Type::kOk);
    } else {
      history_.End(asked, Type::kInfo, why);
    }
    return why;
  }

  /// Why the group is not yet where everything is consumed; empty: it is.
  std::string HasCommitted(const KafkaGroup& group, const std::map<Key, Offset>& ends) {
    std::map<Key, Offset> committed;
    if (std::string why = AskAll(&committed); !why.empty()) return why;
    for (const auto& [key, end] : ends) {
      if (end > 0 && committed[key] < end) {
        return "partition " + std::to_string(key) + " is committed to " +
               std::to_string(committed[key]) + " of " + std::to_string(end) + "; " +
               group.WhyNotConverged();
      }
    }
    return group.WhyNotConverged();
  }

  // ---- the end ----

  std::string AskEnds(std::map<Key, Offset>* ends) {
    Operation asked = Begin(Function::kListOffsets, kReader);
    history_.Add(asked);
    for (int32_t key = 0; key < options_.partitions; ++key) {
      int64_t low = 0, high = 0;
      const RdKafka::ErrorCode error =
          asker_->query_watermark_offsets(options_.topic, key, &low, &high, kAskMs);
      if (error != RdKafka::ERR_NO_ERROR) {
        history_.End(asked, Type::kFail, RdKafka::err2str(error));
        return RdKafka::err2str(error);
      }
      (*ends)[key] = high;
    }
    asked.ends = *ends;
    history_.End(asked, Type::kOk);
    return "";
  }

  /// Under which producers' numbers everything stands in the log, from whichever node answers.
  std::string NoteBatches(Key key, Offset end) {
    std::string why = "no address of the gRPC door";
    for (const std::string& address : options_.grpc) {
      const auto batches =
          ReadBatches(address, options_.topic, static_cast<int32_t>(key), end, kBatches);
      if (batches.ok()) {
        for (const Operation& batch : *batches) history_.Add(batch);
        return "";
      }
      why = batches.error().message;
    }
    return why;
  }

  /// By assignment, not as a member: the log itself, whatever the group saw.
  int ReadToTheEnd(const std::map<Key, Offset>& ends) {
    Settings settings = GroupSettings(options_);
    settings["group.id"] = options_.group + "-reader";
    std::string error;
    const std::unique_ptr<RdKafka::KafkaConsumer> reader(
        RdKafka::KafkaConsumer::create(KafkaConf(options_, settings).get(), error));
    Operation assign = Begin(Function::kAssign, kReader);
    std::map<Key, Offset> next;
    for (const auto& [key, end] : ends) {
      assign.keys.push_back(key);
      next[key] = 0;
    }
    history_.Add(assign);
    Partitions partitions(options_.topic, next);
    reader->assign(partitions.list());
    history_.End(assign, Type::kOk);
    const int64_t deadline = MonotonicMs() + kFinishMs;
    while (next != ends) {
      if (MonotonicMs() > deadline) {
        std::cerr << "reading stopped before the end" << std::endl;
        return 1;
      }
      Operation poll = Begin(Function::kPoll, kReader);
      history_.Add(poll);
      for (int i = 0; i < 500; ++i) {
        const std::unique_ptr<RdKafka::Message> message(reader->consume(i == 0 ? 1000 : 0));
        if (message->err() != RdKafka::ERR_NO_ERROR) break;
        poll.polled[message->partition()].push_back(
            {.offset = message->offset(), .value = NumberOf(*message)});
        next[message->partition()] = message->offset() + 1;
      }
      history_.End(poll, Type::kOk);
      for (const auto& [key, end] : ends) {
        if (next[key] <= end) continue;
        std::cerr << "partition " << key << " goes on behind its end" << std::endl;
        return 3;
      }
    }
    return 0;
  }

  /// Repeats until `missing` says nothing. False: it still did after a long time.
  static bool Within(const char* what, const std::function<std::string()>& missing) {
    const int64_t deadline = MonotonicMs() + kFinishMs;
    for (;;) {
      const std::string why = missing();
      if (why.empty()) return true;
      if (MonotonicMs() > deadline) {
        std::cerr << what << ": " << why << std::endl;
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
    }
  }

  static Operation Begin(Function function, int64_t process) {
    Operation operation;
    operation.function = function;
    operation.process = process;
    return operation;
  }

  void TellProgress() {
    while (!over_) {
      SayProgress();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  void SayProgress() {
    std::ostringstream line;
    line << "progress " << MonotonicMs() << " " << counts_.sent << " " << counts_.acked << " "
         << counts_.failed << " " << counts_.unknown << " " << counts_.polled;
    Say(line.str());
  }

  void Say(const std::string& line) {
    const std::lock_guard lock(say_mutex_);
    std::cout << line << std::endl;
  }

  const KafkaOptions& options_;
  HistoryFile history_;
  KafkaCounts counts_;
  std::unique_ptr<RdKafka::KafkaConsumer> asker_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> over_{false};
  std::mutex say_mutex_;
};

}  // namespace
}  // namespace jangada::chaos

int main(int argc, char** argv) {
  jangada::chaos::KafkaOptions options;
  CLI::App app("The Kafka workload of the chaos lab; steered through stdin", "kafka_client");
  app.add_option("-b,--bootstrap", options.bootstrap, "Nodes: HOST:PORT[,HOST:PORT...]")
      ->required();
  app.add_option("--grpc", options.grpc, "The same nodes at the gRPC door")
      ->delimiter(',')
      ->required();
  app.add_option("--topic", options.topic)->capture_default_str();
  app.add_option("--partitions", options.partitions)->capture_default_str();
  app.add_option("--history", options.history, "File for the operations (EDN)")->required();
  app.add_option("--rate", options.rate, "Sends a second")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--value-bytes", options.value_bytes)->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  app.add_option("--member", options.member, "Be one member of the group, of this number")
      ->group("");
  app.add_option("--instance", options.instance, "... and a static one")->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (options.member != 0) return jangada::chaos::RunMember(options);
  return jangada::chaos::KafkaWorkload(options).Run();
}
