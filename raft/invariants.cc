// What must hold between any two calls. The numbers are beside the fields, in raft.h,
// log_positions.h and progress.h. A broken one means that acknowledged data may be at stake: the
// process ends.
#include <algorithm>

#include "base/check.h"
#include "raft/raft.h"

namespace jangada::raft {

void Raft::CheckInvariants() {
  // R1, and the monotone part of L1.
  CHECK_GE(hard_state_.term, seen_.hard_state.term);
  if (hard_state_.term == seen_.hard_state.term && seen_.hard_state.vote.has_value()) {
    CHECK_MSG(hard_state_.vote == seen_.hard_state.vote, "one vote a term");
  }
  CHECK_GE(log_.commit(), seen_.commit);
  CHECK_GE(log_.applied(), seen_.applied);
  CHECK_GE(last_ready_number_, seen_.ready_number);
  seen_ = {hard_state_, log_.commit(), log_.applied(), last_ready_number_};

  CHECK_LE(log_.last().term, hard_state_.term);  // R2
  CHECK_LE(log_.terms().base().index, log_.commit());
  CHECK_LE(log_.applied(), log_.handed_out());
  CHECK_LE(log_.handed_out(), log_.commit());
  CHECK_LE(log_.commit(), log_.last().index);
  CHECK_LE(log_.durable(), log_.last().index);
  CHECK_LE(memberships_.InForce().index, log_.last().index);
  if (!next_.entries.empty()) {  // R5
    CHECK_EQ(next_.entries.back().index, log_.last().index);
    CHECK_EQ(next_.entries.front().index + next_.entries.size() - 1, log_.last().index);
  }

  if (IsDamaged()) CHECK(role() == Role::kFollower);  // R4
  if (const LeaderState* leader = leading()) {
    CHECK_EQ(log_.last().term, hard_state_.term);  // its no-op at least
    for (const auto& [node, peer] : leader->peers) {
      CHECK_NE(node, options_.self);
      CHECK_LE(peer.progress.match(), log_.last().index);
      peer.progress.CheckInvariants();
    }
  } else if (const auto* follower = std::get_if<FollowerState>(&role_)) {
    CHECK(follower->leader != options_.self);  // R4
    CHECK_LE(follower->verified, log_.last().index);
  } else if (role() == Role::kCandidate) {
    CHECK(hard_state_.vote == options_.self);  // R3
  }
}

}  // namespace jangada::raft
