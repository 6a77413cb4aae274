// ProduceStream: order, numbers, independence of partitions, back-pressure, ends.
#include "server/grpc/produce_stream.h"

#include "server/grpc/produce_lane.h"
#include "tests/server/grpc/cutting_proxy.h"
#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

using std::chrono::milliseconds;

class ProduceStreamTest : public DoorTest {
 protected:
  struct Stream {
    explicit Stream(TestNode& node) : context(Context()) {
      rpc = node.log->ProduceStream(context.get());
    }
    Stream(TestNode& node, std::unique_ptr<grpc::ClientContext> its_context)
        : context(std::move(its_context)) {
      rpc = node.log->ProduceStream(context.get());
    }
    bool Send(int64_t number, const v1::ProduceRequest& produce) {
      v1::ProduceStreamRequest request;
      request.set_number(number);
      *request.mutable_produce() = produce;
      return rpc->Write(request);
    }
    v1::ProduceStreamResponse Next() {
      v1::ProduceStreamResponse response;
      EXPECT_TRUE(rpc->Read(&response));
      return response;
    }
    std::vector<v1::ProduceStreamResponse> Rest() {
      std::vector<v1::ProduceStreamResponse> rest;
      v1::ProduceStreamResponse response;
      while (rpc->Read(&response)) rest.push_back(response);
      return rest;
    }
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::ProduceStreamRequest, v1::ProduceStreamResponse>>
        rpc;
  };

  ProduceStreamTest() : node_(StartNode(1)) { cluster_.AddTopic("t", 4, NodeId(1)); }

  static v1::ProduceRequest Sequenced(int32_t sequence) {
    v1::ProduceRequest request = One("t", 0, std::to_string(sequence));
    request.set_producer_id(7);
    request.set_producer_epoch(0);
    request.set_base_sequence(sequence);
    return request;
  }

  static std::vector<std::string> Numbers(int count) {
    std::vector<std::string> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
    return numbers;
  }

  TestNode& node_;
};

TEST_F(ProduceStreamTest, AcksCarryTheRequestsNumberInOrderPerPartition) {
  constexpr int kRequests = 600;
  Stream stream(node_);
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) stream.Send(1'000 - i, One("t", i % 3, std::to_string(i)));
    stream.rpc->WritesDone();
  });
  const auto acks = stream.Rest();
  writer.join();
  EXPECT_TRUE(stream.rpc->Finish().ok());
  ASSERT_EQ(acks.size(), static_cast<size_t>(kRequests));
  std::map<int32_t, int64_t> next_offset;
  for (const auto& ack : acks) {
    ASSERT_TRUE(ack.has_ack()) << ack.error().message();
    const int64_t i = 1'000 - ack.number();
    EXPECT_EQ(ack.ack().partition(), i % 3);
    EXPECT_EQ(ack.ack().base_offset(), i / 3);
    EXPECT_EQ(ack.ack().base_offset(), next_offset[ack.ack().partition()]++);
  }
}

TEST_F(ProduceStreamTest, LeaderlessPartitionHoldsUpNobodyElse) {
  cluster_.SetLeader({"t", 0}, std::nullopt);
  Stream stream(node_);
  stream.Send(1, One("t", 0, "waits"));
  for (int i = 2; i <= 20; ++i) stream.Send(i, One("t", 1, "goes"));
  for (int i = 2; i <= 20; ++i) EXPECT_EQ(stream.Next().number(), i);
  cluster_.SetLeader({"t", 0}, NodeId(1));
  const auto last = stream.Next();
  EXPECT_EQ(last.number(), 1);
  EXPECT_TRUE(last.has_ack());
  stream.rpc->WritesDone();
  EXPECT_TRUE(stream.rpc->Finish().ok());
}

TEST_F(ProduceStreamTest, RequestsThatWaitedForALeaderAreAppendedInTheirOrder) {
  cluster_.SetLeader({"t", 0}, std::nullopt);
  Stream stream(node_);
  for (int i = 0; i < 50; ++i) stream.Send(i, One("t", 0, std::to_string(i)));
  ASSERT_TRUE(Eventually([&] { return node_.broker.produces.load() >= 3; }));
  cluster_.SetLeader({"t", 0}, NodeId(1));
  stream.rpc->WritesDone();
  for (const auto& ack : stream.Rest()) EXPECT_TRUE(ack.has_ack()) << ack.error().message();
  EXPECT_EQ(Values({"t", 0}), Numbers(50));
}

TEST_F(ProduceStreamTest, OrderHoldsWhileTheLeadershipWanders) {
  constexpr int kRequests = 400;
  StartNode(2);
  Stream stream(node_);
  std::atomic<bool> done = false;
  std::thread elections([&] {
    const std::optional<NodeId> turns[] = {NodeId(2), std::nullopt, NodeId(1), std::nullopt};
    for (size_t i = 0; !done; ++i) {
      cluster_.SetLeader({"t", 0}, turns[i % 4]);
      std::this_thread::sleep_for(milliseconds(3));
    }
    cluster_.SetLeader({"t", 0}, NodeId(1));
  });
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) stream.Send(i, Sequenced(i));
    stream.rpc->WritesDone();
  });
  int64_t expected = 0;
  for (const auto& ack : stream.Rest()) {
    EXPECT_EQ(ack.number(), expected);
    ASSERT_TRUE(ack.has_ack()) << ack.error().message();
    EXPECT_EQ(ack.ack().base_offset(), expected++);
  }
  done = true;
  writer.join();
  elections.join();
  EXPECT_EQ(expected, kRequests);
  EXPECT_EQ(Values({"t", 0}), Numbers(kRequests));
}

TEST_F(ProduceStreamTest, PlainRequestOvertakenByALaterOneFailsRatherThanTurnTheOrder) {
  std::atomic<int> calls = 0;
  node_.broker.FailProduce([&](const ProduceRequest&) -> std::optional<Error> {
    if (calls++ == 1) return Error{ErrorCode::kUnavailable, "Not ready yet; try again."};
    return std::nullopt;
  });
  node_.broker.HoldAnswers(true);  // so that all three are under way when the second is answered
  Stream stream(node_);
  for (int i = 0; i < 3; ++i) stream.Send(i, One("t", 0, std::to_string(i)));
  ASSERT_TRUE(Eventually([&] { return calls.load() == 3; }));
  node_.broker.ReleaseAnswers();
  stream.rpc->WritesDone();
  const auto acks = stream.Rest();
  ASSERT_EQ(acks.size(), 3u);
  EXPECT_TRUE(acks[0].has_ack());
  EXPECT_EQ(acks[1].error().code(), "UNAVAILABLE");
  EXPECT_EQ(acks[1].error().fate(), v1::FATE_NOT_DONE);
  EXPECT_TRUE(acks[2].has_ack());
  EXPECT_EQ(Values({"t", 0}), (std::vector<std::string>{"0", "2"}));
}

TEST_F(ProduceStreamTest, GapMadeByAFailedTryClosesByItself) {
  std::atomic<int> calls = 0;
  node_.broker.FailProduce([&](const ProduceRequest&) -> std::optional<Error> {
    if (calls++ == 1) return Error{ErrorCode::kNotLeader, "Not here."};
    return std::nullopt;
  });
  node_.broker.HoldAnswers(true);
  Stream stream(node_);
  for (int i = 0; i < 4; ++i) stream.Send(i, Sequenced(i));
  ASSERT_TRUE(Eventually([&] { return calls.load() == 4; }));
  node_.broker.ReleaseAnswers();
  stream.rpc->WritesDone();
  for (const auto& ack : stream.Rest()) EXPECT_TRUE(ack.has_ack()) << ack.error().message();
  EXPECT_EQ(Values({"t", 0}), Numbers(4));
}

TEST_F(ProduceStreamTest, ProducerWhoseFirstRequestFailedIsUnknownOnlyUntilThatIsTriedAgain) {
  std::atomic<int> calls = 0;
  node_.broker.FailProduce([&](const ProduceRequest&) -> std::optional<Error> {
    if (calls++ == 0) return Error{ErrorCode::kUnavailable, "Leadership is being handed over."};
    return std::nullopt;
  });
  node_.broker.HoldAnswers(true);
  Stream stream(node_);
  for (int i = 0; i < 3; ++i) stream.Send(i, Sequenced(i));
  ASSERT_TRUE(Eventually([&] { return calls.load() == 3; }));
  node_.broker.ReleaseAnswers();
  stream.rpc->WritesDone();
  for (const auto& ack : stream.Rest()) EXPECT_TRUE(ack.has_ack()) << ack.error().message();
  EXPECT_EQ(Values({"t", 0}), Numbers(3));
}

TEST_F(ProduceStreamTest, GapOfTheClientsOwnIsAnError) {
  Stream stream(node_);
  stream.Send(0, Sequenced(0));
  stream.Send(1, Sequenced(5));
  stream.rpc->WritesDone();
  const auto acks = stream.Rest();
  ASSERT_EQ(acks.size(), 2u);
  EXPECT_EQ(acks[1].error().code(), "OUT_OF_ORDER_SEQUENCE");
}

TEST_F(ProduceStreamTest, RequestWithoutALeaderInItsTimeIsAnsweredNotDoneAndNeverAppended) {
  cluster_.SetLeader({"t", 0}, std::nullopt);
  Stream stream(node_);
  v1::ProduceRequest request = One("t", 0, "late");
  request.set_timeout_ms(150);
  stream.Send(1, request);
  const auto answer = stream.Next();
  EXPECT_EQ(answer.error().fate(), v1::FATE_NOT_DONE);
  cluster_.SetLeader({"t", 0}, NodeId(1));
  stream.Send(2, One("t", 0, "next"));
  EXPECT_TRUE(stream.Next().has_ack());
  EXPECT_EQ(Values({"t", 0}), std::vector<std::string>{"next"});
}

TEST_F(ProduceStreamTest, IdempotentRequestSurvivesACutConnectionToTheLeader) {
  TestNode& leader = StartNode(2);
  StartNode(3);
  CuttingProxy proxy(leader.server->port());
  cluster_.AddNode(NodeId(2), proxy.port());
  cluster_.SetLeader({"t", 0}, NodeId(2));
  leader.broker.HoldAnswers(true);
  Stream stream(node_);
  for (int i = 0; i < 10; ++i) stream.Send(i, Sequenced(i));
  ASSERT_TRUE(Eventually([&] { return Values({"t", 0}).size() == 1; }));
  cluster_.SetLeader({"t", 0}, NodeId(3));
  proxy.Cut();
  stream.rpc->WritesDone();
  const auto acks = stream.Rest();
  ASSERT_EQ(acks.size(), 10u);
  for (const auto& ack : acks) EXPECT_TRUE(ack.has_ack()) << ack.error().message();
  EXPECT_EQ(Values({"t", 0}), Numbers(10));
}

TEST_F(ProduceStreamTest, WrongRequestsAreAnsweredAndTheStreamGoesOn) {
  Stream stream(node_);
  stream.Send(1, v1::ProduceRequest());
  stream.Send(2, One("no such topic!", 0, "v"));
  stream.Send(3, One("unknown", 0, "v"));
  stream.Send(4, One("t", 99, "v"));
  v1::ProduceRequest damaged;
  damaged.set_topic("t");
  damaged.set_partition(0);
  damaged.set_batch("not a batch");
  stream.Send(5, damaged);
  stream.Send(6, One("t", 0, "good"));
  stream.rpc->WritesDone();
  std::map<int64_t, std::string> codes;
  for (const auto& answer : stream.Rest()) codes[answer.number()] = answer.error().code();
  EXPECT_TRUE(stream.rpc->Finish().ok());
  EXPECT_EQ(codes[1], "INVALID_ARGUMENT");
  EXPECT_EQ(codes[2], "INVALID_ARGUMENT");
  EXPECT_EQ(codes[3], "UNKNOWN_TOPIC");
  EXPECT_EQ(codes[4], "UNKNOWN_TOPIC");
  EXPECT_EQ(codes[5], "CORRUPT_RECORD");
  EXPECT_EQ(codes[6], "");
  EXPECT_EQ(Values({"t", 0}), std::vector<std::string>{"good"});
}

TEST_F(ProduceStreamTest, ClientThatRoutesItselfIsToldTheLeaderInTheAck) {
  StartNode(2);
  cluster_.SetLeader({"t", 0}, NodeId(2));
  auto context = Context();
  context->AddMetadata("jangada-no-forward", "1");
  Stream stream(node_, std::move(context));
  stream.Send(1, One("t", 0, "v"));
  const auto answer = stream.Next();
  EXPECT_EQ(answer.error().code(), "NOT_LEADER");
  EXPECT_EQ(answer.error().leader_node_id(), 2);
  EXPECT_FALSE(answer.error().leader_grpc_address().empty());
}

TEST_F(ProduceStreamTest, UnansweredBytesAreBoundedAndTheClientWaits) {
  GrpcServerOptions options;
  options.max_stream_bytes_in_flight = 256 << 10;
  TestNode& small = StartNode(2, options);
  cluster_.SetLeader({"t", 0}, NodeId(2));
  small.broker.HoldAnswers(true);
  constexpr int kRequests = 300;
  constexpr int64_t kBytes = 32 << 10;
  Stream stream(small);
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) stream.Send(i, One("t", 0, std::string(kBytes, 'x')));
    stream.rpc->WritesDone();
  });
  ASSERT_TRUE(
      Eventually([&] { return small.broker.produced_bytes.load() >= (256 << 10) - kBytes; }));
  std::this_thread::sleep_for(milliseconds(150));  // time in which an unbounded one would read on
  EXPECT_LE(small.broker.produced_bytes.load(), (256 << 10) + 2 * kBytes);
  small.broker.ReleaseAnswers();
  EXPECT_EQ(stream.Rest().size(), static_cast<size_t>(kRequests));
  writer.join();
}

TEST_F(ProduceStreamTest, AcksThatNobodyReadsStopTheReadingOfRequests) {
  constexpr int kRequests = 60'000;
  // A window that does not grow, so that few acks fit into the network.
  grpc::ChannelArguments narrow;
  narrow.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  narrow.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  node_.log = v1::Log::NewStub(
      grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(node_.server->port()),
                                grpc::InsecureChannelCredentials(), narrow));
  Stream stream(node_);
  v1::ProduceRequest request = One("t", 0, "v");
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) stream.Send(i, request);
    stream.rpc->WritesDone();
  });
  int last = -1;
  ASSERT_TRUE(Eventually([&] {  // until it stands still
    const int now = node_.broker.produces.load();
    const bool still = now == last && now > 0;
    last = now;
    std::this_thread::sleep_for(milliseconds(100));
    return still;
  }));
  EXPECT_LT(node_.broker.produces.load(), kRequests / 2);
  EXPECT_EQ(stream.Rest().size(), static_cast<size_t>(kRequests));
  writer.join();
}

TEST_F(ProduceStreamTest, StoppingNodeAnswersWhatItTookAndEndsTheStream) {
  node_.broker.HoldAnswers(true);
  Stream stream(node_);
  stream.Send(1, One("t", 0, "v"));
  ASSERT_TRUE(Eventually([&] { return node_.broker.produces.load() == 1; }));
  node_.server->BeginShutdown(10'000'000);
  node_.broker.ReleaseAnswers();
  EXPECT_TRUE(stream.Next().has_ack());
  EXPECT_TRUE(stream.Rest().empty());
  const grpc::Status status = stream.rpc->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(Detail(status).code(), "SHUTTING_DOWN");
  node_.server->AwaitShutdown();
}

TEST_F(ProduceStreamTest, ClientThatGoesLeavesNothingBehind) {
  GrpcServerOptions options;
  options.max_produce_bytes_in_flight = 1'000;
  TestNode& small = StartNode(2, options);
  cluster_.SetLeader({"t", 0}, std::nullopt);
  {
    Stream stream(small);
    stream.Send(1, One("t", 0, std::string(800, 'x')));
    ASSERT_TRUE(Eventually([&] { return small.broker.produces.load() >= 1; }));
    stream.context->TryCancel();
    stream.Rest();
    EXPECT_EQ(stream.rpc->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // Its bytes go back to the node's budget, and it is not appended when a leader comes.
  cluster_.SetLeader({"t", 1}, NodeId(2));
  EXPECT_TRUE(
      Eventually([&] { return TryProduce(small, One("t", 1, std::string(800, 'y'))).ok(); }));
  cluster_.SetLeader({"t", 0}, NodeId(2));
  EXPECT_TRUE(TryProduce(small, One("t", 0, "after")).ok());
  EXPECT_EQ(Values({"t", 0}), std::vector<std::string>{"after"});
}

}  // namespace
}  // namespace jangada::server::testing
