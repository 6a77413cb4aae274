#include "server/leader_table.h"

#include <set>

namespace jangada::server {

void LeaderTable::Learn(const LeaderHint& hint) {
  const std::lock_guard lock(mutex_);
  LearnLocked(hint);
}

void LeaderTable::Learn(const NodeStatus& status) {
  const std::lock_guard lock(mutex_);
  if (status.full) {
    std::set<GroupId> led;
    for (const LeaderHint& hint : status.leaders) led.insert(hint.group);
    for (auto& [group, line] : lines_) {
      if (line.leader == status.from && !led.contains(group)) {
        SetLocked(&line, {std::nullopt, line.term});
      }
    }
  }
  for (const LeaderHint& hint : status.leaders) LearnLocked(hint);
}

void LeaderTable::Forget(GroupId group, raft::Term term, NodeId node) {
  const std::lock_guard lock(mutex_);
  Line& line = lines_[group];
  if (term < line.term) return;
  if (term == line.term && line.leader != node) return;
  SetLocked(&line, {.leader = std::nullopt, .term = term});
}

void LeaderTable::ForgetNode(NodeId node) {
  const std::lock_guard lock(mutex_);
  for (auto& [group, line] : lines_) {
    if (line.leader == node) SetLocked(&line, {std::nullopt, line.term});
  }
}

void LeaderTable::EraseIf(const std::function<bool(GroupId)>& gone) {
  const std::lock_guard lock(mutex_);
  std::erase_if(lines_, [&gone](const auto& line) { return gone(line.first); });
}

std::optional<LeaderHint> LeaderTable::Find(GroupId group) const {
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(group);
  if (found == lines_.end() || !found->second.leader) return std::nullopt;
  return LeaderHint{.group = group, .leader = *found->second.leader, .term = found->second.term};
}

std::vector<LeaderHint> LeaderTable::LedBy(NodeId node) const {
  const std::lock_guard lock(mutex_);
  std::vector<LeaderHint> hints;
  for (const auto& [group, line] : lines_) {
    if (line.leader == node) hints.push_back({.group = group, .leader = node, .term = line.term});
  }
  return hints;
}

uint64_t LeaderTable::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

void LeaderTable::LearnLocked(const LeaderHint& hint) {
  Line& line = lines_[hint.group];
  if (hint.term < line.term) return;
  SetLocked(&line, {.leader = hint.leader, .term = hint.term});
}

void LeaderTable::SetLocked(Line* line, const Line& next) {
  if (*line == next) return;
  *line = next;
  ++changes_;
}

}  // namespace jangada::server
