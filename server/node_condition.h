// NodeCondition: what each node tells the others of itself once a second. Soft: seconds old, and
// good for people, patience and placement only, never for votes or acknowledgements.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace jangada::server {

struct NodeCondition {
  int64_t disk_free_bytes = 0;
  int64_t disk_total_bytes = 0;
  bool accepts_produce = true;  // false below storage.min_free_bytes
  bool draining = false;        // it is being stopped
  /// Groups whose replica on this node was found damaged and is being refilled from its peers; at
  /// most kMaxRefillingTold of them.
  std::vector<GroupId> refilling;
  uint64_t refilled = 0;  // refills that have ended, since the node's process began
  std::string version;    // of its program
  friend bool operator==(const NodeCondition&, const NodeCondition&) = default;
};

/// A bound on one status: with more damage than this the disk is to be replaced, not read about.
inline constexpr size_t kMaxRefillingTold = 1024;

/// A node as this one knows it.
struct NodeView {
  bool live = false;        // heard from recently
  NodeCondition condition;  // what it told last; the default if it was never heard from
};

}  // namespace jangada::server
