#include "server/grpc/arguments.h"

#include <gtest/gtest.h>

#include "server/limits.h"

namespace jangada::server::grpc_door {
namespace {

void ExpectRefused(const Status& status, const std::string& part_of_sentence) {
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(status.error().message.find(part_of_sentence), std::string::npos)
      << status.error().message;
}

v1::ProduceRequest GoodProduce() {
  v1::ProduceRequest request;
  request.set_topic("orders");
  request.add_records()->set_value("x");
  return request;
}

TEST(ArgumentsTest, TopicNamesKeepKafkasRule) {
  for (const char* good : {"a", "A.b_c-9", "...", "..a", "-"})
    EXPECT_TRUE(CheckTopicName(good).ok()) << good;
  EXPECT_TRUE(CheckTopicName(std::string(249, 'x')).ok());
  ExpectRefused(CheckTopicName(""), "missing");
  ExpectRefused(CheckTopicName(std::string(250, 'x')), "249");
  for (const char* bad : {".", "..", "a b", "a/b", "\xc3\xa4", "a\n"}) {
    ExpectRefused(CheckTopicName(bad), "not allowed");
  }
  ExpectRefused(CheckTopicName(std::string_view("a\0b", 3)), "not allowed");
}

TEST(ArgumentsTest, SentencesDoNotRepeatHostileBytes) {
  const Status status = CheckTopicName("\x1b[31mred\n" + std::string(1000, 'z'));
  ASSERT_FALSE(status.ok());
  EXPECT_LT(status.error().message.size(), 300u);
  for (const char c : status.error().message) EXPECT_GE(c, 0x20);
}

TEST(ArgumentsTest, ProduceNeedsRecordsOrABatchNotBoth) {
  EXPECT_TRUE(CheckProduce(GoodProduce()).ok());
  v1::ProduceRequest request = GoodProduce();
  request.set_partition(0);
  request.set_batch("bytes");
  ExpectRefused(CheckProduce(request), "one of them");
  request.clear_records();
  EXPECT_TRUE(CheckProduce(request).ok());
  request.clear_batch();
  ExpectRefused(CheckProduce(request), "Nothing to produce");
}

TEST(ArgumentsTest, BatchesAndIdempotentProducersChooseTheirPartition) {
  v1::ProduceRequest request = GoodProduce();
  request.set_producer_id(7);
  ExpectRefused(CheckProduce(request), "belong together");
  request.set_producer_epoch(0);
  request.set_base_sequence(0);
  ExpectRefused(CheckProduce(request), "partition is missing");
  request.set_partition(0);
  EXPECT_TRUE(CheckProduce(request).ok());
  request.set_producer_epoch(40'000);
  ExpectRefused(CheckProduce(request), "32767");

  v1::ProduceRequest batch;
  batch.set_topic("orders");
  batch.set_batch("bytes");
  ExpectRefused(CheckProduce(batch), "partition is missing");
}

TEST(ArgumentsTest, ProduceRefusesWrongNumbersByName) {
  v1::ProduceRequest request = GoodProduce();
  request.set_partition(-2);
  ExpectRefused(CheckProduce(request), "partition is -2");
  request.set_partition(-1);
  request.set_timeout_ms(-1);
  ExpectRefused(CheckProduce(request), "timeout_ms is -1");
  request.set_timeout_ms(120'001);
  ExpectRefused(CheckProduce(request), "120000");
  request.set_timeout_ms(0);
  request.mutable_records(0)->set_timestamp_ms(-5);
  ExpectRefused(CheckProduce(request), "timestamp_ms is -5");
}

TEST(ArgumentsTest, FetchRefusesWrongNumbersByName) {
  v1::FetchRequest request;
  request.set_topic("orders");
  EXPECT_TRUE(CheckFetch(request).ok());
  request.set_offset(-1);
  ExpectRefused(CheckFetch(request), "offset is -1");
  request.set_offset(0);
  request.set_max_bytes(-1);
  ExpectRefused(CheckFetch(request), "max_bytes is -1");
  request.set_max_bytes(INT32_MAX);
  request.set_max_wait_ms(INT32_MAX);
  ExpectRefused(CheckFetch(request), "max_wait_ms");
  request.set_max_wait_ms(0);
  request.set_format(static_cast<v1::RecordFormat>(9));
  ExpectRefused(CheckFetch(request), "format is 9");
}

TEST(ArgumentsTest, FetchSizesAreCutToTheBound) {
  EXPECT_EQ(FetchBytesOf("max_bytes", 0).value(), kDefaultFetchBytes);
  EXPECT_EQ(FetchBytesOf("max_bytes", INT32_MAX).value(), kMaxFetchBytes);
  EXPECT_EQ(FetchBytesOf("max_bytes", 77).value(), 77u);
}

TEST(ArgumentsTest, ConsumeRefusesWhatMakesNoSense) {
  v1::ConsumeRequest request;
  ExpectRefused(CheckConsume(request), "partitions is empty");
  auto* partition = request.add_partitions();
  partition->set_topic("orders");
  EXPECT_TRUE(CheckConsume(request).ok());
  partition->set_offset(-1);
  ExpectRefused(CheckConsume(request), "offset is -1");
  partition->set_at(v1::OFFSET_AT_MAX_TIMESTAMP);
  ExpectRefused(CheckConsume(request), "at is 3");
  partition->set_timestamp_ms(-1);
  ExpectRefused(CheckConsume(request), "timestamp_ms is -1");
  partition->clear_start();
  partition->set_end_offset(-1);
  ExpectRefused(CheckConsume(request), "end_offset is -1");
}

TEST(ArgumentsTest, ListOffsetsRefusesQueriesWithoutAPosition) {
  v1::ListOffsetsRequest request;
  ExpectRefused(CheckListOffsets(request), "queries is empty");
  auto* query = request.add_queries();
  query->set_topic("orders");
  ExpectRefused(CheckListOffsets(request), "no position");
  query->set_at(v1::OFFSET_AT_LATEST);
  EXPECT_TRUE(CheckListOffsets(request).ok());
  query->set_partition(-1);
  ExpectRefused(CheckListOffsets(request), "partition is -1");
}

TEST(ArgumentsTest, CreateTopicTakesNumbersOrAnAssignment) {
  v1::CreateTopicRequest request;
  request.set_name("orders");
  EXPECT_EQ(CreateTopicFrom(request).value().partitions, 1);
  request.add_assignment()->add_node_ids(3);
  EXPECT_EQ(CreateTopicFrom(request).value().assignment.at(0).at(0), NodeId(3));
  request.mutable_assignment(0)->add_node_ids(3);
  EXPECT_NE(CreateTopicFrom(request).error().message.find("twice"), std::string::npos);
  request.mutable_assignment(0)->set_node_ids(1, 0);
  EXPECT_NE(CreateTopicFrom(request).error().message.find("1 or more"), std::string::npos);
  request.mutable_assignment(0)->set_node_ids(1, 1);
  request.set_partitions(1);
  EXPECT_EQ(CreateTopicFrom(request).error().code, ErrorCode::kInvalidArgument);
  request.clear_assignment();
  request.set_partitions(kMaxPartitionsOfTopic + 1);
  EXPECT_EQ(CreateTopicFrom(request).error().code, ErrorCode::kInvalidArgument);
}

TEST(ArgumentsTest, ConfigChangesNameEachKeyOnce) {
  v1::AlterTopicConfigsRequest request;
  request.set_topic("orders");
  EXPECT_FALSE(ConfigChangesFrom(request).ok());
  (*request.mutable_set())["retention.ms"] = "5";
  request.add_reset("retention.bytes");
  const auto changes = ConfigChangesFrom(request).value();
  EXPECT_EQ(changes.at("retention.ms"), "5");
  EXPECT_EQ(changes.at("retention.bytes"), std::nullopt);
  request.add_reset("retention.ms");
  EXPECT_FALSE(ConfigChangesFrom(request).ok());
}

}  // namespace
}  // namespace jangada::server::grpc_door
