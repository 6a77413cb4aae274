// Consumers and faults: leaders that move and die, trimmed offsets, deleted topics.
#include "client/consumer.h"

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

}  // namespace
}  // namespace jangada::client
