// PendingProposals: what a leader proposed and whose fate is not known yet. The rule
// (ARCHITECTURE.md, durability rule 4): a proposal succeeded if the entry applied at its index has
// its term; it is surely not in the log if that entry has another term. Losing leadership decides
// nothing. Owned by a shard.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/callback.h"
#include "base/result.h"
#include "raft/types.h"

namespace jangada::server {

/// Where a proposal ended up.
struct Proposed {
  raft::Position position;
  int64_t base_offset = 0;
};

class PendingProposals {
 public:
  using Done = Callback<Result<Proposed>>;

  /// REQUIRES: positions and deadlines never go back.
  void Add(const Proposed& where, int64_t deadline_us, Done done);

  /// The entry at `applied` was applied: ends every proposal whose fate that decides. A callback
  /// may add.
  void OnApplied(raft::Position applied);

  /// A checkpoint replaced the log up to `index`: what was proposed up to there can't be told any
  /// more.
  void OnInstalled(raft::Index index);

  /// Ends what is overdue with kTimeout: it may still be committed.
  void OnTime(int64_t now_us);
  /// The deadline of the oldest; nullopt when nothing is pending.
  std::optional<int64_t> next_deadline_us() const;

  /// Ends all with `error`.
  void FailAll(const Error& error);

  bool empty() const { return pending_.empty(); }

 private:
  struct Pending {
    Proposed where;
    int64_t deadline_us = 0;
    Done done;
  };

  Pending TakeFront();

  // 1. Terms never go back, and within a term indices grow: one term's proposals follow each other.
  std::deque<Pending> pending_;
};

}  // namespace jangada::server
