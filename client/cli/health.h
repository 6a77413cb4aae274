// What ails a cluster: partitions without a leader or short of replicas, nodes that are down, and
// why, in the words of the node that was asked. Pure.
#pragma once

#include <string>
#include <vector>

#include "jangada/client.h"

namespace jangada::client {

/// How a partition stands, from good to bad.
enum class Standing {
  kServing,          // led, and every replica is whole
  kMoving,           // led, and its replicas are being changed
  kShortOfReplicas,  // led, but a replica that it should have is not whole
  kReadOnly,         // led, but its leader's disk is too full for more records
  kNoLeader,         // neither written nor read
};

/// "serving", "moving", "short", "read-only", "no-leader"
const char* NameOf(Standing standing);

struct PartitionReport {
  const PartitionStateView* state = nullptr;
  Standing standing = Standing::kServing;
  std::string why;  // empty: serving
};

/// One report a partition, in their order, pointing into `partitions`.
std::vector<PartitionReport> Examine(const std::vector<PartitionStateView>& partitions);

/// What keeps a cluster from being ready: no controller, nodes that are down or being stopped,
/// partitions that can't be written and, if `all_caught_up`, those short of replicas or moving.
/// Empty: it is ready.
std::vector<std::string> WhatIsMissing(const ClusterView& cluster,
                                       const std::vector<PartitionStateView>& partitions,
                                       bool all_caught_up);

/// What a person should know of a node beside whether it lives: "disk full, refilling 3 replicas".
/// Empty: nothing.
std::string NoteOf(const NodeView& node);

std::vector<int32_t> VotersOf(const PartitionStateView& partition);
std::vector<int32_t> CaughtUpIn(const PartitionStateView& partition);

}  // namespace jangada::client
