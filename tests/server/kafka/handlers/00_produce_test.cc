// Produce through the dispatcher: what reaches the log, and Kafka's codes for what does not.
#include "server/kafka/messages/00_produce.h"

#include "tests/server/kafka/dispatch_fixture.h"

namespace jangada::server::kafka {
namespace {

using testing::BatchOf;

class KafkaProduce : public testing::DispatchFixture {
 protected:
  KafkaProduce() { cluster_.AddTopic("t", 2, NodeId(1)); }
  void FailWith(ErrorCode code) {
    broker_.FailProduce([code](const auto&) { return Error{code, "as the test wants"}; });
  }
};

TEST_F(KafkaProduce, RecordsReachTheLogInEveryVersion) {
  int64_t offset = 0;
  for (int16_t version = 3; version <= 11; ++version) {
    const auto answer = Produce(ProduceOf("t", BatchOf({"a", "b"})), version);
    EXPECT_EQ(answer.error_code, Code::kNone);
    EXPECT_EQ(answer.base_offset, offset);
    offset += 2;
  }
  EXPECT_EQ(cluster_.Records({"t", 0}).size(), static_cast<size_t>(offset));
}

TEST_F(KafkaProduce, ThePartitionsOfOneRequestAreAnsweredEachForItself) {
  ProduceRequest request = ProduceOf("t", BatchOf({"a"}));
  request.topics[0].partitions.push_back({.index = 1, .records = Records{{BatchOf({"b"})}}});
  request.topics[0].partitions.push_back({.index = 2, .records = Records{{BatchOf({"c"})}}});
  request.topics.push_back({.name = "none", .partitions = {{.index = 0, .records = {}}}});
  const auto response = Ask(request, 8);
  EXPECT_EQ(response.topics[0].partitions[0].error_code, Code::kNone);
  EXPECT_EQ(response.topics[0].partitions[1].error_code, Code::kNone);
  EXPECT_EQ(response.topics[0].partitions[2].error_code, Code::kUnknownTopicOrPartition);
  EXPECT_EQ(response.topics[1].partitions[0].error_code, Code::kInvalidRecord);
  EXPECT_EQ(cluster_.Records({"t", 1}).size(), 1u);
}

TEST_F(KafkaProduce, OneWithoutAcksIsNotAnsweredAndAnErrorOfItClosesTheConnection) {
  Reply reply = Get(Send(testing::EncodeRequest(ProduceOf("t", BatchOf({"a"}), 0), 9)));
  EXPECT_TRUE(reply.frame.empty());
  EXPECT_FALSE(reply.close.has_value());
  EXPECT_EQ(cluster_.Records({"t", 0}).size(), 1u);
  reply = Get(Send(testing::EncodeRequest(ProduceOf("none", BatchOf({"a"}), 0), 9)));
  EXPECT_TRUE(reply.close.has_value());
}

TEST_F(KafkaProduce, AcksOtherThanThreeAreRefused) {
  EXPECT_EQ(Produce(ProduceOf("t", BatchOf({"a"}), 2)).error_code, Code::kInvalidRequiredAcks);
  EXPECT_EQ(Produce(ProduceOf("t", BatchOf({"a"}), 1)).error_code, Code::kNone);
}

TEST_F(KafkaProduce, WhatIsNotExactlyOneBatchOfFormat2IsRefused) {
  const Bytes batch = BatchOf({"a"});
  std::string old = batch.ToString();
  old[16] = 1;
  for (const Bytes& records : {Bytes(), Bytes::Copy("short"), Bytes::Copy(old),
                               Bytes::Copy(batch.ToString() + batch.ToString())}) {
    EXPECT_EQ(Produce(ProduceOf("t", records)).error_code, Code::kInvalidRecord);
  }
  EXPECT_TRUE(cluster_.Records({"t", 0}).empty());
}

TEST_F(KafkaProduce, ADamagedBatchIsACorruptMessage) {
  std::string damaged = BatchOf({"a"}).ToString();
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  EXPECT_EQ(Produce(ProduceOf("t", Bytes::Copy(damaged))).error_code, Code::kCorruptMessage);
}

TEST_F(KafkaProduce, ZstdNeedsVersion7) {
  storage::BatchBuilder builder(storage::Compression::kZstd);
  builder.Add({.value = "v"});
  const ProduceRequest request = ProduceOf("t", builder.Build().value());
  EXPECT_EQ(Produce(request, 6).error_code, Code::kUnsupportedCompressionType);
  EXPECT_EQ(Produce(request, 7).error_code, Code::kNone);
}

TEST_F(KafkaProduce, AnUnknownFateIsATimeoutAndNeverNotLeader) {
  FailWith(ErrorCode::kTimeout);
  EXPECT_EQ(Produce(ProduceOf("t", BatchOf({"a"}))).error_code, Code::kRequestTimedOut);
  FailWith(ErrorCode::kShuttingDown);
  EXPECT_EQ(Produce(ProduceOf("t", BatchOf({"a"}))).error_code, Code::kRequestTimedOut);
}

TEST_F(KafkaProduce, IdempotentProducersGetTheCodesThatTheyActBy) {
  const std::pair<ErrorCode, int> codes[] = {{ErrorCode::kOutOfOrderSequence, 45},
                                             {ErrorCode::kDuplicateSequence, 46},
                                             {ErrorCode::kProducerFenced, 47},
                                             {ErrorCode::kUnknownProducer, 59}};
  for (const auto& [code, number] : codes) {
    FailWith(code);
    EXPECT_EQ(static_cast<int>(Produce(ProduceOf("t", BatchOf({"a"}))).error_code), number);
  }
}

TEST_F(KafkaProduce, ARepeatedBatchIsAnsweredWithItsFirstOffset) {
  storage::BatchBuilder builder;
  builder.SetProducer(100, 0, 0);
  builder.Add({.value = "v"});
  const ProduceRequest request = ProduceOf("t", builder.Build().value());
  EXPECT_EQ(Produce(request).base_offset, 0);
  EXPECT_EQ(Produce(ProduceOf("t", BatchOf({"between"}))).base_offset, 1);
  EXPECT_EQ(Produce(request).base_offset, 0);
  EXPECT_EQ(cluster_.Records({"t", 0}).size(), 2u);
}

TEST_F(KafkaProduce, NotLeaderNamesTheLeaderFromVersion10On) {
  cluster_.SetLeader({"t", 0}, NodeId(2));
  EXPECT_EQ(Produce(ProduceOf("t", BatchOf({"a"}))).error_code, Code::kNotLeaderOrFollower);
  const auto response = Ask(ProduceOf("t", BatchOf({"a"})), 10);
  const auto& answer = response.topics[0].partitions[0];
  ASSERT_TRUE(answer.current_leader.has_value());
  EXPECT_EQ(answer.current_leader->leader_id, 2);
  ASSERT_EQ(response.node_endpoints.size(), 1u);
  EXPECT_EQ(response.node_endpoints[0].port, 9093);
}

}  // namespace
}  // namespace jangada::server::kafka
