// Admin over real loopback gRPC: what reaches the broker, what comes back.
#include "server/grpc/admin_service.h"

#include <gmock/gmock.h>

#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

using ::testing::ElementsAre;

class AdminServiceTest : public DoorTest {
 protected:
  AdminServiceTest() : node_(StartNode(1)) { cluster_.AddTopic("t", 2, NodeId(1)); }

  template <class Request, class Response>
  grpc::Status Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                    const Request& request, Response* response) {
    return (node_.admin.get()->*method)(Context().get(), request, response);
  }

  TestNode& node_;
};

TEST_F(AdminServiceTest, CreateTopicPassesEverythingOn) {
  v1::CreateTopicRequest request;
  request.set_name("new");
  request.set_partitions(6);
  request.set_replication_factor(3);
  (*request.mutable_configs())["retention.ms"] = "1000";
  v1::CreateTopicResponse response;
  ASSERT_TRUE(Call(&v1::Admin::Stub::CreateTopic, request, &response).ok());
  EXPECT_EQ(response.topic_id().size(), 36u);
  EXPECT_THAT(node_.broker.admin_calls(), ElementsAre("CreateTopic new 6x3 retention.ms=1000"));
}

TEST_F(AdminServiceTest, CreateTopicWithoutNumbersFitsTheCluster) {
  v1::CreateTopicRequest request;
  request.set_name("new");
  v1::CreateTopicResponse response;
  ASSERT_TRUE(Call(&v1::Admin::Stub::CreateTopic, request, &response).ok());
  StartNode(2);
  StartNode(3);
  StartNode(4);
  request.set_name("newer");
  ASSERT_TRUE(Call(&v1::Admin::Stub::CreateTopic, request, &response).ok());
  EXPECT_THAT(node_.broker.admin_calls(),
              ElementsAre("CreateTopic new 1x1", "CreateTopic newer 1x3"));
}

TEST_F(AdminServiceTest, WrongArgumentsNeverReachTheBroker) {
  v1::CreateTopicRequest create;
  create.set_name("no spaces please");
  v1::CreateTopicResponse created;
  const grpc::Status status = Call(&v1::Admin::Stub::CreateTopic, create, &created);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Detail(status).code(), "INVALID_ARGUMENT");
  v1::CreatePartitionsRequest grow;
  grow.set_topic("t");
  v1::CreatePartitionsResponse grown;
  EXPECT_FALSE(Call(&v1::Admin::Stub::CreatePartitions, grow, &grown).ok());
  v1::RemoveNodeRequest remove;
  v1::RemoveNodeResponse removed;
  EXPECT_FALSE(Call(&v1::Admin::Stub::RemoveNode, remove, &removed).ok());
  v1::MovePartitionRequest move;
  move.set_topic("t");
  v1::MovePartitionResponse moved;
  EXPECT_FALSE(Call(&v1::Admin::Stub::MovePartition, move, &moved).ok());
  EXPECT_TRUE(node_.broker.admin_calls().empty());
}

TEST_F(AdminServiceTest, ChangesReachTheBrokerAsAsked) {
  v1::DeleteTopicRequest erase;
  erase.set_name("t");
  v1::DeleteTopicResponse erased;
  EXPECT_TRUE(Call(&v1::Admin::Stub::DeleteTopic, erase, &erased).ok());
  v1::AlterTopicConfigsRequest alter;
  alter.set_topic("t");
  (*alter.mutable_set())["retention.bytes"] = "7";
  alter.add_reset("retention.ms");
  v1::AlterTopicConfigsResponse altered;
  EXPECT_TRUE(Call(&v1::Admin::Stub::AlterTopicConfigs, alter, &altered).ok());
  v1::CreatePartitionsRequest grow;
  grow.set_topic("t");
  grow.set_total(9);
  v1::CreatePartitionsResponse grown;
  EXPECT_TRUE(Call(&v1::Admin::Stub::CreatePartitions, grow, &grown).ok());
  v1::MovePartitionRequest move;
  move.set_topic("t");
  move.set_partition(1);
  move.add_replicas(3);
  move.add_replicas(1);
  v1::MovePartitionResponse moved;
  EXPECT_TRUE(Call(&v1::Admin::Stub::MovePartition, move, &moved).ok());
  v1::AddNodeRequest add;
  add.set_node_id(4);
  v1::AddNodeResponse added;
  EXPECT_TRUE(Call(&v1::Admin::Stub::AddNode, add, &added).ok());
  v1::RemoveNodeRequest remove;
  remove.set_node_id(2);
  v1::RemoveNodeResponse removed;
  EXPECT_TRUE(Call(&v1::Admin::Stub::RemoveNode, remove, &removed).ok());
  EXPECT_THAT(
      node_.broker.admin_calls(),
      ElementsAre("DeleteTopic t", "AlterTopicConfigs t retention.bytes=7 retention.ms=(default)",
                  "CreatePartitions t 9", "MovePartition t/1 3 1", "AddNode 4", "RemoveNode 2"));
}

TEST_F(AdminServiceTest, ErrorsOfTheControllerCarryTheirDetail) {
  node_.broker.FailAdmin(Error{ErrorCode::kAlreadyExists, "Topic \"t\" exists already."});
  v1::CreateTopicRequest request;
  request.set_name("t");
  v1::CreateTopicResponse response;
  const grpc::Status status = Call(&v1::Admin::Stub::CreateTopic, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(status.error_message(), "Topic \"t\" exists already.");
  EXPECT_EQ(Detail(status).code(), "ALREADY_EXISTS");
}

TEST_F(AdminServiceTest, TopicsAreListedAndDescribedWithTheirLeaders) {
  cluster_.AddTopic("a", 1, NodeId(1));
  cluster_.SetLeader({"t", 1}, std::nullopt);
  v1::ListTopicsResponse listed;
  ASSERT_TRUE(Call(&v1::Admin::Stub::ListTopics, {}, &listed).ok());
  ASSERT_EQ(listed.topics_size(), 2);
  EXPECT_EQ(listed.topics(0).name(), "a");
  EXPECT_EQ(listed.topics(1).partitions(), 2);

  v1::DescribeTopicsRequest request;
  request.add_names("t");
  v1::DescribeTopicsResponse described;
  ASSERT_TRUE(Call(&v1::Admin::Stub::DescribeTopics, request, &described).ok());
  ASSERT_EQ(described.topics_size(), 1);
  EXPECT_EQ(described.topics(0).partitions(0).leader_node_id(), 1);
  EXPECT_EQ(described.topics(0).partitions(1).leader_node_id(), 0);
  ASSERT_EQ(described.nodes_size(), 1);
  EXPECT_EQ(described.nodes(0).grpc_address(), "127.0.0.1:" + std::to_string(node_.server->port()));

  request.add_names("missing");
  EXPECT_EQ(Detail(Call(&v1::Admin::Stub::DescribeTopics, request, &described)).code(),
            "UNKNOWN_TOPIC");
}

TEST_F(AdminServiceTest, ClusterIsDescribedWithWhoLives) {
  StartNode(2);
  node_.broker.SetDead(NodeId(2));
  v1::DescribeClusterResponse response;
  ASSERT_TRUE(Call(&v1::Admin::Stub::DescribeCluster, {}, &response).ok());
  EXPECT_EQ(response.cluster_id().size(), 36u);
  EXPECT_EQ(response.node_id(), 1);
  EXPECT_EQ(response.controller_node_id(), 1);
  ASSERT_EQ(response.nodes_size(), 2);
  EXPECT_TRUE(response.nodes(0).live());
  EXPECT_FALSE(response.nodes(1).live());
  EXPECT_EQ(response.nodes(1).rack(), "rack-2");
  EXPECT_EQ(response.nodes(1).kafka_address(), "");
}

TEST_F(AdminServiceTest, PartitionsAreDescribedByTheirLeadersOrAsFarAsKnown) {
  StartNode(2);
  cluster_.SetLeader({"t", 0}, NodeId(2));
  cluster_.SetLeader({"t", 1}, std::nullopt);
  v1::DescribePartitionsRequest request;
  request.add_topics("t");
  request.set_max_wait_ms(200);
  v1::DescribePartitionsResponse response;
  ASSERT_TRUE(Call(&v1::Admin::Stub::DescribePartitions, request, &response).ok());
  ASSERT_EQ(response.partitions_size(), 2);
  const auto& led = response.partitions(0);
  EXPECT_TRUE(led.from_leader());
  EXPECT_EQ(led.leader_node_id(), 2);
  ASSERT_EQ(led.replicas_size(), 2);
  EXPECT_EQ(led.replicas(0).lag_entries(), 0u);
  EXPECT_EQ(led.replicas(1).lag_entries(), 7u);
  EXPECT_FALSE(led.replicas(1).live());
  const auto& orphan = response.partitions(1);
  EXPECT_FALSE(orphan.from_leader());
  EXPECT_EQ(orphan.leader_node_id(), 0);
  EXPECT_EQ(orphan.partition(), 1);
  ASSERT_EQ(orphan.desired_replicas_size(), 1);

  request.add_topics("missing");
  EXPECT_EQ(Detail(Call(&v1::Admin::Stub::DescribePartitions, request, &response)).code(),
            "UNKNOWN_TOPIC");
}

}  // namespace
}  // namespace jangada::server::testing
