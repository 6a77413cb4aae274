// The four roles of a replica, each with the state that only it has. Raft holds one of them in a
// variant; whoever changes the role must not touch the old role's state afterwards.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <variant>

#include "raft/message.h"
#include "raft/progress.h"
#include "raft/read_index.h"
#include "raft/types.h"

namespace jangada::raft {

struct FollowerState {
  std::optional<NodeId> leader{};  // of the current term
  Ticks heard_at = 0;              // from the leader; meaningful while `leader` is known
  Index verified = 0;              // the log equals this leader's up to here
  Index leader_commit = 0;         // the greatest commit index that this leader told
  Index acknowledged = 0;          // the greatest match that the leader was told
  bool reply_due = false;          // an accepted append waits for its answer
};

/// Asks whether it would win before it disturbs anyone with a new term (thesis 9.6).
struct PreCandidateState {
  std::map<NodeId, bool> votes;
};

struct CandidateState {
  std::map<NodeId, bool> votes;  // its own counts once it is synced
};

struct PeerState {
  Progress progress;
  /// Set when the configuration in force no longer has it: it is served until it knows that the
  /// entry at this index removed it, or until `give_up_at`, so that its node can drop the replica.
  std::optional<Index> removed_by{};
  Ticks give_up_at = 0;
  Index commit_told = 0;
  /// When it last said, by no message of the group, that it follows and lacks nothing.
  std::optional<Ticks> vouched_at{};
  /// What this peer lost while this leader knew it. It is whole again once it holds the entry at
  /// `whole_at`, which was appended when the leader learned of the loss, and that entry is
  /// committed. Remembered afterwards, so that a late echo of it is not taken for a new loss.
  Loss loss{};
  Index whole_at = 0;
  bool told_whole = false;      // from then on it may answer without naming the loss ...
  bool answered_whole = false;  // ... and has done so: it knows, and votes
};

struct Transfer {
  NodeId to;
  Ticks deadline = 0;
  bool asked = false;  // TimeoutNow was sent
};

struct LeaderState {
  std::map<NodeId, PeerState> peers;  // without this replica itself
  Index first_of_term = 0;            // the no-op: what lies before it commits only with it
  Ticks next_heartbeat = 0;
  ReadQueue reads;
  std::optional<Transfer> transfer;
  /// Sizes of what this leader appended and has not committed, for max_uncommitted_bytes.
  struct Uncommitted {
    Index index = 0;
    size_t bytes = 0;
  };
  std::deque<Uncommitted> uncommitted;
  size_t uncommitted_bytes = 0;
};

using RoleState = std::variant<FollowerState, PreCandidateState, CandidateState, LeaderState>;

}  // namespace jangada::raft
