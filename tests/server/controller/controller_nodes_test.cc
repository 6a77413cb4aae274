// ControllerLeader's chores: nodes that found, register, come, go and return with another disk.
#include "controller_fixture.h"
#include "gtest/gtest.h"
#include "server/controller/founding.h"
#include "server/controller/requests.h"

namespace jangada::server {
namespace {

TEST_F(ControllerTest, TheFirstLeaderFoundsTheClusterAndEveryNodeRegisters) {
  BootThree();
  for (const int id : {1, 2, 3}) {
    EXPECT_FALSE(node(id).image->cluster_id.IsZero());
    EXPECT_EQ(node(id).image->cluster_id, node(1).image->cluster_id);
    EXPECT_EQ(node(id).image->founders, MakeFounders({1, 2, 3}));
    EXPECT_EQ(node(1).image->FindNode(NodeId(id))->grpc, MakeNode(id).grpc);
  }
}

TEST_F(ControllerTest, ALaterLeaderFoundsNothingAnew) {
  BootThree();
  const Uuid cluster_id = node(1).image->cluster_id;
  Lead(2);
  RunForSeconds(3);
  EXPECT_EQ(node(3).image->cluster_id, cluster_id);
}

TEST_F(ControllerTest, RegisteringAgainUnchangedWritesNothing) {
  BootThree();
  const raft::Index before = log_.last;
  node(2).TakeDown();
  nodes_.erase(2);
  Boot(2);
  RunForSeconds(2);
  EXPECT_TRUE(node(2).controller->registered());
  EXPECT_EQ(log_.last, before);
}

TEST_F(ControllerTest, APartitionMovesOnlyToLiveNodesAndAsManyAsItHas) {
  BootThree();
  server::CreateTopic request = Topic("t", 1, 1);
  request.assignment = {Nodes({1, 2})};
  ASSERT_TRUE(CreateTopic(1, request).ok());
  const auto move = [&](std::vector<NodeId> replicas) {
    return Wait([&](auto done) {
      node(2).controller->MovePartition({"t", 0}, replicas, std::move(done));
    });
  };
  EXPECT_EQ(move(Nodes({3})).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(move(Nodes({3, 9})).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(move(Nodes({3, 2})).ok());
  EXPECT_EQ(node(2).image->FindTopic("t")->partitions[0].replicas, Nodes({3, 2}));
  EXPECT_EQ(move(Nodes({1, 2})).error().code, ErrorCode::kFailedPrecondition) << "1 is leaving";
}

TEST_F(ControllerTest, AWipedNodeIsRemovedAddedAndFilledUpAgain) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 4, 3)).ok());
  node(3).TakeDown();
  RunForSeconds(5);
  // The partitions' leaders settle what changes, as reconcilers do.
  const auto settle_all = [&] {
    for (const PartitionInfo& partition : node(1).image->FindTopic("t")->partitions) {
      if (partition.leaving.empty()) continue;
      node(1).controller->ReportSettled(partition.group, partition.revision, [](const Status&) {});
    }
  };
  std::optional<Status> removed;
  node(2).controller->RemoveNode(NodeId(3), [&](Status status) { removed = status; });
  RunForSeconds(2);
  EXPECT_FALSE(removed.has_value()) << "the groups still have it";
  const Status too_early =
      Wait([&](auto done) { node(2).controller->AddNode(NodeId(3), std::move(done)); });
  EXPECT_EQ(too_early.error().code, ErrorCode::kFailedPrecondition);
  settle_all();
  RunForSeconds(3);
  ASSERT_TRUE(removed.has_value());
  EXPECT_TRUE(removed->ok()) << removed->error();
  EXPECT_EQ(log_.membership.Members(), Nodes({1, 2}));
  for (const PartitionInfo& partition : node(1).image->FindTopic("t")->partitions) {
    EXPECT_EQ(partition.replicas.size(), 2u);
  }

  ASSERT_TRUE(
      Wait([&](auto done) { node(2).controller->AddNode(NodeId(3), std::move(done)); }).ok());
  nodes_.erase(3);
  Boot(3);
  RunForSeconds(3);
  EXPECT_TRUE(node(3).controller->registered());
  EXPECT_EQ(log_.membership.voters, Nodes({1, 2, 3}));
  for (const PartitionInfo& partition : node(1).image->FindTopic("t")->partitions) {
    EXPECT_EQ(partition.replicas.size(), 3u) << "filled up";
  }
}

TEST_F(ControllerTest, ANodeThatIsAskedToRemoveItselfAnswersAndEnds) {
  BootThree();
  server::CreateTopic request = Topic("t", 1, 1);
  request.assignment = {Nodes({3, 1})};
  ASSERT_TRUE(CreateTopic(1, request).ok());
  log_.cut_off.insert(NodeId(3));  // once out of group 0, it hears no more of it
  std::optional<Status> removed;
  node(3).controller->RemoveNode(NodeId(3), [&](Status status) { removed = status; });
  RunForSeconds(2);
  EXPECT_FALSE(removed.has_value());
  EXPECT_FALSE(node(3).refused.has_value());
  const PartitionInfo partition = node(1).image->FindTopic("t")->partitions[0];
  node(1).controller->ReportSettled(partition.group, partition.revision, [](const Status&) {});
  RunForSeconds(1);
  ASSERT_TRUE(removed.has_value());
  EXPECT_TRUE(removed->ok()) << removed->error();
  RunForSeconds(6);
  ASSERT_TRUE(node(3).refused.has_value()) << "a removed node must not go on with a stale view";
  EXPECT_EQ(node(1).image->FindNode(NodeId(3)), nullptr);
}

TEST_F(ControllerTest, ANodeThatSeesThatItIsNotInTheClusterAnyMoreEnds) {
  BootThree();
  ASSERT_TRUE(
      Wait([&](auto done) { node(1).controller->RemoveNode(NodeId(3), std::move(done)); }).ok());
  RunForSeconds(1);
  ASSERT_EQ(node(3).image->FindNode(NodeId(3)), nullptr) << "it heard of that, too";
  log_.cut_off.insert(NodeId(3));  // and hears no more
  RunForSeconds(6);
  EXPECT_TRUE(node(3).refused.has_value()) << "it must not go on with a stale view";
}

TEST_F(ControllerTest, ANodeThatIsAddedAgainBeforeItsRemovalEndsItRegistersAnew) {
  BootThree();
  const Uuid disk = node(1).image->FindNode(NodeId(3))->disk_id;
  ASSERT_TRUE(
      Wait([&](auto done) { node(1).controller->RemoveNode(NodeId(3), std::move(done)); }).ok());
  ASSERT_TRUE(
      Wait([&](auto done) { node(1).controller->AddNode(NodeId(3), std::move(done)); }).ok());
  ASSERT_FALSE(node(3).refused.has_value()) << "it is still up";
  RunForSeconds(10);
  EXPECT_FALSE(node(3).refused.has_value()) << *node(3).refused;
  EXPECT_TRUE(node(3).controller->registered());
  EXPECT_EQ(node(1).image->FindNode(NodeId(3))->disk_id, disk) << "nothing is placed without it";
  EXPECT_EQ(log_.membership.voters, Nodes({1, 2, 3}));
}

TEST_F(ControllerTest, ANodeThatNobodyLetsInIsRefusedOnlyWhenThatLasts) {
  BootThree();
  node(3).TakeDown();
  nodes_.erase(3);
  int refusals = 0;
  const auto shut_out = [&](int id) {
    network_.SetHandler(NodeId(id), [&refusals](NodeId, const PeerCall&, auto reply) {
      ++refusals;
      reply(Error{ErrorCode::kPermissionDenied, "node 3 is not a member (any more)"});
    });
  };
  const auto let_in = [&](int id) {
    network_.SetHandler(NodeId(id), [this, id](NodeId from, const PeerCall& call, auto reply) {
      node(id).controller->OnPeerCall(from, call, std::move(reply));
    });
  };
  for (const int id : {1, 2}) shut_out(id);
  Boot(3);
  RunForSeconds(5);
  EXPECT_GT(refusals, 10);
  EXPECT_FALSE(node(3).refused.has_value()) << "they may lag";
  for (const int id : {1, 2}) let_in(id);
  RunForSeconds(1);
  EXPECT_TRUE(node(3).controller->registered());

  node(3).TakeDown();
  nodes_.erase(3);
  for (const int id : {1, 2}) shut_out(id);
  Boot(3);
  RunForSeconds(12);
  EXPECT_TRUE(node(3).refused.has_value());
}

TEST_F(ControllerTest, ADeadNodeThatAPartitionCannotSpareIsNotRemoved) {
  BootThree();
  server::CreateTopic request = Topic("t", 1, 1);
  request.assignment = {Nodes({3})};
  ASSERT_TRUE(CreateTopic(1, request).ok());
  node(3).TakeDown();
  RunForSeconds(5);
  const Status refused =
      Wait([&](auto done) { node(1).controller->RemoveNode(NodeId(3), std::move(done)); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("t/0"), std::string::npos) << refused.error();
  EXPECT_FALSE(node(1).image->FindNode(NodeId(3))->removing);
}

TEST_F(ControllerTest, ARefusedRegistrationStopsTheNode) {
  BootThree();
  nodes_[4] = std::make_unique<TestNode>(4, executor_, network_, log_, ready_);
  node(4).Start();
  RunForSeconds(3);
  ASSERT_TRUE(node(4).refused.has_value());
  EXPECT_EQ(node(4).refused->code, ErrorCode::kPermissionDenied);
  EXPECT_NE(node(4).refused->message.find("jangada node add 4"), std::string::npos);
}

TEST_F(ControllerTest, ANewNodeJoinsOnlyWhenTheLogTookItsDisk) {
  BootThree();
  ASSERT_TRUE(
      Wait([&](auto done) { node(1).controller->AddNode(NodeId(4), std::move(done)); }).ok());
  // Answers say "admitted"; meanwhile the log took another disk for node 4.
  struct Store final : IdentityStore {
    Status SaveFounding(const std::vector<FounderDisk>&) override { return {}; }
    Status SaveCluster(const Uuid& id) override {
      cluster_id = id;
      return {};
    }
    Uuid cluster_id;
  };
  const auto join = [&](const Uuid& disk, Store& store) {
    FakeTransport transport(NodeId(4), network_);
    std::vector<Founder> founders;
    for (const int id : {1, 2, 3}) founders.push_back({NodeId(id), PeerEndpoint(id)});
    const ClusterImagePtr stale = node(1).image;
    for (const int id : {1, 2, 3}) {
      network_.SetHandler(
          NodeId(id), [&, id, stale](NodeId from, const PeerCall& call, auto reply) {
            if (call.method != kFoundingProbe) {
              return node(id).controller->OnPeerCall(from, call, std::move(reply));
            }
            ClusterImage image = *stale;
            image.nodes[NodeId(4)].disk_id = Uuid();
            const auto question = DecodeProbeQuestion(call.payload.view());
            reply(EncodeProbeAnswer(
                AnswerProbe({NodeId(id), DiskOf(id), {}, Uuid()}, founders, &image, *question)));
          });
    }
    std::optional<Result<NodeIdentity>> result;
    FoundingDriver driver(executor_, transport, store, {NodeId(4), disk, {}, Uuid()}, founders);
    driver.Start([&](auto decided) { result = std::move(decided); });
    RunForSeconds(3);
    return result.value_or(Error{ErrorCode::kInternal, "never decided"});
  };
  Store first;
  const auto joined = join(DiskOf(4), first);
  ASSERT_TRUE(joined.ok()) << joined.error();
  EXPECT_EQ(first.cluster_id, node(1).image->cluster_id);
  EXPECT_EQ(node(1).image->FindNode(NodeId(4))->disk_id, DiskOf(4));
  RunForSeconds(2);
  EXPECT_EQ(log_.membership.learners, Nodes({4}));

  Store second;
  const auto refused = join(MakeUuid(99), second);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_TRUE(second.cluster_id.IsZero()) << "nothing is stored of a cluster that refuses it";
}

TEST_F(ControllerTest, ANodeCanRegisterOnlyItself) {
  BootThree();
  request::RegisterNode forged{{}, MakeNode(3)};
  forged.node.grpc.port = 1;
  std::optional<Result<Bytes>> answer;
  network_.Call(NodeId(2), NodeId(1), {"controller.request", request::EncodeRequest(forged)},
                kSecond, [&](auto result) { answer = result; });
  RunForSeconds(1);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->ok());
  EXPECT_EQ(node(1).image->FindNode(NodeId(3))->grpc, MakeNode(3).grpc);
}

}  // namespace
}  // namespace jangada::server
