// Families: the names, types and meanings of a node's metrics. docs/operating.md explains each of
// them to whoever runs a node; a test keeps the two equal. Pure; any thread.
#pragma once

#include <vector>

#include "server/metrics/exposition.h"
#include "server/metrics/node_stats.h"

namespace jangada::server {

/// The same families whatever the numbers are; series a partition only with `per_partition`.
std::vector<Family> FamiliesOf(const NodeStats& stats);

}  // namespace jangada::server
