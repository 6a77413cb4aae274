// The service ConsumerGroup over real connections: who answers, what is passed on to the
// coordinator, what is refused. What happens inside groups is scripted.
#include "server/grpc/group_service.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "server/groups/consumer_protocol.h"
#include "server/grpc/group_stream.h"
#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class GroupServiceTest : public DoorTest {
 protected:
  /// Node 2 coordinates all groups.
  GroupServiceTest() : one_(StartNode(1)), two_(StartNode(2)) {
    cluster_.AddTopic("t", 2, NodeId(1));
    cluster_.AddTopic(kGroupsTopic, 1, NodeId(2));
    for (TestNode* node : {&one_, &two_}) {
      node->broker.fake_groups().find.answer.node = NodeId(2);
      node->broker.fake_groups().commit.answer.each = {GroupError::kNone};
    }
    FakeGroups& groups = two_.broker.fake_groups();
    groups.join.answer = {.generation = 4,
                          .protocol_type = groups::kGrpcProtocolType,
                          .protocol = "sticky",
                          .leader = "other",
                          .member_id = "m1",
                          .members = {}};
    groups.sync.answer.assignment = groups::EncodeAssignment({{"t", 1}});
    groups.fetch.answer.offsets = {{.where = {"t", 1}, .offset = 7, .metadata = {}}};
  }

  struct Stream {
    explicit Stream(TestNode& node, bool no_forward = false) : context(Context()) {
      if (no_forward) context->AddMetadata("jangada-no-forward", "1");
      rpc = node.groups->Join(context.get());
    }
    explicit Stream(v1::ConsumerGroup::Stub& stub)
        : context(Context()), rpc(stub.Join(context.get())) {}
    void Subscribe() {
      v1::GroupMemberRequest request;
      request.mutable_subscribe()->set_group("g");
      request.mutable_subscribe()->add_topics("t");
      rpc->Write(request);
    }
    void Leave() {
      v1::GroupMemberRequest request;
      request.mutable_leave();
      rpc->Write(request);
    }
    /// Each with so many bytes that this server knows nothing of. Until the stream is gone, at
    /// most.
    void WriteHeartbeats(int count, size_t bytes, std::atomic<int>* written) {
      v1::GroupMemberRequest heartbeat;
      heartbeat.mutable_heartbeat();
      auto* unknown = heartbeat.GetReflection()->MutableUnknownFields(&heartbeat);
      if (bytes > 0) unknown->AddLengthDelimited(1000, std::string(bytes, 'x'));
      while (*written < count && rpc->Write(heartbeat)) ++*written;
    }
    v1::GroupMemberResponse Next() {
      v1::GroupMemberResponse response;
      EXPECT_TRUE(rpc->Read(&response));
      return response;
    }
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::GroupMemberRequest, v1::GroupMemberResponse>> rpc;
  };

  void SpeakThrough(TestNode& node) {
    Stream stream(node);
    stream.Subscribe();
    EXPECT_EQ(stream.Next().joined().member_id(), "m1");
    const v1::GroupMemberResponse response = stream.Next();
    EXPECT_EQ(response.assignment().generation(), 4);
    ASSERT_EQ(response.assignment().partitions_size(), 1);
    EXPECT_EQ(response.assignment().partitions(0).offset(), 7);
    v1::GroupMemberRequest commit;
    commit.mutable_commit()->set_number(99);
    auto* offset = commit.mutable_commit()->add_offsets();
    offset->set_topic("t");
    offset->set_partition(1);
    offset->set_offset(8);
    stream.rpc->Write(commit);
    const v1::GroupMemberResponse ack = stream.Next();
    EXPECT_EQ(ack.commit_ack().number(), 99);
    EXPECT_FALSE(ack.commit_ack().has_error()) << ack.commit_ack().error().message();
    stream.Leave();
    v1::GroupMemberResponse none;
    EXPECT_FALSE(stream.rpc->Read(&none));
    const grpc::Status status = stream.rpc->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_THAT(two_.broker.fake_groups().leave.asked, SizeIs(1));
    EXPECT_THAT(one_.broker.fake_groups().join.asked, IsEmpty());
  }

  TestNode& one_;
  TestNode& two_;
};

TEST_F(GroupServiceTest, MemberSpeaksWithItsCoordinator) { SpeakThrough(two_); }

TEST_F(GroupServiceTest, MemberSpeaksWithItsCoordinatorThroughAnyNode) { SpeakThrough(one_); }

TEST_F(GroupServiceTest, WhoRoutesItselfIsToldWhoCoordinates) {
  Stream stream(one_, /*no_forward=*/true);
  stream.Subscribe();
  v1::GroupMemberResponse none;
  EXPECT_FALSE(stream.rpc->Read(&none));
  const v1::ErrorDetail detail = Detail(stream.rpc->Finish());
  EXPECT_EQ(detail.code(), "NOT_LEADER");
  EXPECT_EQ(detail.leader_node_id(), 2);
  EXPECT_EQ(detail.leader_grpc_address(), "127.0.0.1:" + std::to_string(two_.server->port()));
}

TEST_F(GroupServiceTest, AStreamThatBreaksLeavesNothing) {
  {
    Stream stream(one_);
    stream.Subscribe();
    stream.Next();
    stream.Next();
    stream.context->TryCancel();
    EXPECT_EQ(stream.rpc->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  Stream half_closed(two_);
  half_closed.Subscribe();
  half_closed.Next();
  half_closed.Next();
  half_closed.rpc->WritesDone();
  EXPECT_TRUE(half_closed.rpc->Finish().ok());
  EXPECT_THAT(two_.broker.fake_groups().leave.asked, IsEmpty());
}

TEST_F(GroupServiceTest, WhoReadsNothingIsSoonReadNoMore) {
  constexpr int kMany = 100'000;
  // A window that grows by itself would take megabytes of acks for the client.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto stub = v1::ConsumerGroup::NewStub(
      grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(two_.server->port()),
                                grpc::InsecureChannelCredentials(), arguments));
  Stream stream(*stub);
  stream.Subscribe();
  std::atomic<int> written = 0;
  std::thread writer([&] { stream.WriteHeartbeats(kMany, 1 << 10, &written); });
  int before = -1;
  EXPECT_TRUE(Eventually([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return std::exchange(before, written.load()) == before;
  }));
  EXPECT_LT(written, kMany);
  stream.context->TryCancel();
  writer.join();
}

TEST_F(GroupServiceTest, HeartbeatsThatWaitForTheirWayToTheCoordinatorAreOne) {
  constexpr int kMany = 20'000;
  Stream stream(one_);
  stream.Subscribe();
  std::atomic<int> written = 0;
  std::thread writer([&] {
    stream.WriteHeartbeats(kMany, 0, &written);
    stream.Leave();
  });
  v1::GroupMemberResponse response;
  int acks = 0;
  while (stream.rpc->Read(&response)) acks += response.has_heartbeat_ack();
  writer.join();
  const grpc::Status status = stream.rpc->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(written, kMany);
  EXPECT_GT(acks, 0);
  EXPECT_LT(acks, kMany);
}

TEST_F(GroupServiceTest, TheErrorOfAMemberElsewhereComesWithItsSentence) {
  two_.broker.fake_groups().join.answer = {.error = GroupError::kInconsistentProtocol,
                                           .members = {}};
  Stream stream(one_);
  stream.Subscribe();
  v1::GroupMemberResponse none;
  EXPECT_FALSE(stream.rpc->Read(&none));
  const v1::ErrorDetail detail = Detail(stream.rpc->Finish());
  EXPECT_EQ(detail.code(), "FAILED_PRECONDITION");
  EXPECT_THAT(detail.message(), HasSubstr("Kafka's protocol"));
}

TEST_F(GroupServiceTest, ANodeThatStopsEndsItsStreams) {
  Stream stream(two_);
  stream.Subscribe();
  stream.Next();
  stream.Next();
  two_.server->BeginShutdown(5'000'000);
  v1::GroupMemberResponse none;
  EXPECT_FALSE(stream.rpc->Read(&none));
  EXPECT_EQ(Detail(stream.rpc->Finish()).code(), "SHUTTING_DOWN");
  two_.server->AwaitShutdown();
}

TEST_F(GroupServiceTest, ACoordinatorIsFoundWithItsAddress) {
  v1::FindCoordinatorRequest request;
  request.set_group("g");
  v1::FindCoordinatorResponse response;
  ASSERT_TRUE(one_.groups->FindCoordinator(Context().get(), request, &response).ok());
  EXPECT_EQ(response.node_id(), 2);
  EXPECT_EQ(response.grpc_address(), "127.0.0.1:" + std::to_string(two_.server->port()));
}

TEST_F(GroupServiceTest, ACoordinatorThatIsBeingElectedIsWaitedFor) {
  one_.broker.fake_groups().find.answers = {{.error = GroupError::kNotAvailable},
                                            {.error = GroupError::kNotAvailable}};
  v1::FindCoordinatorRequest request;
  request.set_group("g");
  v1::FindCoordinatorResponse response;
  ASSERT_TRUE(one_.groups->FindCoordinator(Context().get(), request, &response).ok());
  EXPECT_EQ(response.node_id(), 2);
}

TEST_F(GroupServiceTest, GroupsOfAllNodesAreListedAndSilentNodesAreNamed) {
  one_.broker.fake_groups().list.answer.groups = {{"z", "consumer", GroupState::kStable}};
  two_.broker.fake_groups().list.answer.groups = {
      {"a", groups::kGrpcProtocolType, GroupState::kEmpty}};
  cluster_.AddNode(NodeId(3), 1);  // nobody listens there
  v1::ListGroupsResponse response;
  ASSERT_TRUE(one_.groups->ListGroups(Context().get(), {}, &response).ok());
  ASSERT_EQ(response.groups_size(), 2);
  EXPECT_EQ(response.groups(0).group(), "a");
  EXPECT_EQ(response.groups(0).door(), v1::GROUP_DOOR_GRPC);
  EXPECT_EQ(response.groups(0).state(), v1::GROUP_STATE_EMPTY);
  EXPECT_EQ(response.groups(0).coordinator_node_id(), 2);
  EXPECT_EQ(response.groups(1).door(), v1::GROUP_DOOR_KAFKA);
  EXPECT_EQ(response.groups(1).coordinator_node_id(), 1);
  EXPECT_THAT(response.unanswered_node_ids(), ElementsAre(3));
}

TEST_F(GroupServiceTest, ADescribedGroupShowsWhoReadsWhatAndHowFarItIsBehind) {
  for (int i = 0; i < 9; ++i) Produce(one_, One("t", 1, "v"));
  FakeGroups& groups = two_.broker.fake_groups();
  groups.describe.answer = {
      .state = GroupState::kStable,
      .protocol_type = groups::kGrpcProtocolType,
      .protocol = "sticky",
      .members = {{.member_id = "m1",
                   .instance_id = std::nullopt,
                   .client_id = "me",
                   .client_host = "/192.0.2.1",
                   .metadata = {},
                   .assignment = groups::EncodeAssignment({{"t", 0}, {"t", 1}})}}};
  v1::DescribeGroupRequest request;
  request.set_group("g");
  v1::DescribeGroupResponse response;
  ASSERT_TRUE(one_.groups->DescribeGroup(Context().get(), request, &response).ok());
  EXPECT_EQ(response.coordinator_node_id(), 2);
  EXPECT_EQ(response.assignor(), "sticky");
  ASSERT_EQ(response.members_size(), 1);
  EXPECT_EQ(response.members(0).partitions_size(), 2);
  ASSERT_EQ(response.partitions_size(), 2);
  EXPECT_EQ(response.partitions(0).committed_offset(), -1);
  EXPECT_EQ(response.partitions(0).lag_records(), -1);
  EXPECT_EQ(response.partitions(0).member_id(), "m1");
  EXPECT_EQ(response.partitions(1).committed_offset(), 7);
  EXPECT_EQ(response.partitions(1).log_end_offset(), 9);
  EXPECT_EQ(response.partitions(1).lag_records(), 2);
  EXPECT_GE(response.partitions(1).lag_ms(), 0);
  EXPECT_LT(response.partitions(1).lag_ms(), 60'000);
}

TEST_F(GroupServiceTest, AGroupThatHasReadAllIsNotBehind) {
  for (int i = 0; i < 7; ++i) Produce(one_, One("t", 1, "v"));
  two_.broker.fake_groups().describe.answer.state = GroupState::kEmpty;
  v1::DescribeGroupRequest request;
  request.set_group("g");
  v1::DescribeGroupResponse response;
  ASSERT_TRUE(two_.groups->DescribeGroup(Context().get(), request, &response).ok());
  ASSERT_EQ(response.partitions_size(), 1);
  EXPECT_EQ(response.partitions(0).lag_records(), 0);
  EXPECT_EQ(response.partitions(0).lag_ms(), 0);
}

TEST_F(GroupServiceTest, AGroupThatIsNotThereIsNotFound) {
  v1::DescribeGroupRequest request;
  request.set_group("g");
  v1::DescribeGroupResponse response;
  const grpc::Status status = one_.groups->DescribeGroup(Context().get(), request, &response);
  EXPECT_EQ(Detail(status).code(), "NOT_FOUND");
}

TEST_F(GroupServiceTest, OffsetsAreCommittedAndReadThroughAnyNode) {
  v1::CommitOffsetsRequest commit;
  commit.set_group("g");
  auto* offset = commit.add_offsets();
  offset->set_topic("t");
  offset->set_partition(1);
  offset->set_offset(3);
  offset->set_metadata("note");
  v1::CommitOffsetsResponse committed;
  ASSERT_TRUE(one_.groups->CommitOffsets(Context().get(), commit, &committed).ok());
  EXPECT_EQ(committed.failed_size(), 0);
  ASSERT_THAT(two_.broker.fake_groups().commit.asked, SizeIs(1));
  const server::CommitOffsets& asked = two_.broker.fake_groups().commit.asked[0];
  EXPECT_EQ(asked.member.generation, -1);
  EXPECT_EQ(asked.member.member_id, "");
  EXPECT_EQ(asked.offsets.at(0).metadata, "note");
  v1::FetchOffsetsRequest fetch;
  fetch.set_group("g");
  v1::FetchOffsetsResponse fetched;
  ASSERT_TRUE(one_.groups->FetchOffsets(Context().get(), fetch, &fetched).ok());
  ASSERT_EQ(fetched.offsets_size(), 1);
  EXPECT_EQ(fetched.offsets(0).offset(), 7);
  EXPECT_EQ(two_.broker.fake_groups().fetch.asked.at(0).where, std::nullopt);
}

TEST_F(GroupServiceTest, OffsetsThatWereNotCommittedAreNamed) {
  two_.broker.fake_groups().commit.answer.each = {GroupError::kUnknownTopic};
  v1::CommitOffsetsRequest commit;
  commit.set_group("g");
  commit.add_offsets()->set_topic("gone");
  v1::CommitOffsetsResponse committed;
  ASSERT_TRUE(one_.groups->CommitOffsets(Context().get(), commit, &committed).ok());
  ASSERT_EQ(committed.failed_size(), 1);
  EXPECT_EQ(committed.failed(0).topic(), "gone");
  EXPECT_EQ(committed.failed(0).error().code(), "UNKNOWN_TOPIC");
}

TEST_F(GroupServiceTest, AGroupWithMembersIsNeitherSetBackNorDeleted) {
  two_.broker.fake_groups().commit.answer = {.error = GroupError::kUnknownMember, .each = {}};
  two_.broker.fake_groups().delete_group.answer = GroupError::kNonEmptyGroup;
  v1::CommitOffsetsRequest commit;
  commit.set_group("g");
  commit.add_offsets()->set_topic("t");
  v1::CommitOffsetsResponse committed;
  grpc::Status status = one_.groups->CommitOffsets(Context().get(), commit, &committed);
  EXPECT_EQ(Detail(status).code(), "FAILED_PRECONDITION");
  v1::DeleteGroupRequest remove;
  remove.set_group("g");
  v1::DeleteGroupResponse removed;
  status = one_.groups->DeleteGroup(Context().get(), remove, &removed);
  EXPECT_EQ(Detail(status).code(), "FAILED_PRECONDITION");
  EXPECT_THAT(status.error_message(), HasSubstr("has members"));
}

TEST_F(GroupServiceTest, ADeletionOfUnknownFateIsNotRepeated) {
  two_.broker.fake_groups().delete_group.answer = GroupError::kTimeout;
  v1::DeleteGroupRequest remove;
  remove.set_group("g");
  v1::DeleteGroupResponse removed;
  const grpc::Status status = one_.groups->DeleteGroup(Context().get(), remove, &removed);
  EXPECT_EQ(Detail(status).fate(), v1::FATE_UNKNOWN);
  EXPECT_THAT(two_.broker.fake_groups().delete_group.asked, ElementsAre("g"));
}

TEST_F(GroupServiceTest, AGroupNeedsAName) {
  v1::DeleteGroupRequest nameless;
  v1::DeleteGroupResponse removed;
  EXPECT_EQ(Detail(one_.groups->DeleteGroup(Context().get(), nameless, &removed)).code(),
            "INVALID_ARGUMENT");
  Stream stream(one_);
  v1::GroupMemberRequest request;
  request.mutable_subscribe()->add_topics("t");
  stream.rpc->Write(request);
  v1::GroupMemberResponse none;
  EXPECT_FALSE(stream.rpc->Read(&none));
  EXPECT_EQ(Detail(stream.rpc->Finish()).code(), "INVALID_ARGUMENT");
}

TEST_F(GroupServiceTest, ANodeKnowsHowFarItsGroupsAreBehind) {
  for (int i = 0; i < 9; ++i) Produce(one_, One("t", 1, "v"));
  GrpcServerOptions options;
  options.group_lag_every_us = 10'000;
  FakeBroker broker(cluster_, NodeId(2));
  broker.fake_groups().list.answer.groups = {{"b", "consumer", GroupState::kStable},
                                             {"a", "consumer", GroupState::kEmpty}};
  broker.fake_groups().fetch.answer.offsets = {{.where = {"t", 1}, .offset = 7, .metadata = {}},
                                               {.where = {"t", 0}, .offset = 0, .metadata = {}}};
  GrpcServer server(broker, options);
  ASSERT_TRUE(server.Start("127.0.0.1:0").ok());
  ASSERT_TRUE(Eventually([&] { return server.stats().groups.size() == 2; }));
  const std::vector<GroupLagStats> groups = server.stats().groups;
  EXPECT_EQ(groups[0].group, "a");
  EXPECT_EQ(groups[0].records, 2);
  EXPECT_GE(groups[0].ms, 0);
  cluster_.SetLeader({"t", 0}, std::nullopt);
  EXPECT_TRUE(Eventually([&] { return server.stats().groups[1].records == -1; }))
      << "of one that nobody leads nothing is known";
}

TEST(GroupHost, IsThatOfTheConnection) {
  EXPECT_EQ(grpc_door::HostOf("ipv4:127.0.0.1:4711"), "/127.0.0.1");
  EXPECT_EQ(grpc_door::HostOf("ipv6:%5B::1%5D:4711"), "/%5B::1%5D");
  EXPECT_EQ(grpc_door::HostOf("odd"), "/odd");
}

}  // namespace
}  // namespace jangada::server::testing
