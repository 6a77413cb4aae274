// Admin over real loopback gRPC: what reaches the broker, what comes back.
#include "server/grpc/admin_service.h"

#include <gmock/gmock.h>

#include "server/log_level.h"
#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST_F(AdminServiceTest, NodesAreDescribedWithWhatTheyToldOfThemselves) {
  node_.broker.SetCondition(NodeId(1), {.disk_free_bytes = 5,
                                        .disk_total_bytes = 50,
                                        .accepts_produce = false,
                                        .draining = true,
                                        .refilling = {GroupId(3), GroupId(4)},
                                        .refilled = 7,
                                        .version = "1.2.3"});
  v1::DescribeClusterResponse response;
  ASSERT_TRUE(Call(&v1::Admin::Stub::DescribeCluster, {}, &response).ok());
  const v1::Node& node = response.nodes(0);
  EXPECT_EQ(node.disk_free_bytes(), 5);
  EXPECT_EQ(node.disk_total_bytes(), 50);
  EXPECT_TRUE(node.disk_full());
  EXPECT_TRUE(node.draining());
  EXPECT_EQ(node.refilling_replicas(), 2);
  EXPECT_EQ(node.refilled_replicas(), 7);
  EXPECT_EQ(node.version(), "1.2.3");
}

TEST_F(AdminServiceTest, TheLogLevelOfTheNodeIsToldAndChanged) {
  const std::string before = LogLevel();
  v1::SetLogLevelRequest request;
  request.set_level("debug");
  v1::SetLogLevelResponse set;
  ASSERT_TRUE(Call(&v1::Admin::Stub::SetLogLevel, request, &set).ok());
  EXPECT_EQ(set.previous_level(), before);
  v1::GetLogLevelResponse got;
  ASSERT_TRUE(Call(&v1::Admin::Stub::GetLogLevel, {}, &got).ok());
  EXPECT_EQ(got.level(), "debug");
  EXPECT_EQ(got.node_id(), 1);

  request.set_level("loud");
  const grpc::Status refused = Call(&v1::Admin::Stub::SetLogLevel, request, &set);
  EXPECT_EQ(Detail(refused).code(), "INVALID_ARGUMENT");
  EXPECT_THAT(refused.error_message(), HasSubstr("trace, debug, info, warn, error"));
  EXPECT_EQ(LogLevel(), "debug");
  ASSERT_TRUE(SetLogLevel(before).ok());
}

TEST_F(AdminServiceTest, TheOptionsOfTheNodeAreDescribedInTheirOrder) {
  TestNode& other = StartNode(
      2, {.config = {{.key = "z", .value = "1", .default_value = "2", .unit = "ms", .help = "Zs."},
                     {.key = "a", .value = "", .default_value = "", .unit = "path", .help = ""}}});
  v1::DescribeConfigResponse response;
  ASSERT_TRUE(other.admin->DescribeConfig(Context().get(), {}, &response).ok());
  EXPECT_EQ(response.node_id(), 2);
  ASSERT_EQ(response.options_size(), 2);
  EXPECT_EQ(response.options(0).key(), "z");
  EXPECT_EQ(response.options(0).value(), "1");
  EXPECT_EQ(response.options(0).default_value(), "2");
  EXPECT_EQ(response.options(0).unit(), "ms");
  EXPECT_EQ(response.options(0).help(), "Zs.");
  EXPECT_EQ(response.options(1).key(), "a");
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
  EXPECT_EQ(led.health(), v1::PARTITION_SHORT_OF_REPLICAS);
  ASSERT_EQ(led.problems_size(), 1);
  EXPECT_EQ(led.problems(0).condition(), v1::REPLICA_NODE_UNKNOWN);
  EXPECT_EQ(led.why(), "Short of replicas: node 9 is none of the cluster's nodes.");
  const auto& orphan = response.partitions(1);
  EXPECT_FALSE(orphan.from_leader());
  EXPECT_EQ(orphan.leader_node_id(), 0);
  EXPECT_EQ(orphan.partition(), 1);
  ASSERT_EQ(orphan.desired_replicas_size(), 1);
  EXPECT_EQ(orphan.health(), v1::PARTITION_WITHOUT_LEADER);
  EXPECT_THAT(orphan.why(), HasSubstr("an election must be under way"));

  request.add_topics("missing");
  EXPECT_EQ(Detail(Call(&v1::Admin::Stub::DescribePartitions, request, &response)).code(),
            "UNKNOWN_TOPIC");
}

}  // namespace
}  // namespace jangada::server::testing
