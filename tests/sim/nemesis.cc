#include "tests/sim/nemesis.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "tests/sim/choice.h"
#include "tests/sim/cluster.h"

namespace jangada::sim {
namespace {

constexpr int64_t kMs = 1'000;
constexpr int64_t kReviveEveryUs = 250 * kMs;
constexpr int64_t kFlapUs = 300 * kMs;

}  // namespace

Nemesis::Nemesis(Cluster& cluster, const Swarm& swarm)
    : cluster_(cluster), swarm_(swarm), replacement_(cluster) {
  cluster_.checker().SetMembershipHook(
      [this](NodeId leader, const raft::Membership& to) { OnMembership(leader, to); });
  cluster_.checker().SetInstallHook([this](GroupId group) { OnInstalled(group); });
}

// ---- the course of it ----

void Nemesis::Start(const std::set<int>& without) {
  for (const Fault& fault : swarm_.faults) {
    if (without.contains(fault.id)) continue;
    cluster_.world().After(fault.at_us, [this, &fault] {
      if (!over_) Strike(fault);
    });
  }
  Revive();
}

void Nemesis::Strike(const Fault& fault) {
  const Random random(fault.random);
  if (fault.kind == FaultKind::kAmbush) return Lurk(fault);
  const bool struck = StrikeProcess(fault, random) || StrikeNetwork(fault, random) ||
                      StrikeDisk(fault, random) || StrikeCluster(fault, random);
  if (struck) Note(fault);
}

void Nemesis::Note(const Fault& fault) {
  spdlog::warn("==== fault {} {} for {} ms", fault.id, kFaultNames[static_cast<size_t>(fault.kind)],
               fault.for_us / kMs);
  ++struck_[static_cast<size_t>(fault.kind)];
  struck_ids_.push_back(fault.id);
}

void Nemesis::Later(const Fault& fault, std::function<void()> undo) {
  cluster_.world().After(fault.for_us, [this, undo = std::move(undo)] {
    if (!over_) undo();
  });
}

/// Nodes that ended themselves come back, as under a service manager.
void Nemesis::Revive() {
  for (const NodeId id : cluster_.ids()) {
    if (cluster_.node(id).IsUp() || dead_.contains(id) || down_.contains(id)) continue;
    StartNode(id);
  }
  cluster_.world().After(kReviveEveryUs, [this] { Revive(); });
}

void Nemesis::StartNode(NodeId id) {
  if (dead_.contains(id) || cluster_.node(id).IsUp()) return;
  if (!cluster_.node(id).Start()) spdlog::warn("==== node {} did not start", id.value());
}

void Nemesis::StartLater(const Fault& fault, NodeId id) {
  down_.insert(id);
  Later(fault, [this, id] {
    down_.erase(id);
    StartNode(id);
  });
}

void Nemesis::HealAllBut(const std::set<NodeId>& dead) {
  over_ = true;
  dead_ = dead;
  down_.clear();
  cuts_.clear();
  cluster_.network().HealAll();
  cluster_.network().SetWeather(LinkWeather());
  cluster_.network().ClearOwnWeather();
  for (const NodeId id : cluster_.ids()) {
    SimNode& node = cluster_.node(id);
    cluster_.door().Cut(id, false);
    node.SetDiskPace(DiskPace());
    node.SetLag(0);
    node.disk().Mend();
    node.Resume();
    if (dead.contains(id)) {
      if (node.IsUp()) node.Crash(false);
    } else {
      StartNode(id);
    }
  }
}

std::string Nemesis::WhoIsDown() const {
  for (const NodeId id : cluster_.ids()) {
    const SimNode& node = cluster_.node(id);
    if (dead_.contains(id) || (node.IsUp() && !node.IsStopping())) continue;
    return "node " + std::to_string(id.value()) + (node.IsUp() ? " is being stopped" : " is down");
  }
  return "";
}

NodeId Nemesis::Victim(Random& random) const {
  if (random.Chance(1, 2)) {
    const std::vector<GroupId> groups = cluster_.checker().Groups();
    if (!groups.empty()) {
      if (const auto leader = cluster_.LeaderOf(OneOf(groups, random))) return *leader;
    }
  }
  return OneOf(cluster_.ids(), random);
}

// ---- ambushes ----

void Nemesis::Lurk(const Fault& fault) {
  ambushes_.push_back(&fault);
  Later(fault, [this, &fault] { std::erase(ambushes_, &fault); });
}

/// The one that has lain in wait for longest; nullptr: none does.
const Fault* Nemesis::TakeAmbush() {
  if (over_ || ambushes_.empty()) return nullptr;
  const Fault* const fault = ambushes_.front();
  ambushes_.erase(ambushes_.begin());
  return fault;
}

/// A replica's log begins and ends with a checkpoint: before anything follows it, those that are
/// behind it may ask it for its vote.
void Nemesis::OnInstalled(GroupId group) {
  if (swarm_.theme != Theme::kFallingBehind) return;
  const std::optional<NodeId> leader = cluster_.LeaderOf(group);
  const Fault* const fault = leader ? TakeAmbush() : nullptr;
  if (fault == nullptr) return;
  cluster_.world().After(0, [this, fault, leader = *leader] {
    if (over_ || !cluster_.node(leader).IsUp()) return;
    Note(*fault);
    std::vector<NodeId> others = cluster_.ids();
    std::erase(others, leader);
    HealBetween(others);
    std::vector<std::pair<NodeId, NodeId>> links;
    for (const NodeId other : others) {
      links.emplace_back(leader, other);
      links.emplace_back(other, leader);
    }
    CutFor(links, *fault);
  });
}

/// The leader has appended a membership that may never be committed.
void Nemesis::OnMembership(NodeId leader, const raft::Membership& to) {
  const Fault* const taken = TakeAmbush();
  if (taken == nullptr) return;
  const Fault& fault = *taken;
  Random random(fault.random);
  uint64_t way = random.Below(4);
  // Who learns may catch up with a leader that has lost all who vote.
  const bool keeps_learners = !to.learners.empty() && random.Chance(1, 2);
  if (keeps_learners) way = 2;
  // Often at once, while the entry is on its way.
  const int64_t delay_us = random.Chance(1, 3) ? 0 : static_cast<int64_t>(random.Below(20 * kMs));
  cluster_.world().After(delay_us, [this, &fault, leader, way,
                                    kept = keeps_learners ? to.learners : std::vector<NodeId>()] {
    SimNode& node = cluster_.node(leader);
    if (over_ || !node.IsUp()) return;
    Note(fault);
    if (way < 2) {
      node.Crash(way == 0);
      return StartLater(fault, leader);
    }
    std::vector<std::pair<NodeId, NodeId>> links;
    for (const NodeId other : cluster_.ids()) {
      if (other == leader || std::find(kept.begin(), kept.end(), other) != kept.end()) continue;
      links.emplace_back(leader, other);
      if (way == 2) links.emplace_back(other, leader);
    }
    CutFor(links, fault);
  });
}

// ---- processes ----

bool Nemesis::StrikeProcess(const Fault& fault, Random random) {
  const NodeId victim = Victim(random);
  SimNode& node = cluster_.node(victim);
  switch (fault.kind) {
    case FaultKind::kKill:
    case FaultKind::kPower:
      if (!node.IsUp()) return false;
      node.Crash(fault.kind == FaultKind::kPower);
      StartLater(fault, victim);
      return true;
    case FaultKind::kPowerAll:
      for (const NodeId id : cluster_.ids()) {
        if (cluster_.node(id).IsUp()) cluster_.node(id).Crash(true);
        Fault own = fault;
        own.for_us = static_cast<int64_t>(random.Below(static_cast<uint64_t>(fault.for_us)));
        StartLater(own, id);
      }
      cluster_.reached().Count(Rare::kAllPowerLost);
      return true;
    case FaultKind::kPause:
      if (!node.IsUp() || node.IsPaused()) return false;
      for (const GroupId group : cluster_.checker().Groups()) {
        if (cluster_.LeaderOf(group) == victim) cluster_.reached().Count(Rare::kLeaderPaused);
      }
      node.Pause();
      Later(fault, [this, victim] { cluster_.node(victim).Resume(); });
      return true;
    case FaultKind::kStop:
      if (!node.IsUp() || node.IsPaused() || node.IsStopping()) return false;
      node.Stop();
      StartLater(fault, victim);
      return true;
    default: return false;
  }
}

// ---- the network ----

void Nemesis::CutFor(const std::vector<std::pair<NodeId, NodeId>>& links, const Fault& fault) {
  for (const auto& [from, to] : links) {
    ++cuts_[{from, to}];
    cluster_.network().Cut(from, to);
  }
  Later(fault, [this, links] {
    for (const auto& link : links) {
      if (--cuts_[link] == 0) cluster_.network().Heal(link.first, link.second);
    }
  });
}

/// Whatever still cuts them, and ends later.
void Nemesis::HealBetween(const std::vector<NodeId>& nodes) {
  for (const NodeId from : nodes) {
    for (const NodeId to : nodes) {
      if (from != to) cluster_.network().Heal(from, to);
    }
  }
}

/// Which links a partition of this kind cuts.
std::vector<std::pair<NodeId, NodeId>> Nemesis::LinksToCut(FaultKind kind, Random random) const {
  const NodeId victim = Victim(random);
  const std::vector<NodeId> nodes = Shuffled(cluster_.ids(), random);
  std::vector<std::pair<NodeId, NodeId>> links;
  const auto both_ways = [&links](NodeId a, NodeId b) {
    links.emplace_back(a, b);
    links.emplace_back(b, a);
  };
  const size_t count = nodes.size();
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      const bool halves = i < count / 2 && j >= count / 2;
      switch (kind) {
        case FaultKind::kIsolate:
          if (nodes[i] == victim || nodes[j] == victim) both_ways(nodes[i], nodes[j]);
          break;
        case FaultKind::kSplit:
          if (halves) both_ways(nodes[i], nodes[j]);
          break;
        case FaultKind::kBridge:  // the last one still reaches both halves
          if (halves && j != count - 1) both_ways(nodes[i], nodes[j]);
          break;
        case FaultKind::kRing:
          if (j != i + 1 && !(i == 0 && j == count - 1 && count > 3)) both_ways(nodes[i], nodes[j]);
          break;
        default: break;
      }
    }
  }
  if (kind == FaultKind::kOneWay) {
    const bool deaf = random.Chance(1, 2);
    const bool to_all = random.Chance(1, 2);
    for (const NodeId other : nodes) {
      if (other == victim) continue;
      links.push_back(deaf ? std::pair(other, victim) : std::pair(victim, other));
      if (!to_all) break;
    }
  }
  return links;
}

bool Nemesis::StrikeNetwork(const Fault& fault, Random random) {
  SimNetwork& network = cluster_.network();
  const NodeId victim = Victim(random);
  switch (fault.kind) {
    case FaultKind::kIsolate:
    case FaultKind::kSplit:
    case FaultKind::kOneWay:
    case FaultKind::kBridge:
    case FaultKind::kRing: {
      const auto links = LinksToCut(fault.kind, random);
      if (links.empty()) return false;
      CutFor(links, fault);
      // Whoever was mute for so long may be switched off and on.
      if (fault.kind == FaultKind::kOneWay && random.Chance(1, 2)) {
        Later(fault, [this, mute = links.front().first] {
          if (cluster_.node(mute).IsUp()) cluster_.node(mute).Crash(true);
        });
      }
      return true;
    }
    case FaultKind::kFlap: {
      const NodeId other = OneOf(cluster_.ids(), random);
      if (other == victim) return false;
      Fault on = fault;
      on.for_us = kFlapUs / 2;
      for (int64_t at_us = 0; at_us < fault.for_us; at_us += kFlapUs) {
        cluster_.world().After(at_us, [this, victim, other, on] {
          if (!over_) CutFor({{victim, other}, {other, victim}}, on);
        });
      }
      return true;
    }
    case FaultKind::kSlowLink: {
      LinkWeather slow = swarm_.weather;
      slow.min_delay_us = 20 * kMs;
      slow.max_delay_us = static_cast<int64_t>(50 * kMs + random.Below(1'000 * kMs));
      for (const NodeId other : cluster_.ids()) {
        if (other == victim) continue;
        network.SetWeather(victim, other, slow);
        network.SetWeather(other, victim, slow);
      }
      Later(fault, [this] { cluster_.network().ClearOwnWeather(); });
      return true;
    }
    case FaultKind::kBreakStreams:
      for (const NodeId other : cluster_.ids()) {
        if (other != victim && random.Chance(1, 2)) network.Reset(victim, other);
      }
      return true;
    case FaultKind::kCutClients:
      cluster_.door().Cut(victim, true);
      Later(fault, [this, victim] { cluster_.door().Cut(victim, false); });
      return true;
    default: return false;
  }
}

// ---- disks and clocks ----

/// Of each entry that a majority has synced, a majority of the good copies must survive: one node
/// at a time, and none whose group could not go on without it.
bool Nemesis::MayDamage(NodeId victim) const {
  if (swarm_.nodes < 3 || replacement_.IsUnderWay()) return false;
  if (!cluster_.checker().CanDoWithout(victim)) return false;
  const server::ClusterImagePtr image = cluster_.Image();
  for (const auto& [group, place] : image->groups) {  // where it is about to be needed
    const std::vector<NodeId>& replicas = image->FindGroup(group)->replicas;
    const bool wanted = std::find(replicas.begin(), replicas.end(), victim) != replicas.end();
    if (wanted && replicas.size() < 3) return false;
  }
  for (const NodeId id : cluster_.ids()) {
    if (id != victim && cluster_.checker().IsDamaged(id)) return false;
  }
  return true;
}

bool Nemesis::StrikeDisk(const Fault& fault, Random random) {
  const NodeId victim = Victim(random);
  SimNode& node = cluster_.node(victim);
  SimDisk& disk = node.disk();
  switch (fault.kind) {
    case FaultKind::kSlowDisk:
      node.SetDiskPace({.min_sync_us = 10 * kMs,
                        .max_sync_us = static_cast<int64_t>(20 * kMs + random.Below(500 * kMs)),
                        .min_read_us = 1 * kMs,
                        .max_read_us = static_cast<int64_t>(2 * kMs + random.Below(100 * kMs))});
      Later(fault, [this, victim] { cluster_.node(victim).SetDiskPace(swarm_.disk); });
      return true;
    case FaultKind::kHungDisk:
      if (!node.IsUp()) return false;
      node.HangDisk(fault.for_us);
      return true;
    case FaultKind::kFailedSync:
      if (!node.IsUp()) return false;
      for (const GroupId group : cluster_.checker().Groups()) {
        if (cluster_.LeaderOf(group) == victim) {
          cluster_.reached().Count(Rare::kFailedSyncOfLeader);
          break;
        }
      }
      disk.FailNextSync(random.Chance(1, 2));
      return true;
    case FaultKind::kFullDisk:
      disk.SetFree(static_cast<int64_t>(random.Below(1'000'000)));
      Later(fault, [this, victim] { cluster_.node(victim).disk().SetFree(SimDisk::kRoomy); });
      return true;
    case FaultKind::kReadErrors: disk.FailReads(static_cast<int>(1 + random.Below(3))); return true;
    case FaultKind::kWallJump: {
      const auto by_ms = static_cast<int64_t>(random.Below(7'200'000)) - 3'600'000;
      node.clock().JumpWall(by_ms);
      return true;
    }
    case FaultKind::kLag:
      node.SetLag(static_cast<int64_t>(1 * kMs + random.Below(200 * kMs)));
      Later(fault, [this, victim] { cluster_.node(victim).SetLag(0); });
      return true;
    default: return MayDamage(victim) && Damage(fault, victim, random);
  }
}

/// What was synced is gone, or will be found to be.
bool Nemesis::Damage(const Fault& fault, NodeId victim, Random random) {
  SimNode& node = cluster_.node(victim);
  SimDisk& disk = node.disk();
  switch (fault.kind) {
    case FaultKind::kRot: {
      const std::vector<GroupId> groups = cluster_.checker().Groups();
      if (groups.empty()) return false;
      const GroupId group = OneOf(groups, random);
      const raft::IndexRange held = cluster_.checker().Held(victim, group);
      if (held.empty()) return false;
      const raft::Index index = random.Between(held.first, held.last);
      return disk.Rot(group, index, random.Chance(1, 2));
    }
    case FaultKind::kLoseTail:
      if (!node.IsUp()) return false;
      // Not with the power: the mark may be older then, too, and nobody could tell what is gone.
      node.Crash(false);
      if (disk.LoseNewestWrites(1 + random.Below(20)) > 0) {
        cluster_.reached().Count(Rare::kNewestWritesLost);
      }
      StartLater(fault, victim);
      return true;
    case FaultKind::kRotMeta:
      if (node.IsUp()) node.Crash(random.Chance(1, 2));
      disk.RotMeta();
      StartLater(fault, victim);
      return true;
    case FaultKind::kEmptyDisk:
      if (node.IsUp()) node.Crash(random.Chance(1, 2));
      node.ReplaceDisk();
      StartLater(fault, victim);
      replacement_.Begin(victim, random);
      return true;
    default: return false;
  }
}

}  // namespace jangada::sim
