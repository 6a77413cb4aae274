// Placement: properties over many clusters, and the plans for nodes that go and come.
#include "server/controller/placement.h"

#include <set>

#include "fakes.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

struct Spread {
  std::map<NodeId, int> replicas;
  std::map<NodeId, int> leaders;
};

Spread Count(const std::vector<std::vector<NodeId>>& placed) {
  Spread spread;
  for (const auto& replicas : placed) {
    ++spread.leaders[replicas.front()];
    for (const NodeId node : replicas) ++spread.replicas[node];
  }
  return spread;
}

int Range(const std::map<NodeId, int>& counts, const std::vector<Candidate>& candidates) {
  int low = 1 << 30;
  int high = 0;
  for (const Candidate& candidate : candidates) {
    auto it = counts.find(candidate.node);
    const int count = it == counts.end() ? 0 : it->second;
    low = std::min(low, count);
    high = std::max(high, count);
  }
  return high - low;
}

ClusterImage ClusterOf(int nodes, int racks) {
  ClusterImage image;
  std::vector<FounderDisk> founders;
  for (int id = 1; id <= nodes; ++id) {
    founders.push_back({NodeId(id), PeerEndpoint(id), DiskOf(id)});
  }
  MustFold(record::FoundCluster{MakeUuid(7), founders}, &image);
  for (int id = 1; id <= nodes; ++id) {
    const std::string rack = racks == 0 ? "" : "rack-" + std::to_string(id % racks);
    MustFold(record::RegisterNode{MakeNode(id, rack)}, &image);
  }
  return image;
}

std::vector<Candidate> AllOf(const ClusterImage& image) {
  std::vector<NodeId> fit;
  for (const auto& [id, node] : image.nodes) fit.push_back(id);
  return Candidates(image, fit);
}

TEST(Placement, WithoutRacksReplicasAndLeadersAreLevelInEveryShapeOfCluster) {
  for (int nodes = 1; nodes <= 9; ++nodes) {
    const ClusterImage image = ClusterOf(nodes, 0);
    for (int replicas = 1; replicas <= std::min(nodes, 5); ++replicas) {
      for (const int partitions : {1, 2, 3, 6, 7, 12, 50}) {
        SCOPED_TRACE(testing::Message() << nodes << " nodes, " << partitions << " partitions, "
                                        << replicas << " replicas");
        const auto placed = PlacePartitions(image, AllOf(image), partitions, replicas);
        ASSERT_TRUE(placed.ok()) << placed.error();
        ASSERT_EQ(placed->size(), static_cast<size_t>(partitions));
        for (const auto& list : *placed) {
          EXPECT_EQ(list.size(), static_cast<size_t>(replicas));
          EXPECT_EQ(std::set<NodeId>(list.begin(), list.end()).size(), list.size());
        }
        const Spread spread = Count(*placed);
        EXPECT_LE(Range(spread.replicas, AllOf(image)), 1);
        EXPECT_LE(Range(spread.leaders, AllOf(image)), 2);
      }
    }
  }
}

TEST(Placement, SixPartitionsOnThreeNodesGiveEachTwoLeaders) {
  const ClusterImage image = ClusterOf(3, 0);
  const auto placed = PlacePartitions(image, AllOf(image), 6, 3);
  ASSERT_TRUE(placed.ok());
  EXPECT_EQ(Range(Count(*placed).leaders, AllOf(image)), 0);
}

TEST(Placement, ReplicasStandOnAsManyRacksAsThereAre) {
  for (int racks = 1; racks <= 4; ++racks) {
    const ClusterImage image = ClusterOf(8, racks);
    for (int replicas = 1; replicas <= 4; ++replicas) {
      const auto placed = PlacePartitions(image, AllOf(image), 24, replicas);
      ASSERT_TRUE(placed.ok());
      for (const auto& list : *placed) {
        std::set<std::string> used;
        for (const NodeId node : list) used.insert(image.FindNode(node)->rack);
        EXPECT_EQ(used.size(), static_cast<size_t>(std::min(racks, replicas)));
      }
    }
  }
}

TEST(Placement, LaterTopicsEvenOutWhatEarlierOnesDid) {
  ClusterImage image = ClusterOf(5, 0);
  for (int i = 0; i < 40; ++i) {  // many small topics
    auto placed = PlacePartitions(image, AllOf(image), 1, 3);
    ASSERT_TRUE(placed.ok());
    MustFold(MakeTopic("t" + std::to_string(i), *std::move(placed)), &image);
  }
  std::vector<std::vector<NodeId>> all;
  for (const auto& [name, topic] : image.topics) all.push_back(topic->partitions[0].replicas);
  EXPECT_LE(Range(Count(all).replicas, AllOf(image)), 1);
  EXPECT_LE(Range(Count(all).leaders, AllOf(image)), 2);
}

TEST(Placement, ADeadNodesPartitionsSpreadOverAllOthers) {
  const ClusterImage image = ClusterOf(6, 0);
  const auto placed = PlacePartitions(image, AllOf(image), 60, 2);
  ASSERT_TRUE(placed.ok());
  std::set<NodeId> partners;
  for (const auto& list : *placed) {
    if (list[0] == NodeId(1)) partners.insert(list[1]);
    if (list[1] == NodeId(1)) partners.insert(list[0]);
  }
  EXPECT_EQ(partners.size(), 5u);
}

TEST(Placement, RefusesWhatCannotBePlaced) {
  const ClusterImage image = ClusterOf(2, 0);
  for (const auto& [partitions, replicas] : {std::pair(1, 3), {0, 1}, {-1, 1}, {1, 0}}) {
    const auto placed = PlacePartitions(image, AllOf(image), partitions, replicas);
    ASSERT_FALSE(placed.ok());
    EXPECT_EQ(placed.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(Placement, CandidatesAreRegisteredFitAndStay) {
  ClusterImage image = ClusterOf(3, 0);
  MustFold(record::AdmitNode{NodeId(4)}, &image);
  MustFold(record::RemoveNode{NodeId(2)}, &image);
  const auto candidates = Candidates(image, Nodes({1, 2, 4}));
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_EQ(candidates[0].node, NodeId(1));
}

TEST(Placement, ARemovedNodeIsReplacedWhereAnotherIsFree) {
  ClusterImage image = ClusterOf(4, 0);
  MustFold(MakeTopic("t", {Nodes({1, 2, 3}), Nodes({2, 3, 4}), Nodes({3, 1, 4})}), &image);
  MustFold(record::RemoveNode{NodeId(3)}, &image);
  const auto changes = PlanRemoval(image, AllOf(image), NodeId(3), 100);
  MustFold(record::ChangeReplicas{changes}, &image);
  for (const PartitionInfo& partition : image.FindTopic("t")->partitions) {
    const std::set<NodeId> replicas(partition.replicas.begin(), partition.replicas.end());
    EXPECT_EQ(replicas, (std::set<NodeId>{NodeId(1), NodeId(2), NodeId(4)}));
  }
}

TEST(Placement, ARemovedNodeJustGoesWhereNoOtherIsFree) {
  ClusterImage image = ClusterOf(3, 0);
  MustFold(MakeTopic("t", {Nodes({1, 2, 3}), Nodes({3, 1, 2})}), &image);
  MustFold(MakeTopic("alone", {Nodes({3})}), &image);
  MustFold(record::RemoveNode{NodeId(3)}, &image);
  MustFold(record::ChangeReplicas{PlanRemoval(image, AllOf(image), NodeId(3), 100)}, &image);
  EXPECT_EQ(image.FindTopic("t")->partitions[0].replicas, Nodes({1, 2}));
  EXPECT_EQ(image.FindTopic("t")->partitions[1].replicas.size(), 2u);
  EXPECT_NE(image.FindTopic("alone")->partitions[0].replicas, Nodes({3}));
  // A partition whose only replica has nowhere to go keeps it.
  const auto stuck = PlanRemoval(image, {}, image.FindTopic("alone")->partitions[0].replicas[0], 9);
  for (const record::ReplicaChange& change : stuck) EXPECT_FALSE(change.replicas.empty());
}

TEST(Placement, FillsUpOnlyWithNodesThatAreNotLeaving) {
  ClusterImage image = ClusterOf(3, 0);
  MustFold(MakeTopic("t", {Nodes({1, 2, 3})}), &image);
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({1, 2})}}}, &image);
  EXPECT_TRUE(PlanFillUp(image, AllOf(image), 100).empty()) << "3 has not left yet";
  MustFold(record::SettleReplicas{GroupId(1), 2}, &image);
  const auto changes = PlanFillUp(image, AllOf(image), 100);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].replicas, Nodes({1, 2, 3}));
  EXPECT_EQ(changes[0].revision, 2u);
  MustFold(record::ChangeReplicas{changes}, &image);
  EXPECT_TRUE(PlanFillUp(image, AllOf(image), 100).empty());
}

TEST(Placement, ANodeThatFillsUpGetsItsShareOfLeaderships) {
  ClusterImage image = ClusterOf(3, 0);
  auto placed = PlacePartitions(image, AllOf(image), 6, 3);
  ASSERT_TRUE(placed.ok());
  MustFold(MakeTopic("t", *std::move(placed)), &image);
  MustFold(record::RemoveNode{NodeId(3)}, &image);
  MustFold(record::ChangeReplicas{PlanRemoval(image, AllOf(image), NodeId(3), 100)}, &image);
  for (uint64_t group = 1; group <= 6; ++group) {
    MustFold(record::SettleReplicas{GroupId(group), 2}, &image);
  }
  MustFold(record::ForgetNode{NodeId(3)}, &image);
  MustFold(record::AdmitNode{NodeId(3)}, &image);
  MustFold(record::RegisterNode{MakeNode(3)}, &image);
  MustFold(record::ChangeReplicas{PlanFillUp(image, AllOf(image), 100)}, &image);
  std::vector<std::vector<NodeId>> lists;
  for (const auto& partition : image.FindTopic("t")->partitions) {
    lists.push_back(partition.replicas);
  }
  EXPECT_LE(Range(Count(lists).leaders, AllOf(image)), 1);
}

TEST(Placement, PlansStayWithinTheirBound) {
  ClusterImage image = ClusterOf(3, 0);
  std::vector<std::vector<NodeId>> many(50, Nodes({1, 2}));
  MustFold(MakeTopic("t", many), &image);
  EXPECT_EQ(PlanRemoval(image, AllOf(image), NodeId(2), 20).size(), 20u);
}

TEST(Placement, ControllerSeatsAreOddAndAtMostFive) {
  const std::map<int, size_t> voters_of = {{1, 1}, {2, 1}, {3, 3}, {4, 3}, {5, 5}, {6, 5}, {9, 5}};
  for (const auto& [nodes, voters] : voters_of) {
    const ClusterImage image = ClusterOf(nodes, 0);
    std::vector<NodeId> fit;
    for (int id = 1; id <= nodes; ++id) fit.emplace_back(id);
    const ControllerSeats seats = SeatController(image, Nodes({1}), fit);
    EXPECT_EQ(seats.voters.size(), voters) << nodes << " nodes";
    EXPECT_EQ(seats.voters.size() + seats.learners.size(), static_cast<size_t>(nodes));
  }
}

TEST(Placement, ControllerVotersStayAndARemovedOneIsReplaced) {
  ClusterImage image = ClusterOf(4, 0);
  const auto all = Nodes({1, 2, 3, 4});
  EXPECT_EQ(SeatController(image, Nodes({2, 3, 4}), all).voters, Nodes({2, 3, 4}));
  MustFold(record::RemoveNode{NodeId(3)}, &image);
  EXPECT_EQ(SeatController(image, Nodes({2, 3, 4}), all).voters, Nodes({1, 2, 4}));
  EXPECT_EQ(SeatController(image, Nodes({2, 3, 4}), Nodes({2, 4})).voters, Nodes({2, 4}))
      << "a node that is down becomes no voter";
}

TEST(Placement, ARemovedNodeLearnsWhileItHoldsPartitions) {
  ClusterImage image = ClusterOf(4, 0);
  MustFold(MakeTopic("t", {Nodes({4, 1})}), &image);
  MustFold(record::RemoveNode{NodeId(4)}, &image);
  const auto all = Nodes({1, 2, 3, 4});
  EXPECT_EQ(SeatController(image, Nodes({1, 2, 3}), all).learners, Nodes({4}));
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({1, 2})}}}, &image);
  EXPECT_EQ(SeatController(image, Nodes({1, 2, 3}), all).learners, Nodes({4})) << "still leaving";
  MustFold(record::SettleReplicas{GroupId(1), 2}, &image);
  EXPECT_TRUE(SeatController(image, Nodes({1, 2, 3}), all).learners.empty());
}

}  // namespace
}  // namespace jangada::server
