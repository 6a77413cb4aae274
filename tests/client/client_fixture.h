// ClientTest: the client against three real gRPC doors with fake brokers behind them, each reached
// through a proxy that can cut its connections, as the death of a node does.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "jangada/client.h"
#include "jangada/consumer.h"
#include "jangada/producer.h"
#include "server/grpc/grpc_server.h"
#include "storage/record_batch.h"
#include "tests/server/fake_cluster.h"
#include "tests/server/grpc/cutting_proxy.h"

namespace jangada::client {

using server::testing::CuttingProxy;
using server::testing::FakeBroker;
using server::testing::FakeCluster;

inline constexpr std::chrono::seconds kPatience{30};
inline constexpr int64_t kCallTimeoutMs = 10'000;

inline server::TopicPartition At(const std::string& topic, int32_t partition) {
  return {topic, partition};
}

/// What came of the records that a test sent, by the number that is their value.
class Deliveries {
 public:
  Callback<Result<Delivery>> For(int number) {
    return [this, number](const Result<Delivery>& delivery) {
      const std::lock_guard lock(mutex_);
      EXPECT_TRUE(results_.emplace(number, delivery).second) << "a second answer for " << number;
      changed_.notify_all();
    };
  }

  /// Waits for so many answers.
  bool Await(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return results_.size() >= count; });
  }

  std::map<int, Result<Delivery>> results() {
    const std::lock_guard lock(mutex_);
    return results_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, Result<Delivery>> results_;
};

class ClientTest : public testing::Test {
 protected:
  struct Node {
    Node(FakeCluster& cluster, NodeId id) : broker(cluster, id), server(broker) {}
    FakeBroker broker;
    server::GrpcServer server;
    std::unique_ptr<CuttingProxy> proxy;
  };

  void SetUp() override {
    for (int32_t id = 1; id <= 3; ++id) {
      auto node = std::make_unique<Node>(cluster_, NodeId(id));
      ASSERT_TRUE(node->server.Start("127.0.0.1:0").ok());
      node->proxy = std::make_unique<CuttingProxy>(node->server.port());
      cluster_.AddNode(NodeId(id), node->proxy->port());
      options_.bootstrap.push_back("127.0.0.1:" + std::to_string(node->proxy->port()));
      nodes_[id] = std::move(node);
    }
    options_.bootstrap.erase(options_.bootstrap.begin());  // the default
    client_ = *Client::Make(options_);
  }

  void TearDown() override {
    client_.reset();
    for (auto& [id, node] : nodes_) node->broker.ReleaseAnswers();
    for (auto& [id, node] : nodes_) {
      node->proxy->Cut();
      node->server.Shutdown(0);
    }
  }

  static bool Eventually(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  static storage::Record Numbered(int number) { return {.value = std::to_string(number)}; }

  /// Every number from 0 to `count` was acknowledged where the log holds it, and the log holds
  /// nothing else; within a partition they are in order.
  void ExpectEachOnceInOrder(Deliveries& deliveries, const std::string& topic, int32_t partitions,
                             int count) {
    const auto results = deliveries.results();
    ASSERT_EQ(results.size(), static_cast<size_t>(count));
    size_t held = 0;
    for (int32_t p = 0; p < partitions; ++p) {
      int last = -1;
      for (const storage::Record& record : cluster_.Records(At(topic, p))) {
        const int number = std::stoi(*record.value);
        EXPECT_GT(number, last) << "order in partition " << p;
        last = number;
        const auto& result = results.at(number);
        ASSERT_TRUE(result.ok()) << number << ": " << result.error();
        EXPECT_EQ(result->partition, p);
        EXPECT_EQ(result->offset, record.offset) << number;
        ++held;
      }
    }
    EXPECT_EQ(held, static_cast<size_t>(count));
  }

  ClientOptions options_;
  FakeCluster cluster_;
  std::map<int32_t, std::unique_ptr<Node>> nodes_;
  std::unique_ptr<Client> client_;
};

inline constexpr ProducerOptions kQuick{
    .linger_ms = 1, .batch_bytes = 256, .delivery_timeout_ms = 20'000};

}  // namespace jangada::client
