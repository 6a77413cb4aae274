// ReadQueue: reads that wait until a majority confirmed, after the read came in, that this leader
// still leads (thesis 6.4). Every read and every try has an id of its own, so that an old
// confirmation never answers a new question. Plain value of the leader's role.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "raft/ready.h"
#include "raft/types.h"

namespace jangada::raft {

class ReadQueue {
 public:
  /// REQUIRES: ids ascend.
  void Add(uint64_t read_id, Index commit) { waiting_.push_back({read_id, commit}); }
  /// The newest read that waits, for heartbeats to carry; 0: none.
  uint64_t newest() const { return waiting_.empty() ? 0 : waiting_.back().read_id; }
  /// Whether a read came in after the last round was sent.
  bool NeedsRound() const { return newest() > round_sent_; }
  void RoundSent() { round_sent_ = newest(); }
  /// A majority confirmed the round `read_id`, and with it all earlier ones.
  std::vector<ReadGrant> Confirm(uint64_t read_id);
  /// Leadership is lost: nothing may be read.
  std::vector<ReadGrant> RefuseAll();

 private:
  struct Read {
    uint64_t read_id = 0;
    Index index = 0;  // the commit index when the read came in
  };
  std::deque<Read> waiting_;
  uint64_t round_sent_ = 0;
};

}  // namespace jangada::raft
