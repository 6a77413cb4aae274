// The unary calls of Log over real loopback gRPC, on one node.
#include "server/grpc/log_service.h"

#include <set>

#include "base/murmur2.h"
#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

class LogServiceTest : public DoorTest {
 protected:
  LogServiceTest() : node_(StartNode(1)) { cluster_.AddTopic("t", 6, NodeId(1)); }

  grpc::Status Fetch(const v1::FetchRequest& request, v1::FetchResponse* response) {
    const auto context = Context();
    return node_.log->Fetch(context.get(), request, response);
  }

  v1::FetchResponse FetchAll(int32_t partition, int64_t offset = 0) {
    v1::FetchRequest request;
    request.set_topic("t");
    request.set_partition(partition);
    request.set_offset(offset);
    v1::FetchResponse response;
    EXPECT_TRUE(Fetch(request, &response).ok());
    return response;
  }

  TestNode& node_;
};

TEST_F(LogServiceTest, RecordsComeBackAsTheyWereGiven) {
  v1::ProduceRequest request;
  request.set_topic("t");
  request.set_partition(2);
  auto* keyless = request.add_records();
  keyless->set_value("no key");
  auto* empty = request.add_records();
  empty->set_key("");
  empty->set_value("");
  empty->set_timestamp_ms(1'234);
  auto* tombstone = request.add_records();
  tombstone->set_key(std::string("k\0k", 3));
  auto* header = tombstone->add_headers();
  header->set_key("h");
  header->set_value("");
  tombstone->add_headers()->set_key("none");

  const v1::ProduceResponse produced = Produce(node_, request);
  EXPECT_EQ(produced.partition(), 2);
  EXPECT_EQ(produced.base_offset(), 0);
  EXPECT_EQ(produced.log_append_time_ms(), -1);
  EXPECT_EQ(produced.durability(), v1::DURABILITY_MAJORITY_SYNCED);

  const v1::FetchResponse fetched = FetchAll(2);
  ASSERT_EQ(fetched.records_size(), 3);
  EXPECT_FALSE(fetched.records(0).has_key());
  EXPECT_GT(fetched.records(0).timestamp_ms(), 1'600'000'000'000);
  EXPECT_TRUE(fetched.records(1).has_key());
  EXPECT_EQ(fetched.records(1).key(), "");
  EXPECT_TRUE(fetched.records(1).has_value());
  EXPECT_EQ(fetched.records(1).timestamp_ms(), 1'234);
  EXPECT_EQ(fetched.records(2).key(), std::string("k\0k", 3));
  EXPECT_FALSE(fetched.records(2).has_value());
  ASSERT_EQ(fetched.records(2).headers_size(), 2);
  EXPECT_TRUE(fetched.records(2).headers(0).has_value());
  EXPECT_FALSE(fetched.records(2).headers(1).has_value());
  EXPECT_EQ(fetched.records(2).offset(), 2);
  EXPECT_EQ(fetched.next_offset(), 3);
  EXPECT_EQ(fetched.high_watermark(), 3);
}

TEST_F(LogServiceTest, KeysGoWhereKafkaPutsThem) {
  for (const std::string key : {"", "21", "foobar", "abc"}) {
    v1::ProduceRequest request = One("t", -1, "v");
    request.mutable_records(0)->set_key(key);
    EXPECT_EQ(Produce(node_, request).partition(), PartitionOfKey(key, 6)) << key;
  }
}

TEST_F(LogServiceTest, CallsWithoutKeysTakeTurnsOverThePartitions) {
  std::set<int32_t> used;
  for (int i = 0; i < 6; ++i) used.insert(Produce(node_, One("t", -1, "v")).partition());
  EXPECT_EQ(used.size(), 6u);
}

TEST_F(LogServiceTest, KeysOfSeveralPartitionsInOneCallAreRefused) {
  v1::ProduceRequest request = One("t", -1, "v");
  request.mutable_records(0)->set_key("foobar");
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g"}) request.add_records()->set_key(key);
  const grpc::Status status = TryProduce(node_, request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("different partitions"), std::string::npos);
}

TEST_F(LogServiceTest, EncodedBatchIsStoredByteForByte) {
  storage::BatchBuilder builder;
  builder.Add({.offset = 0, .timestamp_ms = 5, .key = "k", .value = "v", .headers = {}});
  const Bytes batch = builder.Build().value();
  v1::ProduceRequest request;
  request.set_topic("t");
  request.set_partition(0);
  request.set_batch(batch.ToString());
  Produce(node_, request);
  Produce(node_, request);

  v1::FetchRequest fetch;
  fetch.set_topic("t");
  fetch.set_format(v1::RECORD_FORMAT_BATCHES);
  v1::FetchResponse response;
  ASSERT_TRUE(Fetch(fetch, &response).ok());
  ASSERT_EQ(response.batches_size(), 2);
  EXPECT_EQ(response.batches(1), storage::WithBatchOffset(batch.view(), 1, 3));
  EXPECT_EQ(response.next_offset(), 2);
}

TEST_F(LogServiceTest, FetchFromInsideABatchAnswersOnlyWhatFollows) {
  v1::ProduceRequest request = One("t", 1, "a");
  for (const char* value : {"b", "c", "d"}) request.add_records()->set_value(value);
  Produce(node_, request);
  const v1::FetchResponse response = FetchAll(1, 2);
  ASSERT_EQ(response.records_size(), 2);
  EXPECT_EQ(response.records(0).value(), "c");
  EXPECT_EQ(response.records(0).offset(), 2);
}

TEST_F(LogServiceTest, LongPollWaitsForRecordsAndNoLongerThanAsked) {
  v1::FetchRequest request;
  request.set_topic("t");
  request.set_min_bytes(1);
  request.set_max_wait_ms(30);
  v1::FetchResponse nothing;
  ASSERT_TRUE(Fetch(request, &nothing).ok());
  EXPECT_EQ(nothing.records_size(), 0);
  EXPECT_EQ(nothing.next_offset(), 0);

  request.set_max_wait_ms(15'000);
  std::thread producer([&] {
    Eventually([&] { return node_.broker.fetches.load() >= 2; });
    Produce(node_, One("t", 0, "late"));
  });
  v1::FetchResponse late;
  EXPECT_TRUE(Fetch(request, &late).ok());
  producer.join();
  ASSERT_EQ(late.records_size(), 1);
  EXPECT_EQ(late.records(0).value(), "late");
}

TEST_F(LogServiceTest, LongPollOutlivesTheSlicesItIsCutInto) {
  v1::FetchRequest request;
  request.set_topic("t");
  request.set_min_bytes(1);
  request.set_max_wait_ms(1'400);  // more than one slice
  const auto began = std::chrono::steady_clock::now();
  v1::FetchResponse response;
  ASSERT_TRUE(Fetch(request, &response).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(1'390));
  EXPECT_GE(node_.broker.fetches.load(), 2);
}

TEST_F(LogServiceTest, LargePlainFetchStopsAtItsBoundAndSaysWhereToGoOn) {
  const std::string value(400'000, 'x');
  for (int i = 0; i < 8; ++i) Produce(node_, One("t", 3, value));
  v1::FetchRequest request;
  request.set_topic("t");
  request.set_partition(3);
  request.set_max_bytes(4 << 20);
  v1::FetchResponse response;
  ASSERT_TRUE(Fetch(request, &response).ok());
  EXPECT_EQ(response.records_size(), 3);
  EXPECT_EQ(response.next_offset(), 3);
  request.set_offset(response.next_offset());
  v1::FetchResponse rest;
  ASSERT_TRUE(Fetch(request, &rest).ok());
  EXPECT_EQ(rest.records(0).offset(), 3);
}

TEST_F(LogServiceTest, OffsetsAreListedByNameAndByTime) {
  for (const int64_t time : {100, 200, 300}) {
    v1::ProduceRequest request = One("t", 0, "v");
    request.mutable_records(0)->set_timestamp_ms(time);
    Produce(node_, request);
  }
  v1::ListOffsetsRequest request;
  const auto ask = [&request](int32_t partition) {
    auto* query = request.add_queries();
    query->set_topic("t");
    query->set_partition(partition);
    return query;
  };
  ask(0)->set_at(v1::OFFSET_AT_EARLIEST);
  ask(0)->set_at(v1::OFFSET_AT_LATEST);
  ask(0)->set_timestamp_ms(150);
  ask(0)->set_timestamp_ms(301);
  ask(77)->set_at(v1::OFFSET_AT_LATEST);
  v1::ListOffsetsResponse response;
  const auto context = Context();
  ASSERT_TRUE(node_.log->ListOffsets(context.get(), request, &response).ok());
  ASSERT_EQ(response.answers_size(), 5);
  EXPECT_EQ(response.answers(0).offset(), 0);
  EXPECT_EQ(response.answers(1).offset(), 3);
  EXPECT_EQ(response.answers(2).offset(), 1);
  EXPECT_EQ(response.answers(2).timestamp_ms(), 200);
  EXPECT_EQ(response.answers(3).offset(), -1);
  EXPECT_FALSE(response.answers(3).has_error());
  EXPECT_EQ(response.answers(4).error().code(), "UNKNOWN_TOPIC");
}

TEST_F(LogServiceTest, IdempotentProducerIsAnsweredTheFirstOffsetAgain) {
  v1::InitProducerResponse identity;
  const auto context = Context();
  ASSERT_TRUE(node_.log->InitProducer(context.get(), {}, &identity).ok());
  EXPECT_EQ(identity.producer_id(), 100);
  v1::ProduceRequest request = One("t", 0, "once");
  request.set_producer_id(identity.producer_id());
  request.set_producer_epoch(identity.producer_epoch());
  request.set_base_sequence(0);
  EXPECT_FALSE(Produce(node_, request).duplicate());
  const v1::ProduceResponse again = Produce(node_, request);
  EXPECT_TRUE(again.duplicate());
  EXPECT_EQ(again.base_offset(), 0);
  EXPECT_EQ(Values({"t", 0}), std::vector<std::string>{"once"});

  request.set_base_sequence(5);
  const grpc::Status gap = TryProduce(node_, request);
  EXPECT_EQ(gap.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Detail(gap).code(), "OUT_OF_ORDER_SEQUENCE");
  EXPECT_EQ(Detail(gap).fate(), v1::FATE_NOT_DONE);
}

TEST_F(LogServiceTest, UnknownTopicIsRefusedAndNotCreated) {
  const grpc::Status status = TryProduce(node_, One("nowhere", 0, "v"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Detail(status).code(), "UNKNOWN_TOPIC");
  EXPECT_EQ(node_.broker.produces.load(), 0);
  EXPECT_TRUE(node_.broker.admin_calls().empty());
}

TEST_F(LogServiceTest, TopicCreatedAMomentAgoIsWaitedFor) {
  std::thread creator([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    cluster_.AddTopic("fresh", 1, NodeId(1));
  });
  EXPECT_TRUE(TryProduce(node_, One("fresh", 0, "v")).ok());
  creator.join();
}

TEST_F(LogServiceTest, DamagedBatchIsTheClientsMistake) {
  storage::BatchBuilder builder;
  builder.Add({.offset = 0, .timestamp_ms = 5, .key = "k", .value = "v", .headers = {}});
  std::string batch = builder.Build().value().ToString();
  batch.back() ^= 1;
  v1::ProduceRequest request;
  request.set_topic("t");
  request.set_partition(0);
  request.set_batch(batch);
  const grpc::Status status = TryProduce(node_, request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Detail(status).code(), "CORRUPT_RECORD");
}

TEST_F(LogServiceTest, OffsetOutsideOfTheLogIsOutOfRange) {
  v1::FetchRequest request;
  request.set_topic("t");
  request.set_offset(5);
  v1::FetchResponse response;
  const grpc::Status status = Fetch(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(Detail(status).code(), "OFFSET_OUT_OF_RANGE");
}

TEST_F(LogServiceTest, MessageOverTheLimitIsRefusedByTheLibraryAndTheServerLivesOn) {
  const grpc::Status status =
      TryProduce(node_, One("t", 0, std::string(kMaxGrpcMessageBytes, 'x')));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(TryProduce(node_, One("t", 0, "v")).ok());
}

TEST_F(LogServiceTest, NodeWithTooManyUnansweredBytesThrottles) {
  GrpcServerOptions options;
  options.max_produce_bytes_in_flight = 1'000;
  TestNode& small = StartNode(2, options);
  cluster_.SetLeader({"t", 0}, NodeId(2));
  small.broker.HoldAnswers(true);
  std::thread first(
      [&] { EXPECT_TRUE(TryProduce(small, One("t", 0, std::string(800, 'x'))).ok()); });
  ASSERT_TRUE(Eventually([&] { return small.broker.produces.load() == 1; }));
  const grpc::Status status = TryProduce(small, One("t", 0, std::string(800, 'y')));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Detail(status).code(), "THROTTLED");
  EXPECT_EQ(Detail(status).fate(), v1::FATE_NOT_DONE);
  small.broker.ReleaseAnswers();
  first.join();
  EXPECT_TRUE(TryProduce(small, One("t", 0, std::string(800, 'z'))).ok());
}

}  // namespace
}  // namespace jangada::server::testing
