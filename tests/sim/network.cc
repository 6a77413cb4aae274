#include "tests/sim/network.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::sim {

const LinkWeather& SimNetwork::WeatherOf(NodeId from, NodeId to) const {
  const auto own = own_weather_.find({from, to});
  return own == own_weather_.end() ? weather_ : own->second;
}

int64_t SimNetwork::DelayOf(NodeId from, NodeId to) {
  const LinkWeather& weather = WeatherOf(from, to);
  return static_cast<int64_t>(random_.Between(static_cast<uint64_t>(weather.min_delay_us),
                                              static_cast<uint64_t>(weather.max_delay_us)));
}

NodeNetwork* SimNetwork::End(NodeId node) const {
  const auto end = ends_.find(node);
  return end == ends_.end() ? nullptr : end->second;
}

void SimNetwork::Carry(NodeId from, NodeId to, Callback<> task) {
  const LinkWeather& weather = WeatherOf(from, to);
  if (Chance(weather.lost)) return;
  world_.After(DelayOf(from, to), [this, from, to, task = std::move(task)]() mutable {
    if (!IsCut(from, to)) task();
  });
}

void SimNetwork::DeliverOrphan(NodeId from, NodeId to, uint64_t instance,
                               const std::string& frame) {
  NodeNetwork* const end = End(to);
  if (end == nullptr || end->instance() != instance) return;
  if (IsCut(from, to) || IsPaused(to) || !random_.Chance(1, 2)) return;
  reached_.Count(Rare::kMessageOfTheDead);
  end->Receive(from, frame);
}

void SimNetwork::Attach(NodeId node, NodeNetwork* end) {
  ends_[node] = end;
  silent_.erase(node);
}

void SimNetwork::Detach(NodeId node, bool silent) {
  ends_.erase(node);
  paused_.erase(node);
  if (silent) silent_.insert(node);
  for (const auto& [other, end] : ends_) {
    world_.After(silent ? kKeepaliveUs : DelayOf(node, other),
                 [this, node, other = other, instance = end->instance()] {
                   NodeNetwork* const there = End(other);
                   if (there == nullptr || there->instance() != instance) return;
                   if (!IsCut(node, other)) there->OnReset(node);
                 });
  }
}

void SimNetwork::SetPaused(NodeId node, bool paused) {
  if (paused) {
    const uint64_t change = paused_[node] = ++last_change_;
    for (const auto& [other, end] : ends_) {
      if (other == node) continue;
      world_.After(kKeepaliveUs,
                   [this, node, other = other, change] { ResetIfStillStuck(node, other, change); });
    }
    return;
  }
  paused_.erase(node);
  for (const auto& [other, end] : ends_) end->ReleaseHeld();
  if (NodeNetwork* const end = End(node)) end->Resume();
}

void SimNetwork::Cut(NodeId from, NodeId to) {
  if (IsCut(from, to)) return;
  const uint64_t change = cut_[{from, to}] = ++last_change_;
  world_.After(kKeepaliveUs, [this, from, to, change] { ResetIfStillStuck(from, to, change); });
}

/// The fault that began with `change` is still there: what lies between the two has died of it.
void SimNetwork::ResetIfStillStuck(NodeId a, NodeId b, uint64_t change) {
  const auto cut = cut_.find({a, b});
  const auto paused = paused_.find(a);
  const bool is_cut = cut != cut_.end() && cut->second == change;
  const bool is_paused = paused != paused_.end() && paused->second == change;
  if (is_cut || is_paused) Reset(a, b);
}

void SimNetwork::Heal(NodeId from, NodeId to) {
  if (cut_.erase({from, to}) == 0) return;
  if (NodeNetwork* const end = End(from)) end->ReleaseHeld();
}

void SimNetwork::HealAll() {
  cut_.clear();
  for (const auto& [node, end] : ends_) end->ReleaseHeld();
}

void SimNetwork::Reset(NodeId a, NodeId b) {
  reached_.Count(Rare::kStreamBroken);
  if (NodeNetwork* const end = End(a)) end->OnReset(b);
  if (NodeNetwork* const end = End(b)) end->OnReset(a);
}

}  // namespace jangada::sim
