// Records and offsets out of a partition: fetches, long polls, searches for offsets.
#include <gtest/gtest.h>

#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {
namespace {

constexpr int64_t kSecond = TestCluster::kSecond;
using Answer = std::shared_ptr<std::optional<Result<server::FetchResult>>>;

Answer BeginRead(TestCluster* cluster, int node, server::FetchRequest request) {
  auto answer = std::make_shared<std::optional<Result<server::FetchResult>>>();
  cluster->partition(node).Read(std::move(request), [answer](Result<server::FetchResult> result) {
    CHECK_MSG(!answer->has_value(), "a read was answered twice");
    *answer = std::move(result);
  });
  return answer;
}

Answer BeginRead(TestCluster* cluster, int node, int64_t offset, size_t min_bytes,
                 int64_t max_wait_us, size_t max_bytes = 1 << 20) {
  return BeginRead(cluster, node,
                   {.offset = offset,
                    .max_bytes = max_bytes,
                    .min_bytes = min_bytes,
                    .max_wait_us = max_wait_us});
}

// ---- fetch ----

TEST(PartitionReadTest, BatchThatHoldsTheOffsetComesWhole) {
  TestCluster cluster({.nodes = 1});
  cluster.Produce(BatchOf({"a", "b", "c"})).value();
  const auto fetched = cluster.Read(1, 1).value();
  ASSERT_EQ(fetched.batches.size(), 1u);
  EXPECT_EQ(fetched.batches[0].base_offset, 0);
  EXPECT_EQ(fetched.high_watermark, 3);
}

TEST(PartitionReadTest, MaxBytesBoundsTheAnswerButOneBatchAlwaysComes) {
  TestCluster cluster({.nodes = 1});
  for (int i = 0; i < 10; ++i) cluster.Produce(BatchOf({std::string(1000, 'x')})).value();
  EXPECT_EQ(cluster.Read(1, 0, 1)->batches.size(), 1u);
  EXPECT_EQ(cluster.Read(1, 0, 3500)->batches.size(), 3u);
  EXPECT_EQ(cluster.Read(1, 0)->batches.size(), 10u);
}

TEST(PartitionReadTest, OffsetOutOfRangeNamesTheValidRange) {
  TestCluster cluster({.nodes = 1});
  for (int i = 0; i < 5; ++i) cluster.Produce(BatchOf({"x"})).value();
  cluster.DeleteRecords(1, 2).value();
  for (const int64_t offset : {-1, 1, 6}) {
    const Error error = cluster.Read(1, offset).error();
    EXPECT_EQ(error.code, ErrorCode::kOffsetOutOfRange);
    EXPECT_NE(error.message.find("2 to 5"), std::string::npos) << error;
  }
  EXPECT_TRUE(cluster.Read(1, 5)->batches.empty());
}

TEST(PartitionReadTest, NothingAboveTheHighWatermarkIsServed) {
  TestCluster cluster;
  cluster.Produce(BatchOf({"a"})).value();
  const int leader = cluster.Leader();
  cluster.Isolate(leader);
  cluster.Append(leader, BatchOf({"uncommitted"}));
  cluster.RunFor(kSecond / 5);  // synced at the leader, on no other node
  EXPECT_EQ(cluster.Read(leader, 0)->high_watermark, 1);
  EXPECT_EQ(cluster.Read(leader, 0)->batches.size(), 1u);
}

TEST(PartitionReadTest, DeposedLeaderCallsNoOffsetOutOfRange) {
  TestCluster cluster;
  cluster.Produce(BatchOf({"a"})).value();
  const int old_leader = cluster.Leader();
  cluster.Isolate(old_leader);
  // Of a reader that has come further at the next leader; the old one does not know of that yet.
  const Answer answer = BeginRead(&cluster, old_leader, 3, 0, 0);
  const int leader = cluster.AwaitLeader(old_leader);
  cluster.Produce(BatchOf({"b", "c"})).value();
  ASSERT_TRUE(cluster.RunUntil([&] { return answer->has_value(); }));
  EXPECT_EQ((*answer)->error().code, ErrorCode::kNotLeader) << (*answer)->error();
  EXPECT_TRUE(cluster.Read(leader, 3).ok());
  EXPECT_EQ(cluster.Read(leader, 4).error().code, ErrorCode::kOffsetOutOfRange);
}

// ---- long polls ----

TEST(PartitionReadTest, LongPollIsAnsweredWhenARecordCommits) {
  TestCluster cluster;
  const int leader = cluster.AwaitLeader();
  const Answer answer = BeginRead(&cluster, leader, 0, 1, 30 * kSecond);
  cluster.RunFor(kSecond);
  EXPECT_FALSE(answer->has_value());
  cluster.Produce(BatchOf({"a"})).value();
  cluster.RunFor(100);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->value().batches.size(), 1u);
}

TEST(PartitionReadTest, LongPollWaitsForItsMinimumOfBytes) {
  TestCluster cluster({.nodes = 1});
  cluster.AwaitLeader();
  cluster.Produce(BatchOf({std::string(100, 'x')})).value();
  const Answer answer = BeginRead(&cluster, 1, 0, 1000, 30 * kSecond);
  int produced = 1;
  while (!answer->has_value() && produced < 50) {
    cluster.Produce(BatchOf({std::string(100, 'x')})).value();
    cluster.RunFor(100);
    ++produced;
  }
  ASSERT_TRUE(answer->has_value());
  size_t bytes = 0;
  for (const auto& batch : (*answer)->value().batches) bytes += batch.bytes.size();
  EXPECT_GE(bytes, 1000u);
  EXPECT_LT(bytes, 1200u);  // and no longer than needed
  EXPECT_EQ((*answer)->value().batches.size(), static_cast<size_t>(produced));
}

TEST(PartitionReadTest, LongPollAnswersWhatThereIsWhenItsTimeIsUp) {
  TestCluster cluster({.nodes = 1});
  cluster.Produce(BatchOf({"a"})).value();
  const Answer some = BeginRead(&cluster, 1, 0, 1'000'000, kSecond, 2'000'000);
  const Answer none = BeginRead(&cluster, 1, 1, 1, kSecond);
  cluster.RunFor(kSecond - 1000);
  EXPECT_FALSE(some->has_value());
  cluster.RunFor(2000);
  ASSERT_TRUE(some->has_value() && none->has_value());
  EXPECT_EQ((*some)->value().batches.size(), 1u);
  EXPECT_TRUE((*none)->value().batches.empty());
}

TEST(PartitionReadTest, LongPollEndsAtOnceWhenLeadershipIsLost) {
  TestCluster cluster;
  const int leader = cluster.AwaitLeader();
  const Answer answer = BeginRead(&cluster, leader, 0, 1, 1000 * kSecond);
  ASSERT_TRUE(cluster.partition(leader).TransferLeadership(NodeId(leader == 3 ? 2 : 3)).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return answer->has_value(); }, 2 * kSecond));
  EXPECT_EQ((*answer)->error().code, ErrorCode::kNotLeader);
}

TEST(PartitionReadTest, LongPollEndsWhenTheNodeStops) {
  TestCluster cluster({.nodes = 1});
  cluster.AwaitLeader();
  const Answer answer = BeginRead(&cluster, 1, 0, 1, 1000 * kSecond);
  cluster.Stop(1);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->error().code, ErrorCode::kShuttingDown);
}

TEST(PartitionReadTest, LongPollWhoseOffsetIsDeletedLearnsTheNewRange) {
  TestCluster cluster({.nodes = 1});
  cluster.Produce(BatchOf({"a"})).value();
  const Answer answer = BeginRead(&cluster, 1, 0, 100'000, kSecond, 200'000);
  cluster.DeleteRecords(1, 1).value();
  cluster.RunFor(2 * kSecond);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->error().code, ErrorCode::kOffsetOutOfRange);
}

TEST(PartitionReadTest, LongPollThatWasGivenUpEndsWithoutRecords) {
  TestCluster cluster({.nodes = 1});
  cluster.AwaitLeader();
  const auto abandoned = std::make_shared<server::Abandonment>();
  const Answer answer = BeginRead(
      &cluster, 1,
      {.offset = 0, .min_bytes = 1, .max_wait_us = 1000 * kSecond, .abandoned = abandoned});
  abandoned->Set();
  cluster.Produce(BatchOf({"a"})).value();
  cluster.RunFor(kSecond);
  ASSERT_TRUE(answer->has_value());
  EXPECT_FALSE((*answer)->ok());
}

TEST(PartitionReadTest, FetchThatNeedsNoBatchGetsOnlyWhatFits) {
  TestCluster cluster({.nodes = 1});
  cluster.Produce(BatchOf({std::string(1000, 'x')})).value();
  for (const size_t max_bytes : {0, 500}) {
    const Answer answer =
        BeginRead(&cluster, 1, {.offset = 0, .max_bytes = max_bytes, .at_least_one_batch = false});
    cluster.RunFor(kSecond);
    EXPECT_TRUE((*answer)->value().batches.empty());
    EXPECT_EQ((*answer)->value().high_watermark, 1);
  }
}

// ---- list offsets ----

TEST(PartitionReadTest, EarliestAndLatestFollowDeletionsAndAppends) {
  TestCluster cluster;
  for (int i = 0; i < 5; ++i) cluster.Produce(BatchOf({"x"})).value();
  const int leader = cluster.Leader();
  EXPECT_EQ(cluster.ListOffset(leader, server::kEarliestOffset)->offset, 0);
  EXPECT_EQ(cluster.ListOffset(leader, server::kLatestOffset)->offset, 5);
  cluster.DeleteRecords(leader, 3).value();
  EXPECT_EQ(cluster.ListOffset(leader, server::kEarliestOffset)->offset, 3);
}

TEST(PartitionReadTest, TimestampFindsTheExactRecordInsideABatch) {
  TestCluster cluster({.nodes = 1});
  cluster.Produce(BatchOf({"a"}, 100)).value();
  storage::BatchBuilder builder(storage::Compression::kLz4);
  for (int64_t i = 0; i < 5; ++i) {
    builder.Add({.timestamp_ms = 200 + 10 * i, .key = {}, .value = "v", .headers = {}});
  }
  cluster.Produce(builder.Build().value()).value();
  cluster.Produce(BatchOf({"z"}, 400)).value();
  const auto offset_of = [&](int64_t timestamp_ms) {
    return cluster.ListOffset(1, timestamp_ms).value();
  };
  EXPECT_EQ(offset_of(0).offset, 0);
  EXPECT_EQ(offset_of(101).offset, 1);
  EXPECT_EQ(offset_of(215).offset, 3);
  EXPECT_EQ(offset_of(215).timestamp_ms, 220);
  EXPECT_EQ(offset_of(241).offset, 6);
  EXPECT_EQ(offset_of(401).offset, -1);
  EXPECT_EQ(cluster.ListOffset(1, -7).error().code, ErrorCode::kInvalidArgument);
}

TEST(PartitionReadTest, TimestampNeverFindsADeletedRecord) {
  TestCluster cluster({.nodes = 1, .trim_interval_us = 1000 * kSecond});
  cluster.Produce(BatchOf({"a", "b"}, 500)).value();
  cluster.Produce(BatchOf({"c"}, 100)).value();
  cluster.Produce(BatchOf({"d"}, 600)).value();
  cluster.DeleteRecords(1, 1).value();  // inside the first batch
  EXPECT_EQ(cluster.ListOffset(1, 300)->offset, 1);
  cluster.DeleteRecords(1, 2).value();
  EXPECT_EQ(cluster.ListOffset(1, 300)->offset, 3);
  EXPECT_EQ(cluster.ListOffset(1, 50)->offset, 2);
}

TEST(PartitionReadTest, MaxTimestampFindsTheRecordThatHasIt) {
  TestCluster cluster({.nodes = 1});
  EXPECT_EQ((cluster.AwaitLeader(), cluster.ListOffset(1, server::kMaxTimestampOffset)->offset),
            -1);
  cluster.Produce(BatchOf({"a"}, 100)).value();
  storage::BatchBuilder builder;
  for (const int64_t time : {200, 900, 300}) {
    builder.Add({.timestamp_ms = time, .key = {}, .value = "v", .headers = {}});
  }
  cluster.Produce(builder.Build().value()).value();
  cluster.Produce(BatchOf({"z"}, 400)).value();
  const auto found = cluster.ListOffset(1, server::kMaxTimestampOffset).value();
  EXPECT_EQ(found.offset, 2);
  EXPECT_EQ(found.timestamp_ms, 900);
}

TEST(PartitionReadTest, ListedOffsetsCarryTheTermThatWroteThem) {
  TestCluster cluster;
  cluster.Produce(BatchOf({"a"}, 100)).value();
  const int first = cluster.Leader();
  const raft::Term first_term = cluster.partition(first).replica().status().term;
  cluster.Crash(first);
  const int second = cluster.AwaitLeader();
  cluster.Produce(BatchOf({"b"}, 200)).value();
  EXPECT_EQ(cluster.ListOffset(second, server::kEarliestOffset)->leader_epoch,
            static_cast<int32_t>(first_term));
  EXPECT_GT(cluster.ListOffset(second, 150)->leader_epoch, static_cast<int32_t>(first_term));
}

TEST(PartitionReadTest, DeposedLeaderListsNothing) {
  TestCluster cluster;
  cluster.Produce(BatchOf({"a"})).value();
  const int old_leader = cluster.Leader();
  cluster.Isolate(old_leader);
  // It does not know yet that it was replaced: only asking a majority tells.
  std::optional<Result<server::ListedOffset>> answer;
  cluster.partition(old_leader)
      .ListOffset(server::kLatestOffset,
                  [&](Result<server::ListedOffset> result) { answer = std::move(result); });
  cluster.AwaitLeader(old_leader);
  cluster.Produce(BatchOf({"b"})).value();
  cluster.RunFor(5 * kSecond);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code, ErrorCode::kNotLeader);
}

}  // namespace
}  // namespace jangada::testing
