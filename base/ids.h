// The two names that every floor of the house uses: which machine, which Raft group.
#pragma once

#include <cstdint>

#include "base/strong_id.h"

namespace jangada {

/// A node of the cluster, chosen by the operator: 1 or more. Kafka's clients see it as the broker
/// id.
using NodeId = StrongId<struct NodeIdTag, int32_t>;

/// A Raft group of the cluster: 0 is the controller, every partition has one of its own, never used
/// again.
using GroupId = StrongId<struct GroupIdTag, uint64_t>;

inline constexpr GroupId kControllerGroup{0};

}  // namespace jangada
