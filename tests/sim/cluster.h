// Cluster: everything of one run that is not its clients: the world, the wires, the nodes, the
// checker that watches them, the door for clients. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/door.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/raft_checker.h"
#include "tests/sim/reached.h"
#include "tests/sim/rule_checker.h"
#include "tests/sim/swarm.h"
#include "tests/sim/world.h"

namespace jangada::sim {

class Cluster final : public SimNode::Observer {
 public:
  Cluster(World& world, const Swarm& swarm, Judge& judge, Reached& reached);
  ~Cluster() override;

  World& world() { return world_; }
  SimNetwork& network() { return network_; }
  RaftChecker& checker() { return checker_; }
  ClientDoor& door() { return door_; }
  Reached& reached() { return reached_; }

  SimNode& node(NodeId id) { return *nodes_.at(static_cast<size_t>(id.value()) - 1); }
  std::vector<NodeId> ids() const;
  std::vector<NodeId> Up() const;

  /// The node that is ready to lead the group, of the highest term; nullopt: none.
  std::optional<NodeId> LeaderOf(GroupId group);
  /// The image of the node that knows most; never nullptr.
  server::ClusterImagePtr Image();
  /// Who votes in the group, if it is led and no change of that is under way; sorted.
  std::optional<std::vector<NodeId>> VotersOf(GroupId group);
  /// Why the replicas of the nodes that are up are not all alike and at rest; empty: they are.
  std::string WhyNotConverged();
  /// One line a node.
  std::string Describe(GroupId group);

  // ---- SimNode::Observer: all go to the checkers; the door hears of processes that end ----
  void OnSend(NodeId from, GroupId group, const raft::Message& message) override {
    checker_.OnSend(from, group, message);
    rules_.OnSend(node(from), group, message);
  }
  void AfterTurn(SimNode& node) override {
    checker_.AfterTurn(node);
    rules_.AfterTurn(node, checker_.Groups());
  }
  void OnStarted(SimNode& node) override { checker_.OnStarted(node); }
  void OnEnding(SimNode& node) override;

 private:
  World& world_;
  Reached& reached_;
  SimNetwork network_;
  RaftChecker checker_;
  RuleChecker rules_;
  ClientDoor door_;
  std::vector<std::unique_ptr<SimNode>> nodes_;  // first to go: their ends are told to the others
};

}  // namespace jangada::sim
