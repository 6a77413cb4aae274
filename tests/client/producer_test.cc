// Producers and faults: leaders that die, hang and move; refusals; full buffers.
#include "jangada/producer.h"

#include <atomic>

#include "base/random.h"
#include "tests/client/client_fixture.h"

namespace jangada::client {
namespace {

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

TEST_F(ClientTest, ARecordThatNoRequestCanCarryIsRefusedAtOnceAndAlone) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ProducerOptions options = kQuick;
  options.max_request_bytes = 64 << 10;
  Deliveries deliveries;
  Producer producer(*client_, options);
  producer.Send("t", Numbered(0), deliveries.For(0));
  producer.Send("t", {.value = std::string(64 << 10, 'x')}, deliveries.For(1));
  producer.Send("t", Numbered(2), deliveries.For(2));
  ASSERT_TRUE(producer.Flush(20'000));
  const auto results = deliveries.results();
  EXPECT_TRUE(results.at(0).ok());
  ASSERT_FALSE(results.at(1).ok());
  EXPECT_EQ(results.at(1).error().code, ErrorCode::kRecordTooLarge);
  EXPECT_TRUE(results.at(2).ok());
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

TEST_F(ClientTest, ASendWithoutACallbackAnswersAFuture) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Producer producer(*client_, kQuick);
  auto first = producer.Send("t", Numbered(0));
  auto second = producer.Send("t", Numbered(1), 0);
  auto nowhere = producer.Send("t", Numbered(2), 7);
  EXPECT_EQ(first.get()->offset, 0);
  EXPECT_EQ(second.get()->offset, 1);
  EXPECT_EQ(nowhere.get().error().code, ErrorCode::kUnknownTopic);
}

TEST_F(ClientTest, ARecordForAPartitionThatWasJustMadeWaitsForTheNewsOfIt) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Producer producer(*client_, kQuick);
  ASSERT_TRUE(producer.Send("t", Numbered(0), 0).get().ok());
  cluster_.AddTopic("t", 2, NodeId(1));
  EXPECT_EQ(producer.Send("t", Numbered(1), 1).get()->partition, 1);
}

TEST_F(ClientTest, ASendThatFindsNoRoomInTimeFailsAndWritesNothing) {
  cluster_.AddTopic("t", 1, NodeId(1));
  nodes_[1]->broker.HoldAnswers(true);
  ProducerOptions options = kQuick;
  options.buffer_bytes = 1000;
  options.max_block_ms = 50;
  Producer producer(*client_, options);
  auto large = producer.Send("t", {.value = std::string(900, 'x')});
  auto refused = producer.Send("t", {.value = std::string(900, 'y')}).get();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kThrottled);
  nodes_[1]->broker.ReleaseAnswers();
  EXPECT_TRUE(large.get().ok());
  EXPECT_TRUE(producer.Flush(kCallTimeoutMs));
  EXPECT_EQ(cluster_.Records(At("t", 0)).size(), 1U);
}

TEST_F(ClientTest, ATryThatFindsNoRoomLeavesTheRecordWithItsOwner) {
  cluster_.AddTopic("t", 1, NodeId(1));
  nodes_[1]->broker.HoldAnswers(true);
  ProducerOptions options = kQuick;
  options.buffer_bytes = 1000;
  Producer producer(*client_, options);
  Deliveries deliveries;
  ASSERT_TRUE(producer.TrySend("t", {.value = std::string(900, 'x')}, deliveries.For(0)));
  Record record{.key = "k", .value = std::string(900, 'y')};
  Callback<Result<Delivery>> done = deliveries.For(1);
  ASSERT_FALSE(producer.TrySend("t", std::move(record), std::move(done)));
  EXPECT_EQ(record.value, std::string(900, 'y'));
  nodes_[1]->broker.ReleaseAnswers();
  ASSERT_TRUE(deliveries.Await(1));
  ASSERT_TRUE(Eventually([&] { return producer.under_way() == 0; }));
  ASSERT_TRUE(producer.TrySend("t", std::move(record), std::move(done)));
  ASSERT_TRUE(deliveries.Await(2));
  EXPECT_TRUE(deliveries.results().at(1).ok());
}

TEST_F(ClientTest, AProducerThatIsClosedHasSentWhatItTookAndTakesNoMore) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ProducerOptions options = kQuick;
  options.linger_ms = 5000;
  options.batch_bytes = 4096;
  Producer producer(*client_, options);
  auto sent = producer.Send("t", Numbered(0));
  EXPECT_TRUE(producer.Close(kCallTimeoutMs));
  EXPECT_TRUE(sent.get().ok());
  EXPECT_EQ(producer.Send("t", Numbered(1)).get().error().code, ErrorCode::kShuttingDown);
  EXPECT_TRUE(producer.Close(0));
  EXPECT_EQ(cluster_.Records(At("t", 0)).size(), 1U);
}

TEST_F(ClientTest, ProducerOptionsThatMakeNoSenseFailEveryRecord) {
  ProducerOptions options;
  options.max_in_flight = 6;
  Producer producer(*client_, options);
  const auto result = producer.Send("t", Numbered(0)).get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(result.error().message, "max_in_flight is 6; it must be from 1 to 5");
}

}  // namespace
}  // namespace jangada::client
