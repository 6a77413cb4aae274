#include "client/cli/health.h"

#include <gtest/gtest.h>

namespace jangada::client {
namespace {

using Texts = std::vector<std::string>;

ClusterView ClusterOf(const std::map<int32_t, bool>& nodes) {
  ClusterView cluster{.cluster_id = "c", .answered_by = 1, .controller = 1, .nodes = {}};
  for (const auto& [id, live] : nodes) cluster.nodes.push_back({.id = id, .live = live});
  return cluster;
}

ReplicaStateView Whole(int32_t node) {
  return {.node = node, .voter = true, .live = true, .caught_up = true};
}

PartitionStateView Led(std::vector<ReplicaStateView> replicas) {
  return {.where = {"t", 0},
          .leader = 1,
          .leader_epoch = 1,
          .from_leader = true,
          .replicas = std::move(replicas),
          .desired_replicas = {1, 2, 3}};
}

Standing StandingOf(const PartitionStateView& state) { return Examine({state}).front().standing; }
std::string WhyOf(const PartitionStateView& state) { return Examine({state}).front().why; }

const ClusterView kAllLive = ClusterOf({{1, true}, {2, true}, {3, true}});

TEST(Health, APartitionWithAllItsReplicasServes) {
  const auto state = Led({Whole(1), Whole(2), Whole(3)});
  EXPECT_EQ(StandingOf(state), Standing::kServing);
  EXPECT_EQ(WhyOf(state), "");
}

TEST(Health, WhyIsTheNodesSentenceWithoutWhatTheStandingSays) {
  PartitionStateView state = Led({Whole(1), Whole(2)});
  state.health = PartitionHealth::kShortOfReplicas;
  state.why = "Short of replicas: node 3 is dead.";
  EXPECT_EQ(StandingOf(state), Standing::kShortOfReplicas);
  EXPECT_EQ(WhyOf(state), "node 3 is dead");
  state.from_leader = false;
  state.health = PartitionHealth::kWithoutLeader;
  state.why = "No leader: 2 of its 3 replicas are needed to elect one, but node 3 is dead.";
  EXPECT_EQ(StandingOf(state), Standing::kNoLeader);
  EXPECT_EQ(WhyOf(state), "2 of its 3 replicas are needed to elect one, but node 3 is dead");
}

TEST(Health, AFullDiskComesBeforeAMoveAndAMoveBeforeAMissingReplica) {
  PartitionStateView state = Led({Whole(1), Whole(2), Whole(3)});
  state.health = PartitionHealth::kShortOfReplicas;
  state.why = "Short of replicas: node 4 is being added.";
  state.reassigning = true;
  state.desired_replicas = {1, 2, 4};
  EXPECT_EQ(StandingOf(state), Standing::kMoving);
  EXPECT_EQ(WhyOf(state), "replicas change from 1,2,3 to 1,2,4: node 4 is being added");
  state.health = PartitionHealth::kReadOnly;
  EXPECT_EQ(StandingOf(state), Standing::kReadOnly);
}

TEST(Health, NotesOfANodeAreWhatAPersonShouldKnow) {
  EXPECT_EQ(NoteOf({.id = 1, .live = true}), "");
  EXPECT_EQ(
      NoteOf({.id = 1, .live = true, .draining = true, .disk_full = true, .refilling_replicas = 2}),
      "being stopped, disk full: accepts no records, refilling 2 damaged replicas");
}

TEST(WhatIsMissing, NothingIfAllNodesLiveAndAllPartitionsAreLed) {
  EXPECT_EQ(WhatIsMissing(kAllLive, {Led({Whole(1), Whole(2), Whole(3)})}, true), Texts{});
}

TEST(WhatIsMissing, NamesEachThing) {
  ClusterView cluster = ClusterOf({{1, true}, {2, true}, {3, false}});
  cluster.controller = 0;
  cluster.nodes[1].draining = true;
  cluster.nodes[2].grpc_address = "localhost:7092";  // it ran before
  const PartitionStateView leaderless{.where = {"t", 7},
                                      .from_leader = false,
                                      .desired_replicas = {1, 2, 3},
                                      .health = PartitionHealth::kWithoutLeader,
                                      .why = "Its leader, node 2, does not answer."};
  EXPECT_EQ(WhatIsMissing(cluster, {leaderless}, false),
            (Texts{"the controller has no leader", "node 2 is being stopped", "node 3 is down",
                   "partition 7 of t is no-leader (its leader, node 2, does not answer)"}));
}

TEST(WhatIsMissing, ReplicasCountOnlyIfTheyAreAskedFor) {
  PartitionStateView lacking = Led({Whole(1), Whole(2)});
  lacking.health = PartitionHealth::kShortOfReplicas;
  lacking.why = "Short of replicas: node 3 is dead.";
  EXPECT_EQ(WhatIsMissing(kAllLive, {lacking}, false), Texts{});
  EXPECT_EQ(WhatIsMissing(kAllLive, {lacking}, true),
            Texts{"partition 0 of t is short (node 3 is dead)"});
}

}  // namespace
}  // namespace jangada::client
