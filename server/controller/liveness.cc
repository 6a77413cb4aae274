#include "server/controller/liveness.h"

#include <algorithm>

namespace jangada::server {

void Liveness::OnStatus(const NodeStatus& status, int64_t now_us) {
  auto [it, is_new] = signs_.try_emplace(status.from);
  Sign& sign = it->second;
  if (is_new || now_us - sign.last_us > kWindowUs) sign.first_us = now_us;
  sign.last_us = now_us;
  sign.condition = status.condition;
}

void Liveness::OnRefused(NodeId node) { signs_.erase(node); }

bool Liveness::IsLive(NodeId node, int64_t now_us) const {
  if (node == self_) return true;
  auto it = signs_.find(node);
  return it != signs_.end() && now_us - it->second.last_us <= kWindowUs;
}

bool Liveness::IsFit(NodeId node, int64_t now_us) const {
  if (!IsLive(node, now_us)) return false;
  auto it = signs_.find(node);
  return it == signs_.end() || !it->second.condition.draining;
}

int64_t Liveness::LiveForUs(NodeId node, int64_t now_us) const {
  auto it = signs_.find(node);
  if (it == signs_.end() || !IsLive(node, now_us)) return 0;
  return now_us - it->second.first_us;
}

std::vector<NodeId> Liveness::LiveNodes(int64_t now_us) const {
  std::vector<NodeId> live;
  if (!signs_.contains(self_)) live.push_back(self_);
  for (const auto& [node, sign] : signs_) {
    if (IsLive(node, now_us)) live.push_back(node);
  }
  std::sort(live.begin(), live.end());
  return live;
}

std::map<NodeId, NodeView> Liveness::Nodes(int64_t now_us) const {
  std::map<NodeId, NodeView> nodes;
  for (const auto& [node, sign] : signs_) {
    nodes[node] = {.live = IsLive(node, now_us), .condition = sign.condition};
  }
  return nodes;
}

}  // namespace jangada::server
