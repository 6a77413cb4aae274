#include "server/controller/placement.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace jangada::server {
namespace {

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

/// What every node already carries, kept up to date while more is placed.
class Load {
 public:
  Load(const ClusterImage& image, const std::vector<Candidate>& candidates)
      : candidates_(candidates) {
    for (const auto& [id, node] : image.nodes) racks_[id] = RackOf(node.id, node.rack);
    for (const auto& [name, topic] : image.topics) {
      for (const PartitionInfo& partition : topic->partitions) Add(partition.replicas);
    }
  }

  void Add(const std::vector<NodeId>& replicas) { Count(replicas, 1); }
  void Take(const std::vector<NodeId>& replicas) { Count(replicas, -1); }

  /// The candidate that suits `replicas` best as one more; nullopt if none is free. On a rack that
  /// holds few of them, with few replicas at all, few leaders, and few partitions in common with
  /// them (so that the partitions of a dead node spread over all others).
  std::optional<NodeId> Best(const std::vector<NodeId>& replicas,
                             const std::vector<NodeId>& excluded) const {
    std::map<std::string, int> used_racks;
    for (const NodeId node : replicas) {
      auto rack = racks_.find(node);
      if (rack != racks_.end()) ++used_racks[rack->second];
    }
    using Cost = std::tuple<int, int, int, int, NodeId>;
    std::optional<Cost> best;
    for (const Candidate& candidate : candidates_) {
      const NodeId node = candidate.node;
      if (Contains(replicas, node) || Contains(excluded, node)) continue;
      int shared = 0;
      for (const NodeId other : replicas) shared += Get(shared_, std::minmax(node, other));
      auto used = used_racks.find(RackOf(node, candidate.rack));
      const Cost cost{used == used_racks.end() ? 0 : used->second, Get(replicas_, node),
                      Get(leaders_, node), shared, node};
      if (!best || cost < *best) best = cost;
    }
    if (!best) return std::nullopt;
    return std::get<NodeId>(*best);
  }

  /// Hands leaderships among `placed` from nodes with many to nodes with few, until no single
  /// handover levels them further. Each one shrinks the sum of squares, so it ends.
  void LevelLeaders(std::vector<std::vector<NodeId>>* placed) {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::vector<NodeId>& replicas : *placed) {
        const auto heir = LeastLeading(&replicas);
        if (Get(leaders_, replicas.front()) - Get(leaders_, *heir) < 2) continue;
        --leaders_[replicas.front()];
        ++leaders_[*heir];
        std::rotate(replicas.begin(), heir, heir + 1);
        changed = true;
      }
    }
  }

  /// Moves the node with the fewest leaderships to the front.
  void PutLeaderFirst(std::vector<NodeId>* replicas) const {
    const auto leader = LeastLeading(replicas);
    std::rotate(replicas->begin(), leader, leader + 1);
  }

 private:
  /// A node without a rack stands for itself.
  static std::string RackOf(NodeId node, const std::string& rack) {
    return rack.empty() ? "\n" + std::to_string(node.value()) : rack;
  }

  template <class Map, class Key>
  static int Get(const Map& map, const Key& key) {
    auto it = map.find(key);
    return it == map.end() ? 0 : it->second;
  }

  std::vector<NodeId>::iterator LeastLeading(std::vector<NodeId>* replicas) const {
    const auto fewer = [this](NodeId a, NodeId b) { return Get(leaders_, a) < Get(leaders_, b); };
    return std::min_element(replicas->begin(), replicas->end(), fewer);
  }

  void Count(const std::vector<NodeId>& replicas, int by) {
    if (replicas.empty()) return;
    leaders_[replicas.front()] += by;
    for (size_t i = 0; i < replicas.size(); ++i) {
      replicas_[replicas[i]] += by;
      for (size_t j = 0; j < i; ++j) shared_[std::minmax(replicas[i], replicas[j])] += by;
    }
  }

  const std::vector<Candidate>& candidates_;
  std::map<NodeId, std::string> racks_;
  std::map<NodeId, int> replicas_;
  std::map<NodeId, int> leaders_;
  std::map<std::pair<NodeId, NodeId>, int> shared_;
};

}  // namespace

std::vector<Candidate> Candidates(const ClusterImage& image, const std::vector<NodeId>& fit) {
  std::vector<Candidate> candidates;
  for (const auto& [id, node] : image.nodes) {
    if (node.removing || node.disk_id.IsZero() || !Contains(fit, id)) continue;
    candidates.push_back({id, node.rack});
  }
  return candidates;
}

Result<std::vector<std::vector<NodeId>>> PlacePartitions(const ClusterImage& image,
                                                         const std::vector<Candidate>& candidates,
                                                         int32_t partitions,
                                                         int32_t replication_factor) {
  if (partitions < 1) {
    return Error{ErrorCode::kInvalidArgument, "the number of partitions must be 1 or more"};
  }
  if (replication_factor < 1) {
    return Error{ErrorCode::kInvalidArgument, "the number of replicas must be 1 or more"};
  }
  if (static_cast<size_t>(replication_factor) > candidates.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 std::to_string(replication_factor) + " replicas need as many nodes, but only " +
                     std::to_string(candidates.size()) +
                     " are up: ask for fewer replicas or start more nodes"};
  }
  Load load(image, candidates);
  std::vector<std::vector<NodeId>> placed;
  for (int32_t i = 0; i < partitions; ++i) {
    std::vector<NodeId> replicas;
    for (int32_t j = 0; j < replication_factor; ++j) replicas.push_back(*load.Best(replicas, {}));
    load.PutLeaderFirst(&replicas);
    load.Add(replicas);
    placed.push_back(std::move(replicas));
  }
  load.LevelLeaders(&placed);
  return placed;
}

std::vector<record::ReplicaChange> PlanRemoval(const ClusterImage& image,
                                               const std::vector<Candidate>& candidates,
                                               NodeId node, size_t max_changes) {
  Load load(image, candidates);
  std::vector<record::ReplicaChange> changes;
  for (const auto& [name, topic] : image.topics) {
    for (const PartitionInfo& partition : topic->partitions) {
      if (changes.size() == max_changes) return changes;
      if (!Contains(partition.replicas, node)) continue;
      load.Take(partition.replicas);
      std::vector<NodeId> replicas = partition.replicas;
      std::erase(replicas, node);
      std::vector<NodeId> excluded = partition.leaving;
      excluded.push_back(node);
      if (const auto instead = load.Best(replicas, excluded)) replicas.push_back(*instead);
      if (replicas.empty()) {  // nowhere to go: it keeps its only replica
        load.Add(partition.replicas);
        continue;
      }
      if (partition.replicas.front() == node) load.PutLeaderFirst(&replicas);
      load.Add(replicas);
      changes.push_back({partition.group, partition.revision, std::move(replicas)});
    }
  }
  return changes;
}

std::vector<record::ReplicaChange> PlanFillUp(const ClusterImage& image,
                                              const std::vector<Candidate>& candidates,
                                              size_t max_changes) {
  std::optional<Load> load;  // made when it is needed: nearly always nothing is to do
  std::vector<record::ReplicaChange> changes;
  for (const auto& [name, topic] : image.topics) {
    const auto wanted = static_cast<size_t>(topic->replication_factor);
    for (const PartitionInfo& partition : topic->partitions) {
      if (changes.size() == max_changes) return changes;
      if (partition.replicas.size() >= wanted) continue;
      if (!load) load.emplace(image, candidates);
      load->Take(partition.replicas);
      std::vector<NodeId> replicas = partition.replicas;
      while (replicas.size() < wanted) {
        const auto next = load->Best(replicas, partition.leaving);
        if (!next) break;
        replicas.push_back(*next);
      }
      load->PutLeaderFirst(&replicas);  // a node that came back gets its share of leaderships too
      load->Add(replicas);
      if (replicas.size() == partition.replicas.size()) continue;
      changes.push_back({partition.group, partition.revision, std::move(replicas)});
    }
  }
  return changes;
}

bool HoldsPartitions(const ClusterImage& image, NodeId node) {
  for (const auto& [name, topic] : image.topics) {
    for (const PartitionInfo& partition : topic->partitions) {
      if (Contains(partition.replicas, node) || Contains(partition.leaving, node)) return true;
    }
  }
  return false;
}

ControllerSeats SeatController(const ClusterImage& image, const std::vector<NodeId>& present_voters,
                               const std::vector<NodeId>& fit) {
  std::vector<NodeId> members;
  std::vector<NodeId> handing_over;
  for (const auto& [id, node] : image.nodes) {
    if (node.disk_id.IsZero()) continue;
    if (!node.removing) {
      members.push_back(id);
    } else if (HoldsPartitions(image, id)) {
      handing_over.push_back(id);
    }
  }
  size_t wanted = std::min(members.size(), kMaxControllerVoters);
  if (wanted % 2 == 0 && wanted > 0) --wanted;  // an even voter adds no fault that can be survived

  ControllerSeats seats;
  for (const NodeId node : members) {
    if (seats.voters.size() == kMaxControllerVoters) break;
    if (Contains(present_voters, node)) seats.voters.push_back(node);
  }
  for (const NodeId node : members) {
    if (seats.voters.size() >= wanted) break;
    if (!Contains(seats.voters, node) && Contains(fit, node)) seats.voters.push_back(node);
  }
  std::sort(seats.voters.begin(), seats.voters.end());
  for (const NodeId node : members) {
    if (!Contains(seats.voters, node)) seats.learners.push_back(node);
  }
  seats.learners.insert(seats.learners.end(), handing_over.begin(), handing_over.end());
  std::sort(seats.learners.begin(), seats.learners.end());
  return seats;
}

}  // namespace jangada::server
