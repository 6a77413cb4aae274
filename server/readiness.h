// Readiness: whether a node should be sent work, and if not, why: what /readyz and grpc.health.v1
// say. A node becomes ready when two looks in a row find nothing wrong; once ready it stays so
// through an election or a short lag, and is not ready at once when it drains. Pure; owned by one
// executor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/host_stats.h"

namespace jangada::server {

/// What one look at the node found.
struct NodeLook {
  bool draining = false;          // it is being stopped
  bool found_cluster = false;     // and runs a replica of group 0
  bool controller_known = false;  // it knows group 0's leader
  bool registered = false;        // with the controller, since its process began
  bool controller_behind = false;
  ReplicaTally replicas;
};

/// One sentence each; empty: nothing is wrong.
std::vector<std::string> ReasonsNotReady(const NodeLook& look);

class Readiness {
 public:
  /// A ready node must be found wanting for this long before it says so.
  static constexpr int64_t kPatienceUs = 5'000'000;
  static constexpr int kGoodLooks = 2;

  void Observe(const NodeLook& look, int64_t now_us);

  bool ready() const { return ready_; }
  /// Why it is not ready. Not empty unless ready().
  const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  bool ready_ = false;
  std::vector<std::string> reasons_ = {"The node has just started."};
  int good_looks_ = 0;
  int64_t wanting_since_us_ = -1;  // -1: not wanting
};

}  // namespace jangada::server
