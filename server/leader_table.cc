#include "server/leader_table.h"

#include <set>
#include <utility>

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
  return HintOf(group, found->second);
}

std::vector<LeaderHint> LeaderTable::LedBy(NodeId node) const {
  const std::lock_guard lock(mutex_);
  std::vector<LeaderHint> hints;
  for (const auto& [group, line] : lines_) {
    if (line.leader == node) hints.push_back(HintOf(group, line));
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
  SetLocked(&line, {.leader = hint.leader, .term = hint.term, .lagging = hint.lagging});
}

void LeaderTable::SetLocked(Line* line, Line next) {
  if (line->leader != next.leader || line->term != next.term) ++changes_;
  *line = std::move(next);
}

LeaderHint LeaderTable::HintOf(GroupId group, const Line& line) {
  return {.group = group, .leader = *line.leader, .term = line.term, .lagging = line.lagging};
}

}  // namespace jangada::server
