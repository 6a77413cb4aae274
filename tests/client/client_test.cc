// The client against three real gRPC doors with fake brokers behind them, each reached through a
// proxy that can cut its connections, as the death of a node does.
#include "client/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "base/murmur2.h"
#include "base/random.h"
#include "client/consumer.h"
#include "client/producer.h"
#include "server/grpc/grpc_server.h"
#include "tests/server/grpc/cutting_proxy.h"
#include "tests/server/grpc/fake_cluster.h"

namespace jangada::client {
namespace {

using server::testing::CuttingProxy;
using server::testing::FakeBroker;
using server::testing::FakeCluster;

constexpr std::chrono::seconds kPatience{30};
constexpr int64_t kCallTimeoutMs = 10'000;

server::TopicPartition At(const std::string& topic, int32_t partition) {
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

constexpr ProducerOptions kQuick{.linger_ms = 1, .batch_bytes = 256, .delivery_timeout_ms = 20'000};

// ---- the way there and back ----

TEST_F(ClientTest, WhatIsProducedIsConsumedFromEveryPartition) {
  cluster_.AddTopic("t", 3, NodeId(1));
  cluster_.SetLeader(At("t", 1), NodeId(2));
  cluster_.SetLeader(At("t", 2), NodeId(3));
  Deliveries deliveries;
  {
    Producer producer(*client_, kQuick);
    for (int i = 0; i < 2000; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
    ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
  }
  ExpectEachOnceInOrder(deliveries, "t", 3, 2000);
  Consumer consumer(*client_, {});
  for (int32_t p = 0; p < 3; ++p) consumer.Assign({"t", p}, 0);
  std::set<int> seen;
  std::map<int32_t, int64_t> next;
  while (seen.size() < 2000) {
    const auto polled = consumer.Poll(kCallTimeoutMs);
    ASSERT_TRUE(polled.ok()) << polled.error();
    ASSERT_FALSE(polled->records.empty()) << consumer.trouble();
    for (const auto& record : polled->records) {
      EXPECT_EQ(record.offset, next[polled->where.partition]++);
      EXPECT_TRUE(seen.insert(std::stoi(*record.value)).second);
    }
  }
  EXPECT_EQ(next.size(), 3U) << "records without a key are spread";
}

TEST_F(ClientTest, KeysGoWhereKafkasClientsPutThem) {
  cluster_.AddTopic("t", 6, NodeId(2));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 100; ++i) {
    producer.Send("t", {.key = "key-" + std::to_string(i), .value = std::to_string(i)},
                  deliveries.For(i));
  }
  producer.Send("t", {.key = "", .value = "100"}, deliveries.For(100));
  producer.Send("t", {.key = "k", .value = "101"}, deliveries.For(101), 5);
  ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
  const auto results = deliveries.results();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(results.at(i)->partition, PartitionOfKey("key-" + std::to_string(i), 6));
  }
  EXPECT_EQ(results.at(100)->partition, PartitionOfKey("", 6));
  EXPECT_EQ(results.at(101)->partition, 5);
}

TEST_F(ClientTest, KeysValuesAndHeadersKeepTheirBytes) {
  cluster_.AddTopic("t", 1, NodeId(1));
  const storage::Record odd{.timestamp_ms = 1700000000000,
                            .key = std::string("\0\xff", 2),
                            .value = std::string("a\r\n\0b", 5),
                            .headers = {{"h", std::string("\0", 1)}, {"n", std::nullopt}}};
  const storage::Record bare{.timestamp_ms = 1700000000001};
  for (const auto codec : {storage::Compression::kNone, storage::Compression::kGzip,
                           storage::Compression::kLz4, storage::Compression::kZstd}) {
    ProducerOptions options = kQuick;
    options.compression = codec;
    Deliveries deliveries;
    Producer producer(*client_, options);
    producer.Send("t", odd, deliveries.For(0));
    producer.Send("t", bare, deliveries.For(1));
    ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
    Consumer consumer(*client_, {});
    std::vector<storage::Record> got;
    consumer.Assign({"t", 0}, deliveries.results().at(0)->offset);
    while (got.size() < 2) {
      auto polled = consumer.Poll(kCallTimeoutMs);
      ASSERT_TRUE(polled.ok()) << polled.error();
      ASSERT_FALSE(polled->records.empty());
      for (auto& record : polled->records) got.push_back(std::move(record));
    }
    EXPECT_EQ(got[0].key, odd.key);
    EXPECT_EQ(got[0].value, odd.value);
    EXPECT_EQ(got[0].headers, odd.headers);
    EXPECT_EQ(got[0].timestamp_ms, odd.timestamp_ms);
    EXPECT_EQ(got[1].key, std::nullopt);
    EXPECT_EQ(got[1].value, std::nullopt);
  }
}

// ---- producers and faults ----

TEST_F(ClientTest, ALeaderThatDiesWithItsAnswersUnsentLosesAndDoublesNothing) {
  cluster_.AddTopic("t", 2, NodeId(1));
  cluster_.SetLeader(At("t", 1), NodeId(3));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  constexpr int kCount = 3000;
  for (int i = 0; i < kCount / 2; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  ASSERT_TRUE(deliveries.Await(200));
  nodes_[1]->broker.HoldAnswers(true);  // written from here on, but nobody hears of it
  const int before = nodes_[1]->broker.produces;
  for (int i = kCount / 2; i < kCount; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  ASSERT_TRUE(Eventually([&] { return nodes_[1]->broker.produces > before; }));
  nodes_[1]->proxy->Cut();
  cluster_.SetLeader(At("t", 0), std::nullopt);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // an election
  cluster_.SetLeader(At("t", 0), NodeId(2));
  ASSERT_TRUE(producer.Flush(20'000));
  ExpectEachOnceInOrder(deliveries, "t", 2, kCount);
}

TEST_F(ClientTest, AHangingLeaderIsLeftWhenAnotherLeads) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  producer.Send("t", Numbered(0), deliveries.For(0));
  ASSERT_TRUE(deliveries.Await(1));
  nodes_[1]->broker.HoldAnswers(true);
  producer.Send("t", Numbered(1), deliveries.For(1));
  cluster_.SetLeader(At("t", 0), NodeId(2));
  const auto started = std::chrono::steady_clock::now();
  ASSERT_TRUE(deliveries.Await(2));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::milliseconds(2400))
      << "it need not wait for the try's end";
  ExpectEachOnceInOrder(deliveries, "t", 1, 2);
}

TEST_F(ClientTest, LeadersThatMoveAllTheTimeAreFollowed) {
  cluster_.AddTopic("t", 3, NodeId(1));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  std::atomic<bool> done = false;
  std::thread mover([&] {
    Random random(7);
    while (!done) {
      const auto partition = static_cast<int32_t>(random.Below(3));
      cluster_.SetLeader(At("t", partition), NodeId(static_cast<int32_t>(random.Between(1, 3))));
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  constexpr int kCount = 3000;
  for (int i = 0; i < kCount; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  const bool flushed = producer.Flush(20'000);
  done = true;
  mover.join();
  ASSERT_TRUE(flushed);
  ExpectEachOnceInOrder(deliveries, "t", 3, kCount);
}

TEST_F(ClientTest, TroublesThatPassAreWaitedOut) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Random random(11);
  nodes_[1]->broker.FailProduce([&](const server::ProduceRequest&) -> std::optional<Error> {
    constexpr ErrorCode kPassing[] = {ErrorCode::kUnavailable, ErrorCode::kThrottled,
                                      ErrorCode::kTimeout, ErrorCode::kDiskFull,
                                      ErrorCode::kNotLeader};
    if (!random.Chance(1, 3)) return std::nullopt;
    return Error{kPassing[random.Below(5)], "for now"};
  });
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 500; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  ASSERT_TRUE(producer.Flush(20'000));
  ExpectEachOnceInOrder(deliveries, "t", 1, 500);
}

TEST_F(ClientTest, ARecordThatIsRefusedFailsAloneAndTheRestKeepTheirOrder) {
  cluster_.AddTopic("t", 1, NodeId(1));
  nodes_[1]->broker.FailProduce([](const server::ProduceRequest& request) -> std::optional<Error> {
    const auto records = storage::DecodeRecords(request.batch.view(), 0);
    if (!records.ok() || records->front().value != "20") return std::nullopt;
    return Error{ErrorCode::kRecordTooLarge, "too large"};
  });
  ProducerOptions options = kQuick;
  options.batch_bytes = 1;  // a batch per record
  Deliveries deliveries;
  Producer producer(*client_, options);
  for (int i = 0; i < 60; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  ASSERT_TRUE(producer.Flush(20'000));
  const auto results = deliveries.results();
  EXPECT_EQ(results.at(20).error().code, ErrorCode::kRecordTooLarge);
  std::vector<int> held;
  for (const auto& record : cluster_.Records(At("t", 0))) held.push_back(std::stoi(*record.value));
  std::vector<int> expected;
  for (int i = 0; i < 60; ++i) {
    if (i != 20) expected.push_back(i);
  }
  EXPECT_EQ(held, expected);
}

TEST_F(ClientTest, AnUnknownTopicFailsSoon) {
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  producer.Send("nope", Numbered(0), deliveries.For(0));
  ASSERT_TRUE(deliveries.Await(1));
  EXPECT_EQ(deliveries.results().at(0).error().code, ErrorCode::kUnknownTopic);
  cluster_.AddTopic("t", 1, NodeId(1));
  producer.Send("t", Numbered(1), deliveries.For(1), 7);
  ASSERT_TRUE(deliveries.Await(2));
  EXPECT_EQ(deliveries.results().at(1).error().code, ErrorCode::kUnknownTopic);
}

TEST_F(ClientTest, WithoutALeaderARecordFailsAfterItsTimeoutAndWasNotWritten) {
  cluster_.AddTopic("t", 1, NodeId(1));
  cluster_.SetLeader(At("t", 0), std::nullopt);
  ProducerOptions options = kQuick;
  options.delivery_timeout_ms = 300;
  Deliveries deliveries;
  Producer producer(*client_, options);
  producer.Send("t", Numbered(0), deliveries.For(0));
  ASSERT_TRUE(deliveries.Await(1));
  EXPECT_EQ(deliveries.results().at(0).error().code, ErrorCode::kUnavailable);
}

TEST_F(ClientTest, SendWaitsWhileTheBufferIsFull) {
  cluster_.AddTopic("t", 1, NodeId(1));
  nodes_[1]->broker.HoldAnswers(true);
  ProducerOptions options = kQuick;
  options.buffer_bytes = 10'000;
  Deliveries deliveries;
  Producer producer(*client_, options);
  std::atomic<int> sent = 0;
  std::thread sender([&] {
    for (int i = 0; i < 400; ++i) {
      producer.Send("t", Numbered(i), deliveries.For(i));
      ++sent;
    }
  });
  ASSERT_TRUE(Eventually([&] { return nodes_[1]->broker.produces > 0; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_LT(sent, 150) << "400 records cost four times the buffer";
  nodes_[1]->broker.ReleaseAnswers();
  sender.join();
  ASSERT_TRUE(producer.Flush(20'000));
  ExpectEachOnceInOrder(deliveries, "t", 1, 400);
}

TEST_F(ClientTest, WhatIsNotAcknowledgedFailsWhenTheProducerIsClosed) {
  cluster_.AddTopic("t", 1, NodeId(1));
  nodes_[1]->broker.HoldAnswers(true);
  Deliveries deliveries;
  {
    Producer producer(*client_, kQuick);
    for (int i = 0; i < 50; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
    EXPECT_FALSE(producer.Flush(50));
  }
  const auto results = deliveries.results();
  ASSERT_EQ(results.size(), 50U);
  EXPECT_EQ(results.at(0).error().code, ErrorCode::kShuttingDown);
}

// ---- consumers and faults ----

TEST_F(ClientTest, AConsumerGoesOnAcrossLeadersWithoutLossOrRepeat) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  Consumer consumer(*client_, {.fetch_bytes = 1000, .max_wait_ms = 50});
  consumer.Assign({"t", 0}, 0);
  constexpr int kCount = 2000;
  int next = 0;
  for (int i = 0; i < kCount; ++i) {
    producer.Send("t", Numbered(i), deliveries.For(i));
    if (i == 500) cluster_.SetLeader(At("t", 0), NodeId(2));
    if (i == 1000) {
      nodes_[2]->proxy->Cut();
      cluster_.SetLeader(At("t", 0), NodeId(3));
    }
    if (i == 1500) cluster_.SetLeader(At("t", 0), NodeId(1));
    if (i % 100 != 0) continue;
    const auto polled = consumer.Poll(0);
    ASSERT_TRUE(polled.ok()) << polled.error();
    for (const auto& record : polled->records) EXPECT_EQ(std::stoi(*record.value), next++);
  }
  while (next < kCount) {
    const auto polled = consumer.Poll(kCallTimeoutMs);
    ASSERT_TRUE(polled.ok()) << polled.error();
    ASSERT_FALSE(polled->records.empty()) << "after " << next << ": " << consumer.trouble();
    for (const auto& record : polled->records) EXPECT_EQ(std::stoi(*record.value), next++);
  }
  ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
}

TEST_F(ClientTest, TrimmedOffsetsFailOrAreSkippedAsAsked) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 100; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
  cluster_.SetLogStart(At("t", 0), 60);
  Consumer strict(*client_, {});
  strict.Assign({"t", 0}, 10);
  EXPECT_EQ(strict.Poll(kCallTimeoutMs).error().code, ErrorCode::kOffsetOutOfRange);
  Consumer lenient(*client_, {.out_of_range = OutOfRangePolicy::kEarliest});
  lenient.Assign({"t", 0}, 10);
  EXPECT_EQ(lenient.Poll(kCallTimeoutMs)->records.front().offset, 60);
}

TEST_F(ClientTest, SeekingForgetsWhatWasReadAhead) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 100; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
  Consumer consumer(*client_, {});
  consumer.Assign({"t", 0}, 0);
  EXPECT_EQ(consumer.Poll(kCallTimeoutMs)->records.front().offset, 0);
  consumer.Assign({"t", 0}, 95);
  EXPECT_EQ(consumer.Poll(kCallTimeoutMs)->records.front().offset, 95);
  consumer.Unassign({"t", 0});
  EXPECT_TRUE(consumer.Poll(50)->records.empty());
}

TEST_F(ClientTest, ATopicThatIsDeletedEndsItsReading) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Consumer consumer(*client_, {.max_wait_ms = 50});
  consumer.Assign({"t", 0}, 0);
  EXPECT_TRUE(consumer.Poll(100)->records.empty());
  cluster_.RemoveTopic("t");
  const auto polled = consumer.Poll(kCallTimeoutMs);
  ASSERT_FALSE(polled.ok());
  EXPECT_EQ(polled.error().code, ErrorCode::kUnknownTopic);
}

// ---- calls ----

TEST_F(ClientTest, CallsGoOnToTheNextNodeWhenOneIsDead) {
  cluster_.AddTopic("t", 2, NodeId(2));
  nodes_[1]->proxy->Cut();
  const auto started = std::chrono::steady_clock::now();
  const auto topics = client_->DescribeTopics({"t"}, kCallTimeoutMs);
  ASSERT_TRUE(topics.ok()) << topics.error();
  EXPECT_EQ(topics->topics.front().partitions.size(), 2U);
  EXPECT_EQ(topics->nodes.size(), 3U);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::milliseconds(1500));
}

TEST_F(ClientTest, ErrorsOfTheClusterComeWithTheirCode) {
  const auto unknown = client_->DescribeTopics({"nope"}, kCallTimeoutMs);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnknownTopic);
  nodes_[1]->broker.FailAdmin(Error{ErrorCode::kAlreadyExists, "it is there"});
  const auto created = client_->CreateTopic({.name = "t", .partitions = 1}, kCallTimeoutMs);
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(created.error().message, "it is there");
}

TEST_F(ClientTest, WithNobodyThereACallEndsWithItsTimeout) {
  for (auto& [id, node] : nodes_) node->proxy->Cut();
  const auto started = std::chrono::steady_clock::now();
  const auto cluster = client_->DescribeCluster(400);
  ASSERT_FALSE(cluster.ok());
  EXPECT_EQ(cluster.error().code, ErrorCode::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(3));
}

TEST_F(ClientTest, OffsetsOfAllPartitionsComeTogether) {
  cluster_.AddTopic("t", 2, NodeId(1));
  cluster_.SetLeader(At("t", 1), NodeId(3));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 10; ++i) producer.Send("t", Numbered(i), deliveries.For(i), i < 7 ? 0 : 1);
  ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
  const auto offsets = client_->ListOffsets(
      {{.where = {"t", 0}, .at = OffsetQuery::At::kLatest},
       {.where = {"t", 1}, .at = OffsetQuery::At::kLatest},
       {.where = {"t", 1}, .at = OffsetQuery::At::kEarliest},
       {.where = {"t", 0}, .at = OffsetQuery::At::kTimestamp, .timestamp_ms = INT64_MAX / 2}},
      kCallTimeoutMs);
  ASSERT_TRUE(offsets.ok()) << offsets.error();
  EXPECT_EQ(*offsets, (std::vector<int64_t>{7, 3, 0, -1}));
}

TEST(ClientMake, AddressesAreChecked) {
  for (const char* bad : {"", "host", "host:", ":7092", "host:0", "host:70000", "host:x"}) {
    const auto client = Client::Make({.bootstrap = {bad}});
    ASSERT_FALSE(client.ok()) << bad;
    EXPECT_EQ(client.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace jangada::client
