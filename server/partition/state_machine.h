// StateMachine: what a Raft group replicates, seen from its Replica. A partition, the controller
// and a shard of group offsets are the same Replica with different StateMachines. All calls on the
// shard.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "raft/types.h"

namespace jangada::server {

class StateMachine {
 public:
  virtual ~StateMachine() = default;

  /// Committed entries in index order, each exactly once after the checkpoint that was restored.
  /// No-op and membership entries come too. Must depend on the entry and the state alone.
  virtual void Apply(const raft::Entry& entry) = 0;

  /// The state after the last applied entry, in the machine's own versioned encoding.
  virtual Bytes EncodeState() const = 0;
  virtual int64_t log_start_offset() const { return 0; }

  /// Replaces the state. An empty `state` is that of a new group.
  virtual Status RestoreState(std::string_view state, int64_t next_offset,
                              int64_t log_start_offset) = 0;

  /// This replica leads, and this term's no-op is committed and applied: it may serve.
  virtual void OnLeaderReady(raft::Term term) = 0;
  /// It no longer leads (also called if it led without ever being ready). Proposals that it had
  /// accepted may still commit.
  virtual void OnLeadershipLost() = 0;
};

}  // namespace jangada::server
