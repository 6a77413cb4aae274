// FoldedState: what a Replica keeps in storage::Checkpoint::state. A checkpoint is not a trim: it
// folds the log up to `applied`, while the entries from base.meta.last on are still held because
// their records are. So a checkpoint carries both places, and a follower that fell behind the
// trimmed prefix starts its log at the base, gets every entry that is still held, and skips
// applying those that are folded in already. (Were its log to start at `applied`, it would lack
// records that it may have to serve as a leader.)
//
// The encoding never changes silently: docs/on-disk-format.md. Plain values; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "raft/types.h"
#include "storage/log_store.h"

namespace jangada::server {

/// The place just before the first entry that a log holds.
struct LogBase {
  raft::SnapshotMeta meta;
  int64_t next_offset = 0;  // of the first record after meta.last
  friend bool operator==(const LogBase&, const LogBase&) = default;
};

struct FoldedState {
  LogBase base;
  raft::Position applied;   // the machine's state is that after this entry
  int64_t next_offset = 0;  // of the first record after `applied`
  Bytes machine;            // StateMachine::EncodeState()
  friend bool operator==(const FoldedState&, const FoldedState&) = default;
};

Bytes EncodeFoldedState(const FoldedState& folded);
/// kDataCorrupt or kUnsupportedVersion. Shares the memory of `bytes`.
Result<FoldedState> DecodeFoldedState(const Bytes& bytes);

/// The same state as a checkpoint whose log starts at the base: what a follower installs.
storage::Checkpoint AtBase(const storage::Checkpoint& checkpoint, const FoldedState& folded);

}  // namespace jangada::server
