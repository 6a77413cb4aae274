// Any node serves any call: forwarding between real servers, waiting for leaders, and what is
// repeated.
#include "server/grpc/router.h"

#include "tests/server/grpc/cutting_proxy.h"
#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class RouterTest : public DoorTest {
 protected:
  RouterTest() : here_(StartNode(1)), leader_(StartNode(2)) {
    cluster_.AddTopic("t", 2, NodeId(2));
  }

  static v1::ProduceRequest Idempotent(const std::string& value) {
    v1::ProduceRequest request = One("t", 0, value);
    request.set_producer_id(7);
    request.set_producer_epoch(0);
    request.set_base_sequence(0);
    return request;
  }

  const TopicPartition where_{"t", 0};
  TestNode& here_;
  TestNode& leader_;
};

TEST_F(RouterTest, ProduceAtAnyNodeReachesTheLeader) {
  EXPECT_EQ(Produce(here_, One("t", 0, "a")).base_offset(), 0);
  EXPECT_EQ(Produce(here_, One("t", 0, "b")).base_offset(), 1);
  EXPECT_EQ(Values(where_), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(here_.broker.produces.load(), 0);
  EXPECT_EQ(leader_.broker.produces.load(), 2);
}

TEST_F(RouterTest, ReadsAtAnyNodeReachTheLeader) {
  Produce(leader_, One("t", 0, "a"));
  v1::FetchRequest fetch;
  fetch.set_topic("t");
  v1::FetchResponse fetched;
  ASSERT_TRUE(here_.log->Fetch(Context().get(), fetch, &fetched).ok());
  ASSERT_EQ(fetched.records_size(), 1);
  EXPECT_EQ(fetched.records(0).value(), "a");
  EXPECT_EQ(fetched.high_watermark(), 1);

  v1::ListOffsetsRequest list;
  list.add_queries()->set_topic("t");
  list.mutable_queries(0)->set_at(v1::OFFSET_AT_LATEST);
  v1::ListOffsetsResponse listed;
  ASSERT_TRUE(here_.log->ListOffsets(Context().get(), list, &listed).ok());
  EXPECT_EQ(listed.answers(0).offset(), 1);
  list.mutable_queries(0)->set_timestamp_ms(9'999'999'999'999);
  ASSERT_TRUE(here_.log->ListOffsets(Context().get(), list, &listed).ok());
  EXPECT_EQ(listed.answers(0).offset(), -1);
}

TEST_F(RouterTest, ErrorOfTheLeaderComesBackAsItIs) {
  v1::FetchRequest fetch;
  fetch.set_topic("t");
  fetch.set_offset(99);
  v1::FetchResponse fetched;
  const grpc::Status status = here_.log->Fetch(Context().get(), fetch, &fetched);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(Detail(status).code(), "OFFSET_OUT_OF_RANGE");
  EXPECT_NE(status.error_message().find("ask ListOffsets"), std::string::npos);
}

TEST_F(RouterTest, ForwardedCallGoesNoFurther) {
  const auto context = Context();
  context->AddMetadata("jangada-forwarded", "1");
  v1::ProduceResponse response;
  const grpc::Status status = here_.log->Produce(context.get(), One("t", 0, "a"), &response);
  EXPECT_EQ(Detail(status).code(), "NOT_LEADER");
  EXPECT_EQ(leader_.broker.produces.load(), 0);
}

TEST_F(RouterTest, ClientThatRoutesItselfIsToldTheLeader) {
  const auto context = Context();
  context->AddMetadata("jangada-no-forward", "1");
  v1::ProduceResponse response;
  const grpc::Status status = here_.log->Produce(context.get(), One("t", 0, "a"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  const v1::ErrorDetail detail = Detail(status);
  EXPECT_EQ(detail.code(), "NOT_LEADER");
  EXPECT_EQ(detail.fate(), v1::FATE_NOT_DONE);
  EXPECT_EQ(detail.leader_node_id(), 2);
  EXPECT_EQ(detail.leader_grpc_address(), "127.0.0.1:" + std::to_string(leader_.server->port()));
  EXPECT_EQ(leader_.broker.produces.load(), 0);
}

TEST_F(RouterTest, ProduceWaitsForALeaderToBeFound) {
  cluster_.SetLeader(where_, std::nullopt);
  std::thread election([&] {
    EXPECT_TRUE(
        Eventually([&] { return here_.broker.produces.load() >= 2; }));  // it tried, in vain
    cluster_.SetLeader(where_, NodeId(2));
  });
  EXPECT_TRUE(TryProduce(here_, One("t", 0, "a")).ok());
  election.join();
  EXPECT_EQ(Values(where_), std::vector<std::string>{"a"});
}

TEST_F(RouterTest, WithoutALeaderInTimeTheCallSaysThatNothingWasDone) {
  cluster_.SetLeader(where_, std::nullopt);
  const grpc::Status status = TryProduce(here_, One("t", 0, "a"), milliseconds(500));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Detail(status).fate(), v1::FATE_NOT_DONE);

  v1::ProduceRequest hasty = One("t", 0, "a");
  hasty.set_timeout_ms(100);
  const auto began = steady_clock::now();
  EXPECT_EQ(Detail(TryProduce(here_, hasty)).code(), "NOT_LEADER");
  EXPECT_LT(steady_clock::now() - began, milliseconds(5'000));
}

TEST_F(RouterTest, LeaderThatRefusesConnectionsIsSurelyNotReached) {
  const uint16_t port = leader_.server->port();
  leader_.server->Shutdown(0);
  leader_.server.reset();
  v1::ProduceRequest request = One("t", 0, "a");
  request.set_timeout_ms(300);
  const grpc::Status status = TryProduce(here_, request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message() << port;
  EXPECT_EQ(Detail(status).fate(), v1::FATE_NOT_DONE);

  // It is tried again until another node leads.
  std::thread election([&] { cluster_.SetLeader(where_, NodeId(1)); });
  EXPECT_TRUE(TryProduce(here_, One("t", 0, "b")).ok());
  election.join();
}

TEST_F(RouterTest, ConnectionCutBeforeTheAnswerLeavesTheFateUnknown) {
  CuttingProxy proxy(leader_.server->port());
  cluster_.AddNode(NodeId(2), proxy.port());
  leader_.broker.HoldAnswers(true);
  std::thread cutter([&] {
    EXPECT_TRUE(Eventually([&] { return leader_.broker.produces.load() == 1; }));
    proxy.Cut();
  });
  const grpc::Status status = TryProduce(here_, One("t", 0, "a"));
  cutter.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(Detail(status).code(), "TIMEOUT");
  EXPECT_EQ(Detail(status).fate(), v1::FATE_UNKNOWN);
  EXPECT_EQ(leader_.broker.produces.load(), 1);  // not sent again
}

TEST_F(RouterTest, IdempotentBatchOfUnknownFateIsSentAgainAndAppendedOnce) {
  CuttingProxy proxy(leader_.server->port());
  cluster_.AddNode(NodeId(2), proxy.port());
  TestNode& next = StartNode(3);
  leader_.broker.HoldAnswers(true);
  std::thread cutter([&] {
    EXPECT_TRUE(Eventually([&] { return Values(where_).size() == 1; }));
    cluster_.SetLeader(where_, NodeId(3));
    proxy.Cut();
  });
  const v1::ProduceResponse response = Produce(here_, Idempotent("once"));
  cutter.join();
  EXPECT_TRUE(response.duplicate());
  EXPECT_EQ(response.base_offset(), 0);
  EXPECT_EQ(next.broker.produces.load(), 1);
  EXPECT_EQ(Values(where_), std::vector<std::string>{"once"});
}

TEST_F(RouterTest, TryAfterAnUnknownFateDoesNotMakeItKnown) {
  CuttingProxy proxy(leader_.server->port());
  cluster_.AddNode(NodeId(2), proxy.port());
  leader_.broker.HoldAnswers(true);
  std::thread cutter([&] {
    EXPECT_TRUE(Eventually([&] { return Values(where_).size() == 1; }));
    cluster_.SetLeader(where_, std::nullopt);
    proxy.Cut();
  });
  v1::ProduceRequest request = Idempotent("once");
  request.set_timeout_ms(600);
  const grpc::Status status = TryProduce(here_, request);
  cutter.join();
  // The last tries found no leader, which is surely not done; the first one was appended.
  EXPECT_EQ(Detail(status).code(), "TIMEOUT");
  EXPECT_EQ(Detail(status).fate(), v1::FATE_UNKNOWN);
}

TEST_F(RouterTest, LeaderThatAnswersNothingIsLookedForAnewWhenThatIsSafe) {
  TestNode& next = StartNode(3);
  leader_.broker.HoldAnswers(true);
  std::thread election([&] {
    EXPECT_TRUE(Eventually([&] { return Values(where_).size() == 1; }));
    cluster_.SetLeader(where_, NodeId(3));
  });
  EXPECT_TRUE(Produce(here_, Idempotent("once")).duplicate());
  election.join();
  EXPECT_EQ(next.broker.produces.load(), 1);
}

TEST_F(RouterTest, ClientThatGoesTakesItsForwardedCallWithIt) {
  const auto context = Context();
  std::thread leaver([&] {
    EXPECT_TRUE(Eventually([&] { return leader_.broker.fetches.load() >= 1; }));
    context->TryCancel();
  });
  v1::FetchRequest fetch;
  fetch.set_topic("t");
  fetch.set_min_bytes(1);
  fetch.set_max_wait_ms(15'000);
  v1::FetchResponse fetched;
  EXPECT_EQ(here_.log->Fetch(context.get(), fetch, &fetched).error_code(),
            grpc::StatusCode::CANCELLED);
  leaver.join();
  // With grace enough for the whole poll: if it were still waiting, this would take as long.
  const auto began = steady_clock::now();
  leader_.server->Shutdown(14'000'000);
  EXPECT_LT(steady_clock::now() - began, std::chrono::seconds(5));
}

TEST_F(RouterTest, PartitionCallsOfAdminReachTheLeader) {
  Produce(here_, One("t", 0, "a"));
  Produce(here_, One("t", 0, "b"));
  v1::DeleteRecordsRequest trim;
  trim.set_topic("t");
  trim.set_before_offset(1);
  v1::DeleteRecordsResponse trimmed;
  ASSERT_TRUE(here_.admin->DeleteRecords(Context().get(), trim, &trimmed).ok());
  EXPECT_EQ(trimmed.log_start_offset(), 1);
  trim.set_before_offset(-1);
  ASSERT_TRUE(here_.admin->DeleteRecords(Context().get(), trim, &trimmed).ok());
  EXPECT_EQ(trimmed.log_start_offset(), 2);
  trim.set_before_offset(50);
  EXPECT_EQ(here_.admin->DeleteRecords(Context().get(), trim, &trimmed).error_code(),
            grpc::StatusCode::OUT_OF_RANGE);

  v1::TransferLeadershipRequest transfer;
  transfer.set_topic("t");
  transfer.set_to_node_id(1);
  v1::TransferLeadershipResponse transferred;
  ASSERT_TRUE(here_.admin->TransferLeadership(Context().get(), transfer, &transferred).ok());
  EXPECT_EQ(cluster_.LeaderOf(where_), NodeId(1));
}

}  // namespace
}  // namespace jangada::server::testing
