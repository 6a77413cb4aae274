#include "server/readiness.h"

namespace jangada::server {
namespace {

/// "3 of its 40 replicas ..."
void AddReplicas(std::vector<std::string>& reasons, const ReplicaTally& tally, size_t count,
                 const char* what) {
  if (count == 0) return;
  reasons.push_back(std::to_string(count) + " of its " + std::to_string(tally.expected) +
                    " replicas " + what);
}

}  // namespace

std::vector<std::string> ReasonsNotReady(const NodeLook& look) {
  if (look.draining) return {"The node is being stopped."};
  if (!look.found_cluster) {
    return {"The node has not found its cluster yet: is every founder running?"};
  }
  if (!look.controller_known) {
    return {"The node knows no controller: are most of the nodes running?"};
  }
  if (!look.registered) return {"The node has not registered with the controller yet."};
  std::vector<std::string> reasons;
  if (look.controller_behind) {
    reasons.push_back("The node has not caught up with the controller's log.");
  }
  const ReplicaTally& tally = look.replicas;
  AddReplicas(reasons, tally, tally.missing, "have not started.");
  AddReplicas(reasons, tally, tally.refilling, "were damaged and are being refilled.");
  AddReplicas(reasons, tally, tally.leaderless, "know no leader.");
  AddReplicas(reasons, tally, tally.behind, "have not caught up with their leaders.");
  return reasons;
}

void Readiness::Observe(const NodeLook& look, int64_t now_us) {
  std::vector<std::string> reasons = ReasonsNotReady(look);
  if (reasons.empty()) {
    wanting_since_us_ = -1;
    // A follower that has just come back believes itself whole until its leader's first append.
    if (!ready_ && ++good_looks_ < kGoodLooks) {
      reasons_ = {"The node has caught up, and is looked at once more."};
      return;
    }
    ready_ = true;
    reasons_.clear();
    return;
  }
  good_looks_ = 0;
  if (wanting_since_us_ < 0) wanting_since_us_ = now_us;
  // An election, or a lag under load, is no reason to send every client elsewhere.
  if (ready_ && !look.draining && now_us - wanting_since_us_ < kPatienceUs) return;
  ready_ = false;
  reasons_ = std::move(reasons);
}

}  // namespace jangada::server
