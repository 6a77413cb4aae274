// Placement: which nodes hold a partition. Pure: the same input gives the same answer. Replicas of
// a partition stand on different nodes and on as many racks as there are; every node gets about the
// same number of replicas and of preferred leaders (replicas[0]).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "server/controller/cluster_image.h"
#include "server/controller/records.h"

namespace jangada::server {

/// A node that may get replicas: registered, live, not being removed.
struct Candidate {
  NodeId node;
  std::string rack;
};

/// The candidates of an image among `fit` nodes, sorted by id.
std::vector<Candidate> Candidates(const ClusterImage& image, const std::vector<NodeId>& fit);

/// `partitions` lists of `replication_factor` nodes each, in view of what the image already placed.
/// kInvalidArgument when there are fewer candidates than replicas.
Result<std::vector<std::vector<NodeId>>> PlacePartitions(const ClusterImage& image,
                                                         const std::vector<Candidate>& candidates,
                                                         int32_t partitions,
                                                         int32_t replication_factor);

/// For every partition that has `node`: another node in its place where one is free, none where
/// not. A partition whose only replica it is and for which no other node is free stays as it is.
std::vector<record::ReplicaChange> PlanRemoval(const ClusterImage& image,
                                               const std::vector<Candidate>& candidates,
                                               NodeId node, size_t max_changes);

/// For partitions with fewer replicas than their topic asks for: candidates that are neither
/// replicas nor leaving, appended at the end.
std::vector<record::ReplicaChange> PlanFillUp(const ClusterImage& image,
                                              const std::vector<Candidate>& candidates,
                                              size_t max_changes);

/// Whether some partition has `node` as a replica, or as one that is leaving.
bool HoldsPartitions(const ClusterImage& image, NodeId node);

/// Who should belong to group 0: every registered node, up to kMaxControllerVoters of them as
/// voters. Voters stay voters while they can; a voter is added only to reach an odd number (or to
/// replace one). A node that is being removed stays a learner while it holds partitions: it must
/// see what to hand over.
struct ControllerSeats {
  std::vector<NodeId> voters;
  std::vector<NodeId> learners;
};
inline constexpr size_t kMaxControllerVoters = 5;
ControllerSeats SeatController(const ClusterImage& image, const std::vector<NodeId>& present_voters,
                               const std::vector<NodeId>& fit);

}  // namespace jangada::server
