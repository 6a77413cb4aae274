// Partition health: whether a partition has its leader and all its replicas, and where not, why; in
// terms that a program can act on and in one sentence for people. Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "jangada/v1/admin.pb.h"
#include "server/broker.h"

namespace jangada::server::grpc_door {

struct ReplicaVerdict {
  NodeId node;
  v1::ReplicaCondition condition = v1::REPLICA_CONDITION_UNSPECIFIED;
  uint64_t lag_entries = 0;
};

struct PartitionVerdict {
  v1::PartitionHealth health = v1::PARTITION_HEALTHY;
  std::vector<ReplicaVerdict> problems;  // of desired replicas, in their order
  std::string why;                       // empty: healthy
};

/// `view`: the leader's, or what this node knows of a partition whose leader did not answer.
/// `nodes`: what each node told last; one that is missing was never heard from.
PartitionVerdict JudgePartition(const PartitionView& view, const ClusterImage& image,
                                const std::map<NodeId, NodeView>& nodes);

void ToProto(const PartitionVerdict& verdict, v1::PartitionState* out);

}  // namespace jangada::server::grpc_door
