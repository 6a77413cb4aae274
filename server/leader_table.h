// LeaderTable: where this node believes each group's leader to be. Soft state, gathered from this
// node's own replicas and from what the other nodes tell in NodeStatus; a wrong line costs a client
// one more hop, never data. Any thread: one of the few places with a lock, above the shards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "server/transport/transport.h"

namespace jangada::server {

class LeaderTable {
 public:
  /// News of one leader. An older term than the known one is ignored.
  void Learn(const LeaderHint& hint);
  /// Everything that `status.from` leads, if status.full: what else it was believed to lead, it
  /// does not.
  void Learn(const NodeStatus& status);
  /// In `term`, `node` does not lead `group` (any more), and whoever led an older term doesn't
  /// either.
  void Forget(GroupId group, raft::Term term, NodeId node);
  /// The process of `node` is gone: it leads nothing.
  void ForgetNode(NodeId node);
  /// Lines of groups that are no more.
  void EraseIf(const std::function<bool(GroupId)>& gone);

  std::optional<LeaderHint> Find(GroupId group) const;
  /// Every known leadership of `node`.
  std::vector<LeaderHint> LedBy(NodeId node) const;
  /// Grows whenever a group's leader or term becomes another one.
  uint64_t changes() const;

 private:
  struct Line {
    std::optional<NodeId> leader;
    raft::Term term = 0;
    std::vector<NodeId> lagging = {};  // followers, as the leader told
  };

  void LearnLocked(const LeaderHint& hint);
  void SetLocked(Line* line, Line next);
  static LeaderHint HintOf(GroupId group, const Line& line);

  mutable std::mutex mutex_;
  std::map<GroupId, Line> lines_;
  uint64_t changes_ = 0;
};

}  // namespace jangada::server
