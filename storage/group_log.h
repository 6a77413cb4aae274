// GroupLog: what the store keeps in memory of one group's log, enough to turn a write into rows and
// to check what is read, without reading. A few hundred bytes a group. GroupView is the part that
// readers see: immutable, replaced after each sync, so that no reader sees what is not yet durable.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"
#include "storage/rocks_rows.h"
#include "storage/sparse.h"

namespace jangada::storage {

struct GroupView {
  raft::Index first = 1;
  raft::Index last = 0;  // below `first`: no entry is held
  int64_t end_offset = 0;
  std::vector<raft::TermRun> terms;  // the first run may begin below `first`
  Stretch open;
  int64_t bytes = 0;  // of the entries in the stretches that are kept

  /// The term that the entry must have. REQUIRES: first <= index <= last.
  raft::Term TermOf(raft::Index index) const;
};

/// Owned by the writer's executor.
/// 1. Entries first..last.index are in the column family, and no others of this group.
/// 2. Closed stretches and `open` join: each begins where the one before ended; `open` ends at
/// last.index + 1.
/// 3. terms covers first..last.index; memberships are the indices of the kMembership entries among
/// them.
struct GroupLog {
  raft::Index first = 1;
  raft::Position last;
  int64_t end_offset = 0;
  std::vector<raft::TermRun> terms;
  std::vector<raft::Index> memberships;
  Stretch open;
  LogStart start;          // as it was when the log last began anew, but for its first_index
  int64_t bytes_gone = 0;  // of the entries before the first stretch that is kept
  struct CheckpointEnd {
    raft::Position last;
    int64_t next_offset = 0;
  };
  std::optional<CheckpointEnd> checkpoint;
  bool damaged = false;
  bool forgot_votes = false;  // with `damaged`
  bool needs_reload = false;  // found damaged while it ran: no write until the replica starts again

  bool empty() const { return last.index < first; }
  std::shared_ptr<const GroupView> View() const;
};

/// The views of all groups: written by the writer, read by the readers. One of the two places of
/// the store where threads meet under a mutex (the other is the writer's queue); held for a look-up
/// only.
class ViewTable {
 public:
  /// Null: the store holds nothing of this group.
  std::shared_ptr<const GroupView> Find(GroupId group) const;
  void Set(GroupId group, std::shared_ptr<const GroupView> view);
  /// The store holds it no longer. WasErased is true from then on, also if it is held again.
  void SetErased(GroupId group);
  bool WasErased(GroupId group) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<GroupId, std::shared_ptr<const GroupView>> views_;
  std::unordered_set<GroupId> erased_;
};

}  // namespace jangada::storage
