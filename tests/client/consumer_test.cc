// Consumers and faults: leaders that move and die, trimmed offsets, deleted topics, damage. What
// they read and from where: consumer_assignment_test.cc.
#include "jangada/consumer.h"

#include "tests/client/client_fixture.h"

namespace jangada::client {
namespace {

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

TEST_F(ClientTest, ATopicThatIsMadeAnewEndsTheReadingOfTheOldOne) {
  options_.metadata_refresh_ms = 20;
  client_ = *Client::Make(options_);
  cluster_.AddTopic("t", 1, NodeId(1));
  Consumer consumer(*client_, {.max_wait_ms = 20});
  consumer.Assign({"t", 0}, 0);
  EXPECT_TRUE(consumer.Poll(100)->records.empty());
  cluster_.RemoveTopic("t");
  cluster_.AddTopic("t", 1, NodeId(1));
  const auto polled = consumer.Poll(kCallTimeoutMs);
  ASSERT_FALSE(polled.ok());
  EXPECT_EQ(polled.error().code, ErrorCode::kUnknownTopic);
  EXPECT_NE(polled.error().message.find("made anew"), std::string::npos) << polled.error();
}

TEST_F(ClientTest, ADamagedBatchEndsItsPartitionAndNoOther) {
  cluster_.AddTopic("t", 2, NodeId(1));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 4; ++i) {
    producer.Send("t", Numbered(i), deliveries.For(i), i % 2);
    ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
  }
  cluster_.DamageLastBatch(At("t", 1));
  Consumer consumer(*client_, {.fetch_bytes = 1});  // a batch at a time
  consumer.Assign({"t", 1}, 0);
  EXPECT_EQ(consumer.Poll(kCallTimeoutMs)->records.front().value, "1");
  const auto polled = consumer.Poll(kCallTimeoutMs);
  ASSERT_FALSE(polled.ok());
  EXPECT_EQ(polled.error().code, ErrorCode::kDataCorrupt);
  EXPECT_NE(polled.error().message.find("'t' partition 1"), std::string::npos) << polled.error();
  EXPECT_TRUE(consumer.assignment().empty());
  consumer.Assign({"t", 0}, 0);
  EXPECT_EQ(consumer.Poll(kCallTimeoutMs)->records.front().value, "0");
}

TEST_F(ClientTest, TrimmedOffsetsAreSkippedToTheEndWhereThatIsWanted) {
  cluster_.AddTopic("t", 1, NodeId(1));
  Deliveries deliveries;
  Producer producer(*client_, kQuick);
  for (int i = 0; i < 100; ++i) producer.Send("t", Numbered(i), deliveries.For(i));
  ASSERT_TRUE(producer.Flush(kCallTimeoutMs));
  cluster_.SetLogStart(At("t", 0), 60);
  Consumer consumer(*client_, {.out_of_range = OutOfRangePolicy::kLatest});
  consumer.Assign({"t", 0}, 10);
  ASSERT_TRUE(Eventually([&] { return consumer.Position({"t", 0}) == 100; }));
  producer.Send("t", Numbered(100), deliveries.For(100));
  EXPECT_EQ(consumer.Poll(kCallTimeoutMs)->records.front().offset, 100);
  Consumer beyond(*client_, {.out_of_range = OutOfRangePolicy::kEarliest});
  beyond.Assign({"t", 0}, 1000);
  EXPECT_EQ(beyond.Poll(kCallTimeoutMs).error().code, ErrorCode::kOffsetOutOfRange);
}

}  // namespace
}  // namespace jangada::client
