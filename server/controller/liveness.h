// Liveness: which nodes were heard from lately, and since when without a gap. Fed with NodeStatus
// arrivals and the executor's clock; decides nothing that could harm if it is wrong (placement and
// patience only, never votes). Owned by one executor.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "server/transport/transport.h"

namespace jangada::server {

class Liveness {
 public:
  /// Three of the full statuses that nodes send each second.
  static constexpr int64_t kWindowUs = 3'000'000;

  explicit Liveness(NodeId self) : self_(self) {}

  void OnStatus(const NodeStatus& status, int64_t now_us);
  /// The machine of `node` says that nobody listens there: it is dead until it is heard from again.
  void OnRefused(NodeId node);

  /// This node itself is always live.
  bool IsLive(NodeId node, int64_t now_us) const;
  /// Live, and not being stopped: fit to get a leadership or a replica.
  bool IsFit(NodeId node, int64_t now_us) const;
  /// How long it has been live without a gap; 0 if it is not live.
  int64_t LiveForUs(NodeId node, int64_t now_us) const;
  /// Sorted, this node included.
  std::vector<NodeId> LiveNodes(int64_t now_us) const;
  /// Every node that was ever heard from (and whose machine did not refuse since), with what it
  /// told last.
  std::map<NodeId, NodeView> Nodes(int64_t now_us) const;

 private:
  struct Sign {
    int64_t first_us = 0;  // of an unbroken row of signs
    int64_t last_us = 0;
    NodeCondition condition;  // as it told last
  };

  NodeId self_;
  std::map<NodeId, Sign> signs_;
};

}  // namespace jangada::server
