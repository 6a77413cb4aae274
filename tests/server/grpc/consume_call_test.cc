// Consume: starts, ends, order, leader changes, slow readers.
#include "server/grpc/consume_call.h"

#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

using std::chrono::milliseconds;

class ConsumeTest : public DoorTest {
 protected:
  struct Stream {
    Stream(TestNode& node, const v1::ConsumeRequest& request) : context(Context()) {
      rpc = node.log->Consume(context.get(), request);
    }
    /// Values by partition, until `count` records came or the stream ended.
    std::map<int32_t, std::vector<std::string>> Take(size_t count) {
      std::map<int32_t, std::vector<std::string>> values;
      v1::ConsumeResponse response;
      size_t taken = 0;
      while (taken < count && rpc->Read(&response)) {
        for (const auto& record : response.records()) {
          auto [next, first] = next_offset.emplace(response.partition(), record.offset());
          EXPECT_EQ(record.offset(), next->second) << "a hole or a repetition";
          ++next->second;
          values[response.partition()].push_back(record.value());
          ++taken;
        }
        if (response.end_reached()) ends[response.partition()] = response.next_offset();
      }
      return values;
    }
    std::map<int32_t, std::vector<std::string>> TakeAll() { return Take(SIZE_MAX); }
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientReader<v1::ConsumeResponse>> rpc;
    std::map<int32_t, int64_t> next_offset;
    std::map<int32_t, int64_t> ends;
  };

  ConsumeTest() : node_(StartNode(1)) { cluster_.AddTopic("t", 3, NodeId(1)); }

  static v1::ConsumeRequest Everything(bool stop_at_current_end) {
    v1::ConsumeRequest request;
    request.add_partitions()->set_topic("t");
    request.set_stop_at_current_end(stop_at_current_end);
    return request;
  }
  static v1::ConsumeRequest From(int32_t partition, int64_t offset) {
    v1::ConsumeRequest request;
    auto* asked = request.add_partitions();
    asked->set_topic("t");
    asked->set_partition(partition);
    asked->set_offset(offset);
    return request;
  }
  void Fill(int32_t partition, int count, int64_t first_timestamp = 1'000) {
    for (int i = 0; i < count; ++i) {
      v1::ProduceRequest request = One("t", partition, std::to_string(i));
      request.mutable_records(0)->set_timestamp_ms(first_timestamp + i);
      Produce(node_, request);
    }
  }
  grpc::Status EndOf(const v1::ConsumeRequest& request) {
    Stream stream(node_, request);
    stream.TakeAll();
    return stream.rpc->Finish();
  }

  TestNode& node_;
};

TEST_F(ConsumeTest, WholeTopicIsReadToTheEndItHadAtTheStart) {
  Fill(0, 5);
  Fill(2, 3);
  Stream stream(node_, Everything(true));
  auto values = stream.TakeAll();
  EXPECT_TRUE(stream.rpc->Finish().ok());
  EXPECT_EQ(values[0], (std::vector<std::string>{"0", "1", "2", "3", "4"}));
  EXPECT_EQ(values[2], (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(stream.ends, (std::map<int32_t, int64_t>{{0, 5}, {1, 0}, {2, 3}}));
}

TEST_F(ConsumeTest, RecordsThatComeLaterAreFollowed) {
  Stream stream(node_, Everything(false));
  Fill(1, 1);
  EXPECT_EQ(stream.Take(1)[1], std::vector<std::string>{"0"});
  Fill(1, 2);
  EXPECT_EQ(stream.Take(2)[1], (std::vector<std::string>{"0", "1"}));
}

TEST_F(ConsumeTest, LatestSkipsWhatIsThere) {
  Fill(0, 4);
  v1::ConsumeRequest request = Everything(false);
  request.mutable_partitions(0)->set_at(v1::OFFSET_AT_LATEST);
  Stream stream(node_, request);
  ASSERT_TRUE(Eventually([&] { return node_.broker.fetches.load() >= 3; }));
  Produce(node_, One("t", 0, "new"));
  EXPECT_EQ(stream.Take(1)[0], std::vector<std::string>{"new"});
}

TEST_F(ConsumeTest, TimestampStartsAtTheFirstRecordThatIsNotEarlier) {
  Fill(0, 10, 5'000);
  v1::ConsumeRequest request = Everything(true);
  request.mutable_partitions(0)->set_timestamp_ms(5'007);
  Stream stream(node_, request);
  EXPECT_EQ(stream.TakeAll()[0], (std::vector<std::string>{"7", "8", "9"}));

  request.mutable_partitions(0)->set_timestamp_ms(9'999);  // later than all: the end
  Stream none(node_, request);
  EXPECT_TRUE(none.TakeAll().empty());
  EXPECT_TRUE(none.rpc->Finish().ok());
}

TEST_F(ConsumeTest, EndOffsetCutsInsideABatch) {
  v1::ProduceRequest batch = One("t", 0, "0");
  for (const char* value : {"1", "2", "3", "4", "5"}) batch.add_records()->set_value(value);
  Produce(node_, batch);
  v1::ConsumeRequest request = From(0, 1);
  request.mutable_partitions(0)->set_end_offset(4);
  Stream stream(node_, request);
  EXPECT_EQ(stream.TakeAll()[0], (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_TRUE(stream.rpc->Finish().ok());
  EXPECT_EQ(stream.ends[0], 4);
}

TEST_F(ConsumeTest, BatchesComeAsTheyAreStored) {
  Fill(0, 3);
  v1::ConsumeRequest request = From(0, 1);
  request.set_stop_at_current_end(true);
  request.set_format(v1::RECORD_FORMAT_BATCHES);
  Stream stream(node_, request);
  std::vector<storage::Record> records;
  v1::ConsumeResponse response;
  while (stream.rpc->Read(&response)) {
    for (const std::string& bytes : response.batches()) {
      const auto header = storage::ReadBatchHeader(bytes).value();
      EXPECT_EQ(header.leader_epoch, 3);
      auto decoded = storage::DecodeRecords(bytes, header.base_offset).value();
      std::move(decoded.begin(), decoded.end(), std::back_inserter(records));
    }
  }
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].offset, 1);
  EXPECT_EQ(records[1].value, "2");
}

TEST_F(ConsumeTest, BatchThatUnfoldsToManyResponsesComesWhole) {
  constexpr int kRecords = 60;
  const std::string value(100 << 10, 'x');  // 6 MB of records in a few KB of batch
  storage::BatchBuilder builder(storage::Compression::kZstd);
  for (int i = 0; i < kRecords; ++i) {
    builder.Add(
        {.offset = 0, .timestamp_ms = 5, .key = std::to_string(i), .value = value, .headers = {}});
  }
  v1::ProduceRequest produce;
  produce.set_topic("t");
  produce.set_partition(0);
  produce.set_batch(builder.Build().value().ToString());
  Produce(node_, produce);

  v1::ConsumeRequest request = From(0, 0);
  request.set_stop_at_current_end(true);
  Stream stream(node_, request);
  EXPECT_EQ(stream.TakeAll()[0], std::vector<std::string>(kRecords, value));
  EXPECT_EQ(stream.ends[0], kRecords);

  int64_t next = 0;
  for (int fetches = 0; next < kRecords && fetches < kRecords; ++fetches) {
    v1::FetchRequest fetch;
    fetch.set_topic("t");
    fetch.set_offset(next);
    v1::FetchResponse response;
    ASSERT_TRUE(node_.log->Fetch(Context().get(), fetch, &response).ok());
    EXPECT_LT(response.ByteSizeLong(), 2u << 20);
    ASSERT_GT(response.records_size(), 0);
    EXPECT_EQ(response.records(0).offset(), next);
    next += response.records_size();
    EXPECT_EQ(response.next_offset(), next);
  }
}

TEST_F(ConsumeTest, ReadingGoesOnWhileLeadersChange) {
  StartNode(2);
  Stream stream(node_, Everything(false));
  std::thread writer([&] {
    for (int i = 0; i < 60; ++i) {
      Produce(node_, One("t", 0, std::to_string(i)));
      if (i % 10 == 3) cluster_.SetLeader({"t", 0}, std::nullopt);
      if (i % 10 == 3) std::this_thread::sleep_for(milliseconds(10));
      if (i % 10 == 3) cluster_.SetLeader({"t", 0}, NodeId(i % 20 == 3 ? 2 : 1));
    }
  });
  const auto values = stream.Take(60)[0];
  writer.join();
  ASSERT_EQ(values.size(), 60u);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(values[static_cast<size_t>(i)], std::to_string(i));
}

TEST_F(ConsumeTest, PartitionWithoutALeaderHoldsUpNoOther) {
  Fill(0, 2);
  cluster_.SetLeader({"t", 1}, std::nullopt);
  Stream stream(node_, Everything(false));
  EXPECT_EQ(stream.Take(2)[0].size(), 2u);
}

TEST_F(ConsumeTest, DeletedRecordsEndTheCallUnlessTheClientSaysWhereToGoOn) {
  Fill(0, 6);
  cluster_.SetLogStart({"t", 0}, 4);
  v1::ConsumeRequest request = From(0, 1);
  request.set_stop_at_current_end(true);
  const grpc::Status status = EndOf(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(Detail(status).topic(), "t");

  request.set_out_of_range(v1::OUT_OF_RANGE_EARLIEST);
  Stream earliest(node_, request);
  EXPECT_EQ(earliest.TakeAll()[0], (std::vector<std::string>{"4", "5"}));

  request.set_out_of_range(v1::OUT_OF_RANGE_LATEST);
  Stream latest(node_, request);
  EXPECT_TRUE(latest.TakeAll().empty());
  EXPECT_TRUE(latest.rpc->Finish().ok());
}

TEST_F(ConsumeTest, DeletedTopicEndsTheCall) {
  Stream stream(node_, Everything(false));
  ASSERT_TRUE(Eventually([&] { return node_.broker.fetches.load() >= 3; }));
  cluster_.RemoveTopic("t");
  stream.TakeAll();
  EXPECT_EQ(Detail(stream.rpc->Finish()).code(), "UNKNOWN_TOPIC");
}

TEST_F(ConsumeTest, WrongRequestsAreRefusedWithASentence) {
  EXPECT_EQ(EndOf(v1::ConsumeRequest()).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::ConsumeRequest twice = From(0, 0);
  twice.add_partitions()->set_topic("t");
  EXPECT_NE(EndOf(twice).error_message().find("twice"), std::string::npos);
  EXPECT_EQ(EndOf(From(9, 0)).error_code(), grpc::StatusCode::NOT_FOUND);
  cluster_.AddTopic("wide", static_cast<int32_t>(kMaxConsumePartitions) + 1, NodeId(1));
  v1::ConsumeRequest wide;
  wide.add_partitions()->set_topic("wide");
  EXPECT_NE(EndOf(wide).error_message().find("at most 1024"), std::string::npos);
}

TEST_F(ConsumeTest, ClientThatStopsReadingStopsTheFetching) {
  constexpr int kRecords = 400;
  const std::string value(100 << 10, 'x');
  for (int i = 0; i < kRecords; ++i) Produce(node_, One("t", 0, value));
  Stream stream(node_, From(0, 0));
  int last = -1;
  ASSERT_TRUE(Eventually([&] {  // until it stands still
    const int now = node_.broker.fetches.load();
    const bool still = now == last && now > 0;
    last = now;
    std::this_thread::sleep_for(milliseconds(100));
    return still;
  }));
  EXPECT_LT(node_.broker.fetches.load(), 20);  // of about 40
  EXPECT_EQ(stream.Take(kRecords)[0].size(), static_cast<size_t>(kRecords));
}

TEST_F(ConsumeTest, ClientThatGoesEndsTheFetching) {
  Stream stream(node_, Everything(false));
  ASSERT_TRUE(Eventually([&] { return node_.broker.fetches.load() >= 3; }));
  stream.context->TryCancel();
  stream.TakeAll();
  EXPECT_EQ(stream.rpc->Finish().error_code(), grpc::StatusCode::CANCELLED);
  const auto began = std::chrono::steady_clock::now();
  node_.server->Shutdown(15'000'000);  // would last as long if the call were still there
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST_F(ConsumeTest, StoppingNodeEndsTheStreamWithASentence) {
  Stream stream(node_, Everything(false));
  ASSERT_TRUE(Eventually([&] { return node_.broker.fetches.load() >= 3; }));
  node_.server->BeginShutdown(15'000'000);
  stream.TakeAll();
  const grpc::Status status = stream.rpc->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(Detail(status).code(), "SHUTTING_DOWN");
  node_.server->AwaitShutdown();
}

}  // namespace
}  // namespace jangada::server::testing
