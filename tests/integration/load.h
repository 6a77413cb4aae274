// Load: a producer that remembers every acknowledgement, and the judgement of what is read back:
// each acknowledged record exactly once and exactly at its offset, the order of each key kept.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "tests/integration/test_cluster.h"

namespace jangada::integration {

class Load {
 public:
  /// Creates the topic. CHECKs that this works: it is no test's subject.
  Load(const TestCluster& cluster, const std::string& topic, int partitions, int replicas);
  ~Load();

  /// Produces numbered records from a thread of its own until Stop(), every `gap`.
  void Run(std::chrono::microseconds gap = std::chrono::milliseconds(1));
  /// Waits until what was sent is through. False: something is neither acknowledged nor failed.
  [[nodiscard]] bool Stop();

  /// Produces `count` records and waits for them. False: not every one was acknowledged.
  [[nodiscard]] bool Produce(int count);

  int64_t acknowledged() const;
  int64_t failed() const;
  /// Waits for `more` acknowledgements from now on.
  [[nodiscard]] bool WaitForMore(int64_t more);

  /// Reads everything back through `client` and judges it: "" or the first thing that is wrong.
  std::string Judge(client::Client& client) const;

  const std::string& topic() const { return topic_; }
  client::Client& client() { return *client_; }

 private:
  void SendOne();

  const std::string topic_;
  const int partitions_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<client::Producer> producer_;
  std::thread thread_;
  std::atomic<bool> stop_ = false;
  int64_t next_ = 0;  // the thread's, or between runs the test's

  mutable std::mutex mutex_;
  std::map<std::pair<int32_t, int64_t>, std::string> acks_;  // partition, offset -> value
  int64_t failed_ = 0;
};

/// The value of record `number`: long enough to be found on a disk, with the number in its head.
std::string ValueOf(int64_t number);

}  // namespace jangada::integration
