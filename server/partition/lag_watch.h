// LagWatch: which followers of a leader lag: those that do not hold what the leader held at the
// look before the last one. Looks are a period apart, so a follower that keeps pace is never
// behind, however much is under way to it, and one that stopped is found out within two periods.
// Soft: good for people and clients, never for acknowledgements. Owned by its replica.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"

namespace jangada::server {

class LagWatch {
 public:
  static constexpr int64_t kPeriodUs = 1'000'000;

  struct Follower {
    NodeId node;
    raft::Index match = 0;  // known to be on its disk
    bool voter = false;     // who does not vote yet has not caught up yet
  };

  bool IsDue(int64_t now_us) const { return now_us >= due_us_; }
  /// At the leader of `term`, whose log ends at `last`. True: lagging() changed.
  bool Look(int64_t now_us, raft::Term term, raft::Index last,
            const std::vector<Follower>& followers) {
    // What an earlier leader held is no measure: followers answer a new one for the first time.
    if (term_ != term) *this = {};
    term_ = term;
    due_us_ = now_us + kPeriodUs;
    std::vector<NodeId> lagging;
    for (const Follower& follower : followers) {
      if (!follower.voter || follower.match < goal_) lagging.push_back(follower.node);
    }
    goal_ = last;
    return std::exchange(lagging_, lagging) != lagging;
  }
  /// Every follower is known to hold everything. True: lagging() changed.
  bool AllHoldAll(const std::vector<Follower>& followers) {
    std::vector<NodeId> lagging;
    for (const Follower& follower : followers) {
      if (!follower.voter) lagging.push_back(follower.node);
    }
    return std::exchange(lagging_, lagging) != lagging;
  }
  /// The replica leads no longer: whoever leads next knows nothing of its followers yet.
  void Forget() { *this = {}; }

  const std::vector<NodeId>& lagging() const { return lagging_; }

 private:
  int64_t due_us_ = 0;
  raft::Term term_ = 0;
  raft::Index goal_ = 0;  // the log's end at the last look
  std::vector<NodeId> lagging_;
};

}  // namespace jangada::server
