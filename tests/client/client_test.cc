// The whole way through the client and back, and its calls.
#include "jangada/client.h"

#include <limits>
#include <set>

#include "base/murmur2.h"
#include "client/waits.h"
#include "tests/client/client_fixture.h"

namespace jangada::client {
namespace {

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

TEST_F(ClientTest, ANodeIsAskedByItsIdAndNoOtherAnswersForIt) {
  const auto level = client_->GetLogLevel(2, kCallTimeoutMs);
  ASSERT_TRUE(level.ok()) << level.error();
  EXPECT_EQ(level->node, 2);
  const auto before = client_->SetLogLevel(3, "error", kCallTimeoutMs);
  ASSERT_TRUE(before.ok()) << before.error();
  EXPECT_EQ(before->node, 3);
  EXPECT_EQ(before->level, level->level);
  ASSERT_TRUE(client_->SetLogLevel(3, before->level, kCallTimeoutMs).ok());
  EXPECT_EQ(client_->SetLogLevel(3, "loud", kCallTimeoutMs).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(client_->DescribeConfig(1, kCallTimeoutMs)->node, 1);
  EXPECT_EQ(client_->DescribeConfig(8, kCallTimeoutMs).error().code, ErrorCode::kNotFound);
  nodes_[2]->proxy->Cut();
  EXPECT_EQ(client_->GetLogLevel(2, kCallTimeoutMs).error().code, ErrorCode::kUnavailable);
  EXPECT_NE(client_->GetLogLevel(0, kCallTimeoutMs)->node, 2);
}

TEST_F(ClientTest, WhatIsWrongWithAPartitionComesWithItsReason) {
  cluster_.AddTopic("t", 2, NodeId(1));
  cluster_.SetLeader(At("t", 1), std::nullopt);
  const auto partitions = client_->DescribePartitions({"t"}, 1'000);
  ASSERT_TRUE(partitions.ok()) << partitions.error();
  EXPECT_EQ(partitions->at(1).health, PartitionHealth::kWithoutLeader);
  EXPECT_NE(partitions->at(1).why.find("No leader"), std::string::npos) << partitions->at(1).why;
  const PartitionStateView& led = partitions->at(0);
  EXPECT_EQ(led.health, PartitionHealth::kShortOfReplicas);
  ASSERT_EQ(led.problems.size(), 1u);
  EXPECT_EQ(led.problems.front().node, 9);
  EXPECT_EQ(led.problems.front().condition, ReplicaCondition::kNodeUnknown);
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
  std::vector<int64_t> found;
  for (const OffsetAnswer& answer : *offsets) found.push_back(answer.offset);
  EXPECT_EQ(found, (std::vector<int64_t>{7, 3, 0, -1}));
}

TEST_F(ClientTest, ChangesOfATopicReachTheController) {
  cluster_.AddTopic("t", 1, NodeId(2));
  EXPECT_TRUE(client_
                  ->AlterTopicConfigs("t", {.set = {{"retention.ms", "1"}}, .reset = {"a.b"}},
                                      kCallTimeoutMs)
                  .ok());
  EXPECT_TRUE(client_->CreatePartitions("t", 4, kCallTimeoutMs).ok());
  std::vector<std::string> calls;
  for (const auto& [id, node] : nodes_) {
    for (const std::string& call : node->broker.admin_calls()) calls.push_back(call);
  }
  EXPECT_EQ(calls, (std::vector<std::string>{"AlterTopicConfigs t a.b=(default) retention.ms=1",
                                             "CreatePartitions t 4"}));
}

TEST_F(ClientTest, DeletedRecordsAreGoneFromTheStart) {
  cluster_.AddTopic("t", 1, NodeId(2));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 10; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
  EXPECT_EQ(*client_->DeleteRecords({"t", 0}, 4, kCallTimeoutMs), 4);
  EXPECT_EQ(*client_->DeleteRecords({"t", 0}, -1, kCallTimeoutMs), 10) << "everything";
  const auto beyond = client_->DeleteRecords({"t", 0}, 11, kCallTimeoutMs);
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().code, ErrorCode::kOffsetOutOfRange);
}

TEST_F(ClientTest, TheEndsOfATopicAreThoseOfItsPartitions) {
  cluster_.AddTopic("t", 2, NodeId(1));
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(producer.Send("t", Numbered(i), i < 7 ? 0 : 1).get());
  const auto ends = client_->EndOffsets("t", kCallTimeoutMs);
  ASSERT_TRUE(ends.ok()) << ends.error();
  EXPECT_EQ(*ends, (std::map<TopicPartition, int64_t>{{{"t", 0}, 7}, {{"t", 1}, 3}}));
  EXPECT_EQ(client_->EndOffsets("u", kCallTimeoutMs).error().code, ErrorCode::kUnknownTopic);
}

TEST_F(ClientTest, APlacementByHandReachesTheController) {
  ASSERT_TRUE(
      client_->CreateTopic({.name = "u", .assignment = {{1, 2}, {2, 3}}}, kCallTimeoutMs).ok());
  EXPECT_EQ(nodes_[1]->broker.admin_calls().front(), "CreateTopic u 1x3 [ 1 2 ] [ 2 3 ]");
}

TEST_F(ClientTest, ANodeSaysWhetherItServes) {
  const std::string address = options_.bootstrap.front();
  for (const bool serves : {false, true}) {
    nodes_[1]->server.SetServing(serves);
    const auto serving = client_->IsServing(address, kCallTimeoutMs);
    ASSERT_TRUE(serving.ok()) << serving.error();
    EXPECT_EQ(*serving, serves);
  }
  nodes_[1]->proxy->Cut();
  EXPECT_EQ(client_->IsServing(address, kCallTimeoutMs).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->IsServing("nowhere", kCallTimeoutMs).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(ClientTest, AWaitWithoutEndIsGood) {
  constexpr int64_t kForEver = std::numeric_limits<int64_t>::max();
  ASSERT_TRUE(client_->CreateTopic({.name = "t"}, kForEver).ok());
  EXPECT_TRUE(client_->DescribeCluster(kForEver).ok());
  EXPECT_TRUE(client_->DescribePartitions({"t"}, kForEver).ok());
  EXPECT_TRUE(client_->IsServing(options_.bootstrap.front(), kForEver).ok());
  Producer producer(*client_, {.try_timeout_ms = kLongestWaitMs});
  Consumer consumer(*client_, {});
  consumer.Assign({"t", 0}, 0);
  const auto delivery = producer.Send("t", Numbered(0));
  EXPECT_TRUE(producer.Flush(kForEver));
  const auto polled = consumer.Poll(kForEver);
  ASSERT_TRUE(polled.ok()) << polled.error();
  EXPECT_EQ(polled->records.size(), 1U) << "did not wait";
}

TEST_F(ClientTest, ACallMayTakeLongerThanANodeWaits) {
  constexpr int64_t kTenMinutesMs = 600'000;
  const auto created = client_->CreateTopic({.name = "t"}, kTenMinutesMs);
  EXPECT_TRUE(created.ok()) << created.error();
  const auto partitions = client_->DescribePartitions({"t"}, kTenMinutesMs);
  EXPECT_TRUE(partitions.ok()) << partitions.error();
}

TEST_F(ClientTest, ACallWithoutTimeIsTriedOnceAtMost) {
  for (const int64_t none : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    (void)client_->DescribeCluster(none);  // an answer may still come; it must not hang or crash
    (void)client_->DeleteTopic("t", none);
    EXPECT_TRUE(Consumer(*client_, {}).Poll(none)->records.empty());
    EXPECT_TRUE(Producer(*client_, {}).Flush(none)) << "nothing is under way";
  }
}

TEST(ClientMake, TimesThatMakeNoSenseAreRefusedWithTheirName) {
  for (const int64_t bad : {int64_t{0}, std::numeric_limits<int64_t>::max()}) {
    const auto client = Client::Make({.try_timeout_ms = bad});
    ASSERT_FALSE(client.ok());
    EXPECT_EQ(client.error().message,
              "try_timeout_ms is " + std::to_string(bad) + "; it must be from 1 to 315360000000");
  }
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
