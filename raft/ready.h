// Ready: everything one replica must do next, grouped by durability. Its groups state the only
// ordering rule there is. Made by Raft::TakeReady, carried out by server/partition/replica.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "raft/message.h"
#include "raft/types.h"

namespace jangada::raft {

enum class Role : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

const char* RoleName(Role role);  // "follower", ...

struct RoleChange {
  Role role = Role::kFollower;
  Term term = 0;
  std::optional<NodeId> leader;  // of `term`, if known
  friend bool operator==(const RoleChange&, const RoleChange&) = default;
};

/// Send entries first..last (or fewer: at most max_bytes, at least one) to `to`. The shell reads
/// them, sends one AppendRequest and calls OnSent with the last index that it attached. An empty
/// range is sent as it is (a probe, or news of the commit index). If part of the range is gone
/// (truncated or trimmed) by the time it is read, the shell drops the order and calls OnSent with
/// first - 1.
struct Replicate {
  NodeId to;
  Term term = 0;
  Position prev;
  Index first = 1;
  Index last = 0;
  size_t max_bytes = 0;
  Index commit = 0;
};

/// Send the newest checkpoint to `to`: it needs entries that were trimmed. The shell answers with
/// OnSnapshotSent or OnUnreachable.
struct SendSnapshot {
  NodeId to;
  Term term = 0;
};

/// The answer to ReadIndex(): once `index` is applied, a read sees everything acknowledged before
/// the call. granted = false: leadership was lost first; nothing may be read.
struct ReadGrant {
  uint64_t read_id = 0;
  bool granted = false;
  Index index = 0;
};

struct Ready {
  uint64_t number = 0;  // echoed by Raft::OnPersisted(number); grows by one a Ready

  // 1. Write in one atomic, synced batch. Entries imply truncation from entries.front().index.
  //    `install` replaces state and log: the suffix after it is kept only if keep_suffix.
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;
  struct Install {
    SnapshotMeta meta;
    Bytes data;
    bool keep_suffix = false;  // the log holds meta.last with the same term: what follows it stays
  };
  std::optional<Install> install;
  /// The refill of this damaged replica is over: its mark goes in the same write as `hard_state`,
  /// which is then set.
  bool whole = false;

  // 2. May leave now, while (1) is being written (Raft thesis 10.2.1).
  std::vector<Message> messages;
  std::vector<Replicate> replicate;
  std::vector<SendSnapshot> snapshots;

  // 3. Must wait for (1): every message that promises durability.
  std::vector<Message> messages_after_persist;

  // 4. Independent of (1). Committed entries are synced on a quorum, so they may be applied at
  // once.
  IndexRange committed;  // newly committed, in order, each index exactly once
  std::vector<ReadGrant> reads;
  std::optional<RoleChange> role_change;

  /// Whether (1) holds anything; if not, OnPersisted is not called for it and (3) may leave at
  /// once.
  bool NeedsPersist() const {
    return hard_state.has_value() || !entries.empty() || install.has_value();
  }
};

}  // namespace jangada::raft
