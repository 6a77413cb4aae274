// What the door counts of its calls: each once, under its method and its status, with how long it
// took; and that nothing stays counted as open.
#include "server/grpc/call_meter.h"

#include <gmock/gmock.h>

#include "jangada/v1/admin.pb.h"
#include "jangada/v1/group.pb.h"
#include "jangada/v1/log.pb.h"
#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

using grpc_door::kMethods;

class CallMeterTest : public DoorTest {
 protected:
  CallMeterTest() : node_(StartNode(1)) { cluster_.AddTopic("t", 1, NodeId(1)); }

  MethodStats Of(const std::string& method) {
    for (const MethodStats& stats : node_.server->stats().methods) {
      if (stats.method == method) return stats;
    }
    ADD_FAILURE() << "no method " << method;
    return {};
  }

  TestNode& node_;
};

TEST_F(CallMeterTest, ItsMethodsAreThoseOfTheServices) {
  std::vector<std::pair<std::string, std::string>> ours, theirs;
  for (const MethodStats& stats : node_.server->stats().methods) {
    ours.emplace_back(stats.service, stats.method);
  }
  for (const auto* file :
       {v1::ProduceRequest::descriptor()->file(), v1::CreateTopicRequest::descriptor()->file(),
        v1::ListGroupsRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service(0)->method_count(); ++i) {
      theirs.emplace_back(file->service(0)->name(), file->service(0)->method(i)->name());
    }
  }
  EXPECT_EQ(ours, theirs);
  EXPECT_EQ(ours.size(), kMethods);
}

TEST_F(CallMeterTest, ACallIsCountedOnceUnderItsStatus) {
  Produce(node_, One("t", 0, "v"));
  Produce(node_, One("t", 0, "v"));
  EXPECT_FALSE(TryProduce(node_, One("no such topic!", 0, "v")).ok());
  const MethodStats produce = Of("Produce");
  EXPECT_EQ(produce.by_code[grpc::StatusCode::OK], 2u);
  EXPECT_EQ(produce.by_code[grpc::StatusCode::INVALID_ARGUMENT], 1u);
  EXPECT_EQ(produce.latency.count(), 3u);
  EXPECT_EQ(produce.open, 0);
  EXPECT_EQ(Of("Fetch").latency.count(), 0u);
}

TEST_F(CallMeterTest, ACallUnderWayIsOpen) {
  node_.broker.HoldAnswers(true);
  std::thread client([this] { Produce(node_, One("t", 0, "v")); });
  ASSERT_TRUE(Eventually([this] { return node_.broker.produces == 1; }));
  EXPECT_EQ(Of("Produce").open, 1);
  EXPECT_GT(node_.server->stats().produce_bytes, 0u);
  node_.broker.ReleaseAnswers();
  client.join();
  EXPECT_EQ(Of("Produce").open, 0);
  EXPECT_EQ(node_.server->stats().produce_bytes, 0u);
}

TEST_F(CallMeterTest, EachRequestOfAProduceStreamHasItsTime) {
  const auto context = Context();
  auto stream = node_.log->ProduceStream(context.get());
  for (int i = 0; i < 5; ++i) {
    v1::ProduceStreamRequest request;
    request.set_number(i);
    *request.mutable_produce() = One("t", 0, "v");
    ASSERT_TRUE(stream->Write(request));
    v1::ProduceStreamResponse response;
    ASSERT_TRUE(stream->Read(&response));
  }
  EXPECT_EQ(Of("ProduceStream").latency.count(), 5u);
  EXPECT_EQ(Of("ProduceStream").open, 1);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(Eventually([this] { return Of("ProduceStream").open == 0; }));
  EXPECT_EQ(Of("ProduceStream").by_code[grpc::StatusCode::OK], 1u);
}

TEST_F(CallMeterTest, AConsumeThatItsClientLeavesIsNoLongerOpen) {
  const auto context = Context();
  v1::ConsumeRequest request;
  request.add_partitions()->set_topic("t");
  auto stream = node_.log->Consume(context.get(), request);
  ASSERT_TRUE(Eventually([this] { return Of("Consume").open == 1; }));
  context->TryCancel();
  v1::ConsumeResponse response;
  while (stream->Read(&response)) {
  }
  stream->Finish();
  EXPECT_TRUE(Eventually([this] { return Of("Consume").open == 0; }));
  EXPECT_EQ(Of("Consume").latency.count(), 0u);
}

TEST_F(CallMeterTest, WhatIsPassedOnAndWhatIsRefusedForItsSizeIsCounted) {
  StartNode(2);
  cluster_.SetLeader({"t", 0}, NodeId(2));
  Produce(node_, One("t", 0, "v"));
  EXPECT_EQ(node_.server->stats().forwarded, 1u);
  TestNode& small = StartNode(3, {.max_produce_bytes_in_flight = 10});
  EXPECT_FALSE(TryProduce(small, One("t", 0, std::string(100, 'x'))).ok());
  EXPECT_EQ(small.server->stats().throttled, 1u);
  EXPECT_EQ(small.server->stats().produce_limit_bytes, 10u);
}

}  // namespace
}  // namespace jangada::server::testing
