// Fetch through the dispatcher: what comes out, in what amounts, and when.
#include "server/kafka/messages/01_fetch.h"

#include "tests/server/kafka/dispatch_fixture.h"

namespace jangada::server::kafka {
namespace {

using testing::BatchOf;
using testing::EncodeRequest;
using testing::Join;
constexpr int32_t kPlenty = 1 << 20;

class KafkaFetch : public testing::DispatchFixture {
 protected:
  KafkaFetch() { cluster_.AddTopic("t", 3, NodeId(1)); }

  FetchRequest FetchOf(const std::vector<int32_t>& partitions, int32_t max_wait_ms = 0) {
    FetchRequest request{.max_wait_ms = max_wait_ms, .min_bytes = 1, .max_bytes = 50 << 20};
    request.topics.push_back({.name = "t", .id = cluster_.image()->FindTopic("t")->id});
    for (const int32_t index : partitions) {
      request.topics[0].partitions.push_back({.index = index, .max_bytes = kPlenty});
    }
    return request;
  }
  void Append(int32_t partition, const std::vector<std::string>& values) {
    ProduceRequest request = ProduceOf("t", BatchOf(values));
    request.topics[0].partitions[0].index = partition;
    ASSERT_EQ(Produce(request).error_code, Code::kNone);
  }
  static std::vector<std::string> Values(const FetchResponse::Partition& partition) {
    std::vector<std::string> values;
    const Bytes all = Bytes::Copy(Join(partition.records->parts));
    const std::vector<Bytes> batches = storage::SplitBatches(all).value();
    for (const Bytes& batch : batches) {
      const auto header = storage::ReadBatchHeader(batch.view()).value();
      const std::vector<storage::Record> records =
          storage::DecodeRecords(batch.view(), header.base_offset).value();
      for (const storage::Record& record : records) {
        values.push_back(std::to_string(record.offset) + "=" + *record.value);
      }
    }
    return values;
  }
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(KafkaFetch, RecordsComeWithTheirOffsetsAndEpochInEveryVersion) {
  Append(0, {"a", "b"});
  Append(0, {"c"});
  for (int16_t version = 4; version <= 16; ++version) {
    const auto response = Ask(FetchOf({0}), version);
    const auto& partition = response.topics.at(0).partitions.at(0);
    EXPECT_THAT(Values(partition), ElementsAre("0=a", "1=b", "2=c")) << version;
    EXPECT_EQ(partition.high_watermark, 3);
    EXPECT_EQ(partition.last_stable_offset, 3);
    EXPECT_EQ(response.session_id, 0);
    EXPECT_EQ(storage::ReadBatchHeader(Join(partition.records->parts))->leader_epoch,
              testing::FakeCluster::kEpoch);
  }
}

TEST_F(KafkaFetch, ReadCommittedGetsAnEmptyListOfAbortedTransactions) {
  FetchRequest request = FetchOf({0});
  EXPECT_FALSE(Ask(request, 11).topics[0].partitions[0].aborted_transactions.has_value());
  request.isolation_level = 1;
  EXPECT_TRUE(Ask(request, 11).topics[0].partitions[0].aborted_transactions.has_value());
}

TEST_F(KafkaFetch, TheFirstBatchComesHoweverLargeItIs) {
  Append(0, {std::string(5000, 'x')});
  Append(1, {std::string(5000, 'y')});
  FetchRequest request = FetchOf({2, 0, 1});
  request.max_bytes = 100;
  for (auto& partition : request.topics[0].partitions) partition.max_bytes = 100;
  const auto response = Ask(request, 11);
  EXPECT_THAT(Values(response.topics[0].partitions[0]), IsEmpty());
  EXPECT_EQ(Values(response.topics[0].partitions[1]).size(), 1u);
  EXPECT_THAT(Values(response.topics[0].partitions[2]), IsEmpty());
  EXPECT_EQ(response.topics[0].partitions[2].high_watermark, 1) << "told all the same";
}

TEST_F(KafkaFetch, MaxBytesBoundsAllPartitionsTogether) {
  for (int i = 0; i < 10; ++i) {
    for (int32_t partition = 0; partition < 3; ++partition) {
      Append(partition, {std::string(1000, 'x')});
    }
  }
  FetchRequest request = FetchOf({0, 1, 2});
  request.max_bytes = 15'000;
  const auto response = Ask(request, 11);
  size_t bytes = 0;
  for (const auto& partition : response.topics[0].partitions) bytes += partition.records->size();
  EXPECT_LE(bytes, 15'000u);
  EXPECT_GT(bytes, 12'000u);
  EXPECT_EQ(Values(response.topics[0].partitions[0]).size(), 10u) << "in the order asked for";
}

TEST_F(KafkaFetch, APollWaitsForRecordsOfAnyPartition) {
  auto reply = Send(EncodeRequest(FetchOf({0, 1, 2}, 20'000), 11));
  EXPECT_EQ(reply.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  Append(1, {"a"});
  const auto response =
      testing::DecodeResponse<FetchRequest>(Join(Get(std::move(reply)).frame), 11);
  EXPECT_THAT(Values(response.topics[0].partitions[1]), ElementsAre("0=a"));
}

TEST_F(KafkaFetch, APollWaitsUntilMinBytesAreThereInAllPartitionsTogether) {
  FetchRequest request = FetchOf({0, 1, 2}, 20'000);
  request.min_bytes = 3'000;
  auto reply = Send(EncodeRequest(request, 11));
  Append(0, {std::string(1'200, 'x')});
  Append(1, {std::string(1'200, 'x')});
  EXPECT_EQ(reply.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  Append(2, {std::string(1'200, 'x')});
  const auto response =
      testing::DecodeResponse<FetchRequest>(Join(Get(std::move(reply)).frame), 11);
  size_t bytes = 0;
  for (const auto& partition : response.topics[0].partitions) bytes += partition.records->size();
  EXPECT_GE(bytes, 3'000u);
}

TEST_F(KafkaFetch, APollEndsWhenItsTimeIsUp) {
  EXPECT_THAT(Values(Ask(FetchOf({0, 1}, 30), 11).topics[0].partitions[0]), IsEmpty());
}

TEST_F(KafkaFetch, APartitionInTroubleIsAnsweredAtOnce) {
  cluster_.SetLeader({"t", 1}, NodeId(2));
  FetchRequest request = FetchOf({0, 1, 7}, 20'000);
  const auto response = Ask(request, 16);
  EXPECT_EQ(response.topics[0].partitions[0].error_code, Code::kNone);
  EXPECT_EQ(response.topics[0].partitions[1].error_code, Code::kNotLeaderOrFollower);
  EXPECT_EQ(response.topics[0].partitions[1].current_leader->leader_id, 2);
  EXPECT_EQ(response.topics[0].partitions[2].error_code, Code::kUnknownTopicOrPartition);
  EXPECT_EQ(response.node_endpoints.at(0).port, 9093);
}

TEST_F(KafkaFetch, ALeaderThatChangesEndsThePoll) {
  auto reply = Send(EncodeRequest(FetchOf({0, 1}, 20'000), 11));
  EXPECT_EQ(reply.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  cluster_.SetLeader({"t", 0}, NodeId(2));
  const auto response =
      testing::DecodeResponse<FetchRequest>(Join(Get(std::move(reply)).frame), 11);
  EXPECT_EQ(response.topics[0].partitions[0].error_code, Code::kNotLeaderOrFollower);
}

TEST_F(KafkaFetch, OffsetsOutsideTheLogAreOutOfRange) {
  FetchRequest request = FetchOf({0});
  request.topics[0].partitions[0].fetch_offset = 5;
  EXPECT_EQ(Ask(request, 11).topics[0].partitions[0].error_code, Code::kOffsetOutOfRange);
}

TEST_F(KafkaFetch, AnotherLeaderEpochThanOursIsFencedOrUnknown) {
  FetchRequest request = FetchOf({0});
  const std::pair<int32_t, Code> cases[] = {{testing::FakeCluster::kEpoch, Code::kNone},
                                            {2, Code::kFencedLeaderEpoch},
                                            {4, Code::kUnknownLeaderEpoch}};
  for (const auto& [epoch, code] : cases) {
    request.topics[0].partitions[0].current_leader_epoch = epoch;
    EXPECT_EQ(Ask(request, 11).topics[0].partitions[0].error_code, code);
  }
}

TEST_F(KafkaFetch, AnUnknownTopicIdIsSaidSo) {
  FetchRequest request = FetchOf({0});
  request.topics[0].id = Uuid();
  EXPECT_EQ(Ask(request, 13).topics[0].partitions[0].error_code, Code::kUnknownTopicId);
}

TEST_F(KafkaFetch, ASessionThatWasNeverGivenIsNotFound) {
  FetchRequest request = FetchOf({0});
  request.session_id = 12;
  request.session_epoch = 3;
  EXPECT_EQ(Ask(request, 11).error_code, Code::kFetchSessionIdNotFound);
}

TEST_F(KafkaFetch, ThousandsOfUnknownPartitionsAreAnsweredOnAnOrdinaryStack) {
  FetchRequest request = FetchOf({});
  for (int32_t i = 0; i < 50'000; ++i) {
    request.topics[0].partitions.push_back({.index = i + 100, .max_bytes = kPlenty});
  }
  EXPECT_EQ(Ask(request, 11).topics[0].partitions.size(), 50'000u);
}

TEST_F(KafkaFetch, WhereOthersHoldTheNodesBudgetAReplyIsSmallAndComes) {
  for (int i = 0; i < 4; ++i) Append(0, {std::string(100'000, 'x')});
  const size_t whole = Ask(FetchOf({0}), 11).topics[0].partitions[0].records->size();
  EXPECT_GE(whole, 400'000u);
  MemoryBudget& budget = dispatcher_.door().fetch_bytes;
  budget.Take(kMaxKafkaFetchBytesInFlight);
  const size_t little = Ask(FetchOf({0}), 11).topics[0].partitions[0].records->size();
  EXPECT_GE(little, 100'000u) << "one batch comes in any case";
  EXPECT_LE(little, 200'000u);
  budget.Return(kMaxKafkaFetchBytesInFlight);
  EXPECT_EQ(Ask(FetchOf({0}), 11).topics[0].partitions[0].records->size(), whole);
}

TEST_F(KafkaFetch, NothingIsHeldOfABudgetOnceTheReplyIsGone) {
  Append(0, {std::string(100'000, 'x')});
  {
    const Reply reply = Get(Send(EncodeRequest(FetchOf({0}), 11)));
    EXPECT_GE(dispatcher_.door().fetch_bytes.used(), 100'000u);
  }
  EXPECT_EQ(dispatcher_.door().fetch_bytes.used(), 0u);
}

}  // namespace
}  // namespace jangada::server::kafka
