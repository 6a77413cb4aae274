// MembershipHistory: the configurations of the retained log, oldest first. The newest one is in
// force from the moment its entry is appended, and goes when that entry is truncated (thesis 4.1).
// Plain value.
#pragma once

#include <vector>

#include "base/result.h"
#include "raft/types.h"

namespace jangada::raft {

/// A voter set and a learner set to move to. The core goes there through a joint configuration.
struct MembershipTarget {
  std::vector<NodeId> voters;
  std::vector<NodeId> learners;
};

/// What to append to move from `current` (not joint) to `target`: the joint configuration, or the
/// target itself when the voters stay the same. kInvalidArgument: no voters, or a node in both
/// lists; kAlreadyExists: nothing would change.
Result<Membership> FirstStep(const Membership& current, const MembershipTarget& target);
/// What follows a joint configuration once that is committed.
Membership LeaveJoint(const Membership& joint);

class MembershipHistory {
 public:
  explicit MembershipHistory(MembershipAt base) : history_{std::move(base)} {}

  const MembershipAt& InForce() const { return history_.back(); }
  /// As of the entry at `index`. REQUIRES: index is not below the oldest one kept.
  const MembershipAt& At(Index index) const;

  /// Whether `node` votes in any configuration that may still be the one that counts: the one in
  /// force at `commit` and all later ones.
  bool MayVoteAfter(Index commit, NodeId node) const;

  void Append(MembershipAt next);
  /// Rolls back to what was in force at `index`.
  void KeepUpTo(Index index);
  /// Forgets what was replaced at or before `index`.
  void TrimTo(Index index);
  /// What a snapshot says, and of the old history only what came after it.
  void Install(const SnapshotMeta& meta, bool keep_suffix);

 private:
  // H1. Never empty; indices ascend strictly.
  std::vector<MembershipAt> history_;
};

}  // namespace jangada::raft
