// What is said of a partition that is not whole: for each kind of trouble the verdict and the
// sentence.
#include "server/grpc/partition_health.h"

#include <gtest/gtest.h>

namespace jangada::server::grpc_door {
namespace {

/// A partition of three replicas, on nodes 1 (its leader), 2 and 3, all whole.
class PartitionHealthTest : public testing::Test {
 protected:
  PartitionHealthTest() {
    view_.where = {"t", 0};
    view_.group = GroupId(7);
    view_.desired_replicas = {NodeId(1), NodeId(2), NodeId(3)};
    view_.leader = NodeId(1);
    view_.from_leader = true;
    for (const NodeId node : view_.desired_replicas) {
      image_.nodes[node] = {.id = node};
      nodes_[node] = {.live = true};
      view_.replicas.push_back(
          {.node = node, .voter = true, .live = true, .caught_up = true, .match_index = 100});
    }
  }

  void LoseLeader() {
    view_.from_leader = false;
    view_.leader.reset();
    view_.replicas.clear();
  }

  PartitionVerdict Judge() const { return JudgePartition(view_, image_, nodes_); }

  void Expect(v1::PartitionHealth health, const std::string& why) const {
    const PartitionVerdict verdict = Judge();
    EXPECT_EQ(verdict.health, health);
    EXPECT_EQ(verdict.why, why);
  }

  PartitionView view_;
  ClusterImage image_;
  std::map<NodeId, NodeView> nodes_;
};

TEST_F(PartitionHealthTest, AWholePartitionIsHealthyAndNeedsNoSentence) {
  Expect(v1::PARTITION_HEALTHY, "");
  EXPECT_TRUE(Judge().problems.empty());
}

TEST_F(PartitionHealthTest, ADeadNodeIsNamed) {
  nodes_[NodeId(3)].live = false;
  Expect(v1::PARTITION_SHORT_OF_REPLICAS, "Short of replicas: node 3 is dead.");
  EXPECT_EQ(Judge().problems.front().condition, v1::REPLICA_NODE_DEAD);
  nodes_.erase(NodeId(3));
  Expect(v1::PARTITION_SHORT_OF_REPLICAS, "Short of replicas: node 3 is dead.");
}

TEST_F(PartitionHealthTest, EveryTroubleIsNamedInTheReplicasOrder) {
  nodes_[NodeId(2)].condition.refilling = {GroupId(6), GroupId(7)};
  view_.replicas[2].caught_up = false;
  view_.replicas[2].match_index = 58;
  Expect(v1::PARTITION_SHORT_OF_REPLICAS,
         "Short of replicas: node 2's copy was damaged and is being refilled, node 3 is catching "
         "up, 42 entries behind.");
  EXPECT_EQ(Judge().problems[1].lag_entries, 42u);
}

TEST_F(PartitionHealthTest, ARefillOfAnotherGroupIsNoneOfThisOne) {
  nodes_[NodeId(2)].condition.refilling = {GroupId(8)};
  Expect(v1::PARTITION_HEALTHY, "");
}

TEST_F(PartitionHealthTest, AReplicaThatIsNoVoterYetIsBeingAdded) {
  view_.replicas[1].voter = false;
  Expect(v1::PARTITION_SHORT_OF_REPLICAS, "Short of replicas: node 2 is being added.");
  view_.replicas.erase(view_.replicas.begin() + 1);
  Expect(v1::PARTITION_SHORT_OF_REPLICAS, "Short of replicas: node 2 is being added.");
}

TEST_F(PartitionHealthTest, AReplicaThatLeavesIsNoTrouble) {
  view_.desired_replicas.pop_back();
  view_.replicas[2].caught_up = false;
  Expect(v1::PARTITION_HEALTHY, "");
}

TEST_F(PartitionHealthTest, ALiveNodeWhoseReplicaIsNotHeardIsSaidSo) {
  view_.replicas[1].live = false;
  view_.replicas[1].caught_up = false;
  Expect(v1::PARTITION_SHORT_OF_REPLICAS,
         "Short of replicas: node 2's replica does not answer its leader.");
}

TEST_F(PartitionHealthTest, AFullDiskUnderTheLeaderRefusesRecords) {
  nodes_[NodeId(1)].condition.accepts_produce = false;
  Expect(v1::PARTITION_READ_ONLY, "Records are refused: node 1's disk is full.");
}

TEST_F(PartitionHealthTest, AFullDiskUnderAFollowerMattersOnlyWhereItIsBehind) {
  nodes_[NodeId(2)].condition.accepts_produce = false;
  Expect(v1::PARTITION_HEALTHY, "");
  view_.replicas[1].caught_up = false;
  Expect(v1::PARTITION_SHORT_OF_REPLICAS, "Short of replicas: node 2's disk is full.");
}

TEST_F(PartitionHealthTest, WithoutAMajorityOfLiveReplicasNobodyCanLead) {
  LoseLeader();
  nodes_[NodeId(1)].live = false;
  nodes_[NodeId(3)].condition.refilling = {GroupId(7)};
  Expect(v1::PARTITION_WITHOUT_LEADER,
         "No leader: 2 of its 3 replicas are needed to elect one, but node 1 is dead, node 3's "
         "copy was damaged and is being refilled.");
}

TEST_F(PartitionHealthTest, WithAMajorityAnElectionMustBeUnderWay) {
  LoseLeader();
  nodes_[NodeId(1)].live = false;
  Expect(v1::PARTITION_WITHOUT_LEADER,
         "No leader: enough of its replicas live, so an election must be under way (besides, node "
         "1 is dead); ask again in a moment.");
}

TEST_F(PartitionHealthTest, AFullDiskDoesNotHinderAnElection) {
  LoseLeader();
  for (auto& [id, node] : nodes_) node.condition.accepts_produce = false;
  EXPECT_NE(Judge().why.find("an election must be under way"), std::string::npos) << Judge().why;
}

TEST_F(PartitionHealthTest, ALeaderThatLivesAndDoesNotAnswerIsNamed) {
  view_.from_leader = false;
  view_.replicas.clear();
  view_.leader = NodeId(2);
  Expect(v1::PARTITION_WITHOUT_LEADER, "Its leader, node 2, does not answer.");
}

TEST_F(PartitionHealthTest, ANodeThatTheClusterDoesNotHaveIsSaidSo) {
  image_.nodes.erase(NodeId(2));
  Expect(v1::PARTITION_SHORT_OF_REPLICAS,
         "Short of replicas: node 2 is none of the cluster's nodes.");
}

}  // namespace
}  // namespace jangada::server::grpc_door
