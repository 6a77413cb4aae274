// DiskReplacement: what an operator does for a node whose disk was lost: sees it refused with its
// empty disk (or does not wait for that), removes it from the cluster, adds it again, and looks
// until it is a full member. One node at a time: meanwhile some groups have a replica less. Asks
// the product's own admin calls and goes by their answers. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "base/random.h"
#include "tests/sim/cluster.h"

namespace jangada::sim {

class DiskReplacement {
 public:
  explicit DiskReplacement(Cluster& cluster) : cluster_(cluster) {}

  /// The node has a new disk, with nothing on it. Somebody else starts it. REQUIRES: !IsUnderWay().
  void Begin(NodeId node, Random random);
  bool IsUnderWay() const { return node_.has_value(); }
  /// What the node waits for; empty: none is under way.
  std::string Describe() const;

 private:
  enum class Step : uint8_t { kAwaitRefusal, kRemove, kAdd, kAwaitWhole };

  void Look();
  void ReturnToWhoWasRemovedLate();
  void TakeStep();
  void CountRefusal();
  void Ask(std::function<void(server::Broker&, Callback<Status>)> ask, ErrorCode done_before,
           Step next);
  /// Why it is no full member again; empty: it is.
  std::string WhyNotWhole() const;
  /// The operator sees that the cluster does not know the node, or will not for long: a call of
  /// which nobody knew had come late.
  std::optional<Step> StepBack() const;

  Cluster& cluster_;
  std::optional<NodeId> node_;
  // Of the replacement under way.
  Random random_{0};
  Step step_ = Step::kAwaitRefusal;
  uint64_t refusals_before_ = 0;
  bool refused_ = false;
  int64_t refusal_deadline_us_ = 0;
  bool asking_ = false;
  // Of all.
  bool looking_ = false;
  std::set<NodeId> replaced_;
};

}  // namespace jangada::sim
