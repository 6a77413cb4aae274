// What consumers read and from where: whole topics, starts by name and time, seeking, pausing, and
// how far they read ahead.
#include <set>

#include "tests/client/client_fixture.h"

namespace jangada::client {
namespace {

class ConsumerAssignmentTest : public ClientTest {
 protected:
  /// Records `from` to `to` - 1, each a batch of its own; record n has the timestamp 1000 (n + 1).
  void Produce(int from, int to, int32_t partition = 0) {
    Producer producer(*client_, kQuick);
    for (int i = from; i < to; ++i) {
      Record record = Numbered(i);
      record.timestamp_ms = 1000 * (int64_t{i} + 1);
      const auto sent = producer.Send("t", std::move(record), partition).get();
      ASSERT_TRUE(sent.ok()) << sent.error();
    }
  }

  /// The number of the next record; -1: none came.
  static int Next(Consumer& consumer, int64_t timeout_ms = kCallTimeoutMs) {
    const auto polled = consumer.Poll(timeout_ms);
    EXPECT_TRUE(polled.ok()) << polled.error();
    if (!polled.ok() || polled->records.empty()) return -1;
    return std::stoi(*polled->records.front().value);
  }

  /// How many fetches there were, once none comes any more for much longer than one may wait.
  int FetchesAtRest() {
    int fetched = -1;
    while (fetched != nodes_[1]->broker.fetches) {
      fetched = nodes_[1]->broker.fetches;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return fetched;
  }
};

/// A record at a time.
constexpr ConsumerOptions kSmallBites{.fetch_bytes = 1, .max_wait_ms = 50};

TEST_F(ConsumerAssignmentTest, AWholeTopicIsReadWithThePartitionsThatItGetsLater) {
  options_.metadata_refresh_ms = 20;
  client_ = *Client::Make(options_);
  cluster_.AddTopic("t", 2, NodeId(1));
  Produce(0, 3, 0);
  Produce(3, 6, 1);
  Consumer consumer(*client_, kSmallBites);
  consumer.AssignTopic("t", Start::Earliest());
  std::set<int> seen;
  while (seen.size() < 6) ASSERT_TRUE(seen.insert(Next(consumer)).second);
  EXPECT_EQ(consumer.assignment().size(), 2U);
  cluster_.AddTopic("t", 3, NodeId(2));
  Produce(6, 9, 2);
  while (seen.size() < 9) ASSERT_TRUE(seen.insert(Next(consumer)).second);
  EXPECT_EQ(*seen.rbegin(), 8) << "the new partition, from its beginning";
  consumer.UnassignTopic("t");
  EXPECT_TRUE(consumer.assignment().empty());
}

TEST_F(ConsumerAssignmentTest, AWholeTopicThatDoesNotExistIsAnError) {
  Consumer consumer(*client_, {});
  consumer.AssignTopic("nowhere", Start::Earliest());
  const auto polled = consumer.Poll(kCallTimeoutMs);
  ASSERT_FALSE(polled.ok());
  EXPECT_EQ(polled.error().code, ErrorCode::kUnknownTopic);
}

TEST_F(ConsumerAssignmentTest, ReadingBeginsWhereItWasAskedTo) {
  cluster_.AddTopic("t", 1, NodeId(2));
  Produce(1, 11);
  cluster_.SetLogStart(At("t", 0), 2);
  Consumer consumer(*client_, kSmallBites);
  const auto first_after = [&](Start start) {
    consumer.Assign({"t", 0}, start);
    return Next(consumer);
  };
  EXPECT_EQ(first_after(Start::Earliest()), 3);
  EXPECT_EQ(first_after(Start::Offset(4)), 5);
  EXPECT_EQ(first_after(Start::Time(7500)), 7);
  consumer.Assign({"t", 0}, Start::Latest());
  ASSERT_TRUE(Eventually([&] { return consumer.Position({"t", 0}) == 10; }));
  Produce(11, 12);
  EXPECT_EQ(Next(consumer), 11);
  consumer.Assign({"t", 0}, Start::Time(99'000));
  ASSERT_TRUE(Eventually([&] { return consumer.Position({"t", 0}) == 11; })) << "none: the end";
}

TEST_F(ConsumerAssignmentTest, APausedPartitionAnswersNothingAndLosesNothing) {
  cluster_.AddTopic("t", 2, NodeId(1));
  Produce(0, 5, 0);
  Produce(5, 7, 1);
  Consumer consumer(*client_, kSmallBites);
  consumer.Assign({"t", 0}, 0);
  EXPECT_EQ(Next(consumer), 0);
  EXPECT_EQ(Next(consumer), 1);
  ASSERT_TRUE(consumer.Pause({"t", 0}).ok());
  EXPECT_EQ(consumer.Position({"t", 0}), 2);
  consumer.Assign({"t", 1}, 0);
  EXPECT_EQ(Next(consumer), 5);
  EXPECT_EQ(Next(consumer), 6);
  EXPECT_EQ(Next(consumer, 100), -1);
  ASSERT_TRUE(consumer.Resume({"t", 0}).ok());
  for (int i = 2; i < 5; ++i) EXPECT_EQ(Next(consumer), i);
}

TEST_F(ConsumerAssignmentTest, ASeekMovesAPartitionThatIsReadAndLeavesItPaused) {
  cluster_.AddTopic("t", 1, NodeId(3));
  Produce(0, 5);
  Consumer consumer(*client_, kSmallBites);
  EXPECT_EQ(consumer.Seek({"t", 0}, Start::Offset(0)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(consumer.Pause({"t", 0}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(consumer.Position({"t", 0}), std::nullopt);
  consumer.Assign({"t", 0}, 0);
  EXPECT_EQ(Next(consumer), 0);
  ASSERT_TRUE(consumer.Seek({"t", 0}, Start::Offset(3)).ok());
  EXPECT_EQ(Next(consumer), 3);
  EXPECT_EQ(consumer.Position({"t", 0}), 4);
  ASSERT_TRUE(consumer.Pause({"t", 0}).ok());
  ASSERT_TRUE(consumer.Seek({"t", 0}, Start::Time(2000)).ok());
  EXPECT_EQ(Next(consumer, 100), -1);
  ASSERT_TRUE(consumer.Resume({"t", 0}).ok());
  EXPECT_EQ(Next(consumer), 1);
}

TEST_F(ConsumerAssignmentTest, WhatIsReadAheadIsBoundedPerPartitionAndInAll) {
  cluster_.AddTopic("t", 2, NodeId(1));
  Produce(0, 20, 0);
  Produce(20, 40, 1);
  const auto fetches_of = [&](const ConsumerOptions& options) {
    const int before = FetchesAtRest();
    Consumer consumer(*client_, options);
    consumer.AssignTopic("t", Start::Earliest());
    EXPECT_TRUE(Eventually([&] { return nodes_[1]->broker.fetches > before; }));
    const int fetched = FetchesAtRest();
    std::set<int> seen;
    while (seen.size() < 40) EXPECT_TRUE(seen.insert(Next(consumer)).second);
    return fetched - before;
  };
  ConsumerOptions options = kSmallBites;  // a batch has about 70 bytes
  options.buffer_bytes_per_partition = 150;
  const int of_two_partitions = fetches_of(options);
  EXPECT_GE(of_two_partitions, 4);
  EXPECT_LE(of_two_partitions, 6) << "three batches each are more than 150 bytes";
  options.buffer_bytes = 150;
  EXPECT_LE(fetches_of(options), 4) << "three in all, and one that was under way";
}

TEST_F(ConsumerAssignmentTest, OptionsThatMakeNoSenseAreAnError) {
  Consumer consumer(*client_, {.fetch_bytes = 5 << 20});
  consumer.Assign({"t", 0}, 0);
  const auto polled = consumer.Poll(kCallTimeoutMs);
  ASSERT_FALSE(polled.ok());
  EXPECT_EQ(polled.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(polled.error().message, "fetch_bytes is 5242880; it must be from 1 to 4194304");
}

}  // namespace
}  // namespace jangada::client
