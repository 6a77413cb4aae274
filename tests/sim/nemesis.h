// Nemesis: carries out the faults of a swarm when they are due, takes them back when they end, and
// heals everything. Where a fault strikes it chooses then, from the fault's own random number, with
// a liking for leaders. It knows what must stay true for an acknowledged record to be safe at all:
// of each entry a good copy survives. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/disk_replacement.h"
#include "tests/sim/door.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/raft_checker.h"
#include "tests/sim/reached.h"
#include "tests/sim/swarm.h"
#include "tests/sim/world.h"

namespace jangada::sim {

class Nemesis {
 public:
  Nemesis(Cluster& cluster, const Swarm& swarm);

  /// All faults of the swarm but those in `without` (their ids).
  void Start(const std::set<int>& without);
  /// No more faults; what is broken is mended, and all nodes run but those in `dead`.
  void HealAllBut(const std::set<NodeId>& dead);
  bool IsOver() const { return over_; }
  /// Of repairs that go on after all is over: what is not done yet; empty: nothing is left.
  std::string Unfinished() const { return replacement_.Describe(); }
  /// A node that is down, or about to be, and is none of those that stay dead; empty: none is.
  std::string WhoIsDown() const;

  /// How many faults of each kind struck, and which ids.
  const std::array<uint64_t, kFaultKinds>& struck() const { return struck_; }
  const std::vector<int>& struck_ids() const { return struck_ids_; }
  /// Up to where somebody asked for records to be deleted.
  const std::map<server::TopicPartition, int64_t>& trims() const { return trims_; }

  /// Keeps nodes running that ended themselves, until all is over (and after).
  void Revive();

 private:
  void Strike(const Fault& fault);
  void Note(const Fault& fault);
  bool StrikeProcess(const Fault& fault, Random random);
  bool StrikeNetwork(const Fault& fault, Random random);
  bool StrikeDisk(const Fault& fault, Random random);
  bool Damage(const Fault& fault, NodeId victim, Random random);
  bool StrikeCluster(const Fault& fault, Random random);
  bool StrikePartition(FaultKind kind, Random random);
  void ChurnTopics(Random random);
  void AlterConfigs(Random random);
  /// A call whose fate only `reached` counts, where it was done.
  void AskAdmin(NodeId at, std::function<void(server::Broker&, Callback<Status>)> ask,
                std::optional<Rare> reached = std::nullopt);
  NodeId Victim(Random& random) const;
  /// May one more node lose what it had synced?
  bool MayDamage(NodeId node) const;
  void Lurk(const Fault& fault);
  const Fault* TakeAmbush();
  void OnMembership(NodeId leader, const raft::Membership& to);
  void OnInstalled(GroupId group);
  void HealBetween(const std::vector<NodeId>& nodes);
  /// Undoes `fault` after its time, unless all was healed before.
  void Later(const Fault& fault, std::function<void()> undo);
  void StartLater(const Fault& fault, NodeId node);
  void StartNode(NodeId node);
  void CutFor(const std::vector<std::pair<NodeId, NodeId>>& links, const Fault& fault);
  std::vector<std::pair<NodeId, NodeId>> LinksToCut(FaultKind kind, Random random) const;

  Cluster& cluster_;
  const Swarm& swarm_;
  DiskReplacement replacement_;
  bool over_ = false;
  /// Lie in wait for a leader that begins to change its group's membership.
  std::vector<const Fault*> ambushes_;
  std::set<NodeId> dead_;                            // stay down until the end
  std::set<NodeId> down_;                            // by a fault that is to be taken back
  std::map<std::pair<NodeId, NodeId>, int> cuts_;    // how many faults cut the link
  std::map<server::TopicPartition, int64_t> trims_;  // the furthest that was asked for
  std::array<uint64_t, kFaultKinds> struck_{};
  std::vector<int> struck_ids_;
};

}  // namespace jangada::sim
