// chaos_client: the workload of the chaos lab. Sends unique values to the partitions of one topic
// and polls them back, and writes down every operation as it began and as it ended, one EDN map a
// line in real-time order, in the format of Jepsen's Kafka workload (tests/history/edn.h). A
// driver thread sends at a rate, each poller has a thread, completions come on the client's
// threads; one mutex orders the history.
//
// It is steered through stdin: `finish` ends the sending, reads every partition from its beginning
// to its end, and ends. Ten times a second it tells what it has done: `progress MONOTONIC_MS SENT
// ACKED FAILED UNKNOWN POLLED`. Exit: 0 finished, 1 the cluster did not answer any more, 2 wrong
// arguments, 3 a consumer was given what no log can hold.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/random.h"
#include "jangada/client.h"
#include "jangada/consumer.h"
#include "jangada/producer.h"

namespace jangada::chaos {
namespace {

constexpr int64_t kCallMs = 5'000;
constexpr int64_t kDeliveryMs = 15'000;  // then a send's fate is unknown
constexpr int64_t kFinishMs = 120'000;   // for the cluster to answer everything at the end
constexpr int kRereads = 3;              // times that a poller begins again at offset 0

struct Options {
  std::vector<std::string> bootstrap;
  std::string topic = "chaos";
  int32_t partitions = 6;
  std::string history;
  int senders = 400;
  int pollers = 2;
  double rate = 500;
  size_t value_bytes = 200;
  uint64_t seed = 1;
};

int64_t MonotonicMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The file of operations. Any thread.
class History {
 public:
  explicit History(const std::string& path) : out_(path, std::ios::trunc) {}

  void Add(int64_t process, const char* type, const char* f, const std::string& value,
           const std::string& error = "") {
    const std::lock_guard lock(mutex_);
    out_ << "{:process " << process << " :type :" << type << " :f :" << f << " :value " << value;
    if (!error.empty()) out_ << " :error \"" << error << "\"";
    out_ << "}\n";
  }
  void Flush() {
    const std::lock_guard lock(mutex_);
    out_.flush();
  }
  bool good() const { return out_.good(); }

 private:
  std::mutex mutex_;
  std::ofstream out_;
};

/// A value is its number and padding, so that records have a size worth replicating.
std::string ValueText(int64_t number, size_t bytes) {
  std::string text = std::to_string(number) + " ";
  if (text.size() < bytes) text.append(bytes - text.size(), static_cast<char>('a' + number % 26));
  return text;
}

struct Counts {
  std::atomic<int64_t> sent{0}, acked{0}, failed{0}, unknown{0}, polled{0};
};

/// Does the error say that the record is surely not in the log?
bool SurelyNotWritten(ErrorCode code) {
  return code != ErrorCode::kTimeout && code != ErrorCode::kShuttingDown &&
         code != ErrorCode::kInternal && code != ErrorCode::kIoError;
}

/// One sender a process: it sends one record, waits for its end, and sends the next. Processes with
/// even numbers share an idempotent producer, those with odd numbers one without numbers.
class Senders {
 public:
  Senders(client::Client& client, const Options& options, History& history, Counts& counts)
      : options_(options), history_(history), counts_(counts), random_(options.seed) {
    client::ProducerOptions producer{.linger_ms = 2, .delivery_timeout_ms = kDeliveryMs};
    idempotent_ = std::make_unique<client::Producer>(client, producer);
    producer.idempotent = false;
    plain_ = std::make_unique<client::Producer>(client, producer);
    for (int i = 0; i < options.senders; ++i) idle_.push_back(i);
    thread_ = std::thread([this] { Run(); });
  }
  ~Senders() { Finish(); }

  /// Sends nothing more and waits until every send has ended.
  void Finish() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    idempotent_->Flush(kDeliveryMs + kCallMs);
    plain_->Flush(kDeliveryMs + kCallMs);
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, std::chrono::milliseconds(kCallMs), [this] { return under_way_ == 0; });
  }

 private:
  void Run() {
    const auto began = std::chrono::steady_clock::now();
    for (int64_t turn = 0; !stop_; ++turn) {
      std::this_thread::sleep_until(began + std::chrono::microseconds(static_cast<int64_t>(
                                                1e6 * static_cast<double>(turn) / options_.rate)));
      if (const int64_t process = TakeIdle(); process >= 0) SendOne(process);
    }
  }

  int64_t TakeIdle() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return -1;
    const size_t at = random_.Below(idle_.size());
    const int64_t process = idle_[at];
    idle_[at] = idle_.back();
    idle_.pop_back();
    ++under_way_;
    return process;
  }

  void SendOne(int64_t process) {
    const int64_t number = ++last_value_;
    const auto partition = static_cast<int32_t>(random_.Below(options_.partitions));
    const std::string what = "[[:send " + std::to_string(partition) + " ";
    history_.Add(process, "invoke", "send", what + std::to_string(number) + "]]");
    ++counts_.sent;
    Record record;
    record.value = ValueText(number, options_.value_bytes);
    client::Producer& producer = process % 2 == 0 ? *idempotent_ : *plain_;
    producer.Send(
        options_.topic, std::move(record),
        [this, process, number, what](const Result<client::Delivery>& delivery) {
          OnEnd(process, number, what, delivery);
        },
        partition);
  }

  void OnEnd(int64_t process, int64_t number, const std::string& what,
             const Result<client::Delivery>& delivery) {
    // Written, but at an offset that nobody can tell any more: nothing that a history can hold.
    const bool known = delivery.ok() && delivery->offset >= 0;
    const bool failed = !delivery.ok() && SurelyNotWritten(delivery.error().code);
    const std::string value = std::to_string(number);
    if (known) {
      ++counts_.acked;
      history_.Add(process, "ok", "send",
                   what + "[" + std::to_string(delivery->offset) + " " + value + "]]]");
    } else {
      ++(failed ? counts_.failed : counts_.unknown);
      history_.Add(process, failed ? "fail" : "info", "send", what + value + "]]",
                   delivery.ok() ? "offset not known" : ErrorCodeName(delivery.error().code));
    }
    const std::lock_guard lock(mutex_);
    // A process whose operation ended unknown is never used again.
    idle_.push_back(known || failed ? process : process + kProcessesApart);
    if (--under_way_ == 0) ended_.notify_all();
  }

  static constexpr int64_t kProcessesApart = 1000;  // even, so that successors keep their producer

  const Options& options_;
  History& history_;
  Counts& counts_;
  std::unique_ptr<client::Producer> idempotent_, plain_;
  std::atomic<bool> stop_{false};
  Random random_;  // the driver thread's
  int64_t last_value_ = 0;

  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<int64_t> idle_;
  int64_t under_way_ = 0;
  std::thread thread_;
};

/// Reads all partitions; tells the history what it read.
class Poller {
 public:
  Poller(client::Client& client, const Options& options, int64_t process, History& history,
         Counts& counts)
      : client_(client), options_(options), process_(process), history_(history), counts_(counts) {}

  /// A new consumer that begins every partition anew.
  void Begin() {
    consumer_ = std::make_unique<client::Consumer>(client_, client::ConsumerOptions());
    next_.assign(static_cast<size_t>(options_.partitions), 0);
    std::string keys = "[";
    for (int32_t partition = 0; partition < options_.partitions; ++partition) {
      keys += (partition == 0 ? "" : " ") + std::to_string(partition);
    }
    keys += "]";
    history_.Add(process_, "invoke", "assign", keys);
    for (int32_t partition = 0; partition < options_.partitions; ++partition) {
      consumer_->Assign({options_.topic, partition}, 0);
    }
    history_.Add(process_, "ok", "assign", keys);
  }

  /// One poll. False: the consumer met what no log can hold, or its partition is gone.
  bool Poll(int64_t timeout_ms) {
    history_.Add(process_, "invoke", "poll", "[[:poll]]");
    const auto polled = consumer_->Poll(timeout_ms);
    if (!polled.ok()) {
      history_.Add(process_, "fail", "poll", "[[:poll]]", ErrorCodeName(polled.error().code));
      std::cerr << "poller " << process_ << ": " << polled.error().message << std::endl;
      return false;
    }
    std::ostringstream value;
    value << "[[:poll {";
    if (!polled->records.empty()) {
      value << polled->where.partition << " [";
      const char* gap = "";
      for (const Record& record : polled->records) {
        const std::string text = record.value.value_or("");
        value << gap << "[" << record.offset << " " << text.substr(0, text.find(' ')) << "]";
        gap = " ";
      }
      value << "]";
      next_[static_cast<size_t>(polled->where.partition)] = polled->records.back().offset + 1;
      counts_.polled += static_cast<int64_t>(polled->records.size());
    }
    value << "}]]";
    history_.Add(process_, "ok", "poll", value.str());
    return true;
  }

  int64_t next(int32_t partition) const { return next_[static_cast<size_t>(partition)]; }
  std::string trouble() const { return consumer_->trouble(); }

 private:
  client::Client& client_;
  const Options& options_;
  const int64_t process_;
  History& history_;
  Counts& counts_;
  std::unique_ptr<client::Consumer> consumer_;
  std::vector<int64_t> next_;
};

/// Reads everything once more, to the end that every partition has now. False: not in time.
bool ReadToTheEnd(client::Client& client, Poller* poller, const Options& options, int* exit_code) {
  const int64_t deadline = MonotonicMs() + kFinishMs;
  std::vector<client::OffsetQuery> queries;
  for (int32_t partition = 0; partition < options.partitions; ++partition) {
    queries.push_back(
        {.where = {options.topic, partition}, .at = client::OffsetQuery::At::kLatest});
  }
  const auto ends = client.ListOffsets(queries, kFinishMs);
  if (!ends.ok()) {
    std::cerr << "the ends of the partitions: " << ends.error().message << std::endl;
    return false;
  }
  poller->Begin();
  const auto done = [&] {
    for (int32_t partition = 0; partition < options.partitions; ++partition) {
      if (poller->next(partition) < (*ends)[static_cast<size_t>(partition)].offset) return false;
    }
    return true;
  };
  while (!done()) {
    if (MonotonicMs() > deadline) {
      std::cerr << "reading stopped before the end: " << poller->trouble() << std::endl;
      return false;
    }
    if (!poller->Poll(1000)) {
      *exit_code = 3;
      return false;
    }
  }
  return true;
}

class Workload {
 public:
  explicit Workload(const Options& options) : options_(options), history_(options.history) {}

  int Run() {
    auto made = client::Client::Make({.bootstrap = options_.bootstrap});
    if (!made.ok() || !history_.good()) {
      std::cerr << (made.ok() ? "cannot write " + options_.history : made.error().message) << "\n";
      return 2;
    }
    client_ = std::move(*made);
    Senders senders(*client_, options_, history_, counts_);
    std::vector<std::thread> pollers;
    for (int i = 0; i < options_.pollers; ++i) {
      pollers.emplace_back([this, i] { RunPoller(kFirstPoller + i); });
    }
    std::thread progress([this] { TellProgress(); });
    ServeStdin();
    senders.Finish();
    stop_ = true;
    for (std::thread& poller : pollers) poller.join();
    progress.join();
    Poller last(*client_, options_, kFirstPoller + options_.pollers, history_, counts_);
    int exit_code = exit_code_;
    if (!ReadToTheEnd(*client_, &last, options_, &exit_code) && exit_code == 0) exit_code = 1;
    SayProgress();
    history_.Flush();
    return exit_code;
  }

 private:
  static constexpr int64_t kFirstPoller = 1'000'000;

  /// Ends with `finish`, or when nobody steers any more.
  static void ServeStdin() {
    for (std::string line; std::getline(std::cin, line) && line != "finish";) {
    }
  }

  void RunPoller(int64_t process) {
    auto made = client::Client::Make({.bootstrap = options_.bootstrap});
    Poller poller(**made, options_, process, history_, counts_);
    Random random(options_.seed + static_cast<uint64_t>(process));
    poller.Begin();
    int rereads = 0;
    while (!stop_) {
      if (rereads < kRereads && random.Below(300) == 0) {
        ++rereads;
        poller.Begin();
      }
      if (!poller.Poll(200)) {
        exit_code_ = 3;
        return;
      }
    }
  }

  void TellProgress() {
    while (!stop_) {
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

  const Options& options_;
  History history_;
  Counts counts_;
  std::unique_ptr<client::Client> client_;
  std::atomic<bool> stop_{false};
  std::atomic<int> exit_code_{0};
  std::mutex say_mutex_;
};

}  // namespace
}  // namespace jangada::chaos

int main(int argc, char** argv) {
  jangada::chaos::Options options;
  CLI::App app("The workload of the chaos lab; steered through stdin", "chaos_client");
  app.add_option("-b,--bootstrap", options.bootstrap, "Nodes: HOST:PORT[,HOST:PORT...]")
      ->delimiter(',')
      ->required();
  app.add_option("--topic", options.topic)->capture_default_str();
  app.add_option("--partitions", options.partitions)->capture_default_str();
  app.add_option("--history", options.history, "File for the operations (EDN)")->required();
  app.add_option("--senders", options.senders, "Sends under way at once")->capture_default_str();
  app.add_option("--pollers", options.pollers)->capture_default_str();
  app.add_option("--rate", options.rate, "Sends a second")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--value-bytes", options.value_bytes)->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return jangada::chaos::Workload(options).Run();
}
