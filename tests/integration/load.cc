#include "tests/integration/load.h"

#include <set>
#include <sstream>

#include "base/check.h"

namespace jangada::integration {
namespace {

constexpr int kKeys = 40;
constexpr int64_t kFlushMs = 30'000;

std::string KeyOf(int64_t number) { return "key-" + std::to_string(number % kKeys); }

}  // namespace

std::string ValueOf(int64_t number) {
  return "record-" + std::to_string(number) + "-" +
         std::string(80, static_cast<char>('a' + number % 26));
}

Load::Load(const TestCluster& cluster, const std::string& topic, int partitions, int replicas)
    : topic_(topic), partitions_(partitions), client_(cluster.MakeClient()) {
  const auto created = client_->CreateTopic(
      {.name = topic, .partitions = partitions, .replication_factor = replicas, .configs = {}},
      kCallMs);
  CHECK_MSG(created.ok(), created.ok() ? "" : created.error().message);
  producer_ = std::make_unique<client::Producer>(*client_, client::ProducerOptions());
}

Load::~Load() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Load::Run(std::chrono::microseconds gap) {
  CHECK(!thread_.joinable());
  stop_ = false;
  thread_ = std::thread([this, gap] {
    while (!stop_) {
      SendOne();
      std::this_thread::sleep_for(gap);
    }
  });
}

bool Load::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return producer_->Flush(kFlushMs);
}

bool Load::Produce(int count) {
  const int64_t before = acknowledged();
  for (int i = 0; i < count; ++i) SendOne();
  return producer_->Flush(kFlushMs) && acknowledged() - before == count;
}

void Load::SendOne() {
  const int64_t number = next_++;
  Record record;
  record.key = KeyOf(number);
  record.value = ValueOf(number);
  producer_->Send(topic_, std::move(record), [this, number](Result<client::Delivery> delivery) {
    const std::lock_guard lock(mutex_);
    if (delivery.ok()) {
      acks_[{delivery->partition, delivery->offset}] = ValueOf(number);
    } else {
      ++failed_;
    }
  });
}

int64_t Load::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(acks_.size());
}

int64_t Load::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

bool Load::WaitForMore(int64_t more) {
  const int64_t target = acknowledged() + more;
  return Eventually([&] { return acknowledged() >= target; });
}

std::string Load::Judge(client::Client& client) const {
  std::map<std::pair<int32_t, int64_t>, std::string> missing;
  {
    const std::lock_guard lock(mutex_);
    missing = acks_;
  }
  client::Consumer consumer(client, client::ConsumerOptions());
  std::map<int32_t, int64_t> ends;
  for (int32_t partition = 0; partition < partitions_; ++partition) {
    const auto end = client.ListOffsets(
        {{.where = {topic_, partition}, .at = client::OffsetQuery::At::kLatest}}, kCallMs);
    if (!end.ok())
      return "the end of partition " + std::to_string(partition) + ": " + end.error().message;
    if (end->front().offset > 0) {
      ends[partition] = end->front().offset;
      consumer.Assign({topic_, partition}, 0);
    }
  }
  std::set<std::string> values;
  std::map<std::string, int64_t> last_of_key;
  while (!ends.empty()) {
    const auto polled = consumer.Poll(kCallMs);
    if (!polled.ok()) return "reading: " + polled.error().message;
    if (polled->records.empty()) return "reading stopped before the end: " + consumer.trouble();
    const int32_t partition = polled->where.partition;
    for (const Record& record : polled->records) {
      std::ostringstream where;
      where << polled->where << " offset " << record.offset;
      const std::string value = record.value.value_or("");
      if (!values.insert(value).second) return where.str() + " repeats " + value;
      const auto acked = missing.find({partition, record.offset});
      if (acked != missing.end()) {
        if (acked->second != value)
          return where.str() + " holds " + value + ", acknowledged was " + acked->second;
        missing.erase(acked);
      }
      const int64_t number = std::stoll(value.substr(value.find('-') + 1));
      const auto [last, first_of_key] = last_of_key.try_emplace(record.key.value_or(""), number);
      if (!first_of_key && last->second >= number)
        return where.str() + " breaks the order of its key";
      last->second = number;
    }
    const auto end = ends.find(partition);
    if (end != ends.end() && polled->records.back().offset + 1 >= end->second) ends.erase(end);
  }
  if (missing.empty()) return "";
  return std::to_string(missing.size()) + " acknowledged records are missing, the first is " +
         missing.begin()->second;
}

}  // namespace jangada::integration
