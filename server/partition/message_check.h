// What a message of another node must satisfy before the core and the log see it. Bytes that were
// made by a broken or foreign program are refused here, so that nothing behind this line has to
// doubt them. Plain functions; any thread.
#pragma once

#include "base/result.h"
#include "raft/message.h"
#include "server/partition/folded_state.h"
#include "storage/log_store.h"

namespace jangada::server {

/// kInvalidArgument or kDataCorrupt with what is wrong.
Status CheckMessage(const raft::Message& message);

/// Whether records come with it, for which there may be no room.
bool BringsRecords(const raft::Message& message);

/// A checkpoint as it travels between nodes, opened.
struct OpenedCheckpoint {
  storage::Checkpoint checkpoint;
  FoldedState folded;
};
/// Its log starts at its base.
Result<OpenedCheckpoint> OpenSnapshot(const Bytes& data);

}  // namespace jangada::server
