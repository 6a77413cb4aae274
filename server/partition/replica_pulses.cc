// A replica and its shard's pulses: what it has them say of itself, what it learns from them, and
// when it may rest on them; and which followers lag. Carries no rule of its own: what a pulse says
// is told to the core, which knows what it is worth (raft.h, "signs of life").
#include <algorithm>

#include "server/partition/replica_impl.h"

namespace jangada::server {

/// What the pulses said since the core was last called.
void Replica::Impl::HearPulses() {
  const Pulses* pulses = context.pulses;
  if (pulses == nullptr || phase != Phase::kRunning || pulses->heard() == heard_pulses) return;
  heard_pulses = pulses->heard();
  const auto ticks = [this](int64_t us) { return static_cast<raft::Ticks>(us / options.tick_us); };
  if (!raft->IsLeader()) {
    const std::optional<NodeId> leader = raft->leader();
    if (!leader) return;
    const auto sign = pulses->FromLeader(options.group, *leader, raft->term());
    if (sign) raft->HeardLeader(ticks(sign->at_us));
    return;
  }
  for (const NodeId peer : raft->membership().Members()) {
    const auto sign = pulses->FromFollower(options.group, peer, raft->term(), raft->commit());
    if (sign) raft->HeardFollower(peer, ticks(sign->at_us));
  }
}

/// Whether the pulses go on saying all that this replica waits for.
bool Replica::Impl::MayRest() const {
  const Pulses* pulses = context.pulses;
  if (pulses == nullptr || !raft->WaitsForSignsOnly()) return false;
  const auto is_fresh = [](const std::optional<PulseSign>& sign) { return sign && sign->fresh; };
  if (!raft->IsLeader()) {
    return is_fresh(pulses->FromLeader(options.group, *raft->leader(), raft->term()));
  }
  const std::vector<NodeId> members = raft->membership().Members();
  return std::all_of(members.begin(), members.end(), [&](NodeId node) {
    return node == options.raft.self ||
           is_fresh(pulses->FromFollower(options.group, node, raft->term(), raft->commit()));
  });
}

/// A leader that does not rest has its heartbeats to look at; one that rests has heard from every
/// follower that it holds everything.
void Replica::Impl::WatchLag() {
  if (!IsReadyLeader()) return lag.Forget();
  const int64_t now_us = context.executor.NowUs();
  if (!resting && !lag.IsDue(now_us)) return;
  std::vector<LagWatch::Follower> followers;
  raft->VisitPeers([&followers](const raft::PeerStatus& peer) {
    followers.push_back({.node = peer.node, .match = peer.match, .voter = peer.voter});
  });
  const bool changed = resting ? lag.AllHoldAll(followers)
                               : lag.Look(now_us, raft->term(), raft->last(), followers);
  if (changed) observer.OnLagging(options.group, raft->term(), lag.lagging());
}

void Replica::Impl::OnPulseChange() {
  if (!resting || phase != Phase::kRunning) return;
  resting = false;
  LookAround();
}

void Replica::Impl::NoteStance() {
  if (context.pulses == nullptr) return;
  const raft::Index index = raft->IsLeader() ? raft->membership_index() : raft->commit();
  if (role == told_role && index == told_index) return;
  told_role = role;
  told_index = index;
  context.pulses->NoteChange(options.group);
}

/// A replica that is being refilled says nothing in bulk: its leader must hear of its loss.
Stance Replica::Impl::CurrentStance() const {
  if (phase != Phase::kRunning || refilling) return {};
  if (!raft->IsLeader()) {
    if (!raft->leader()) return {};
    return {Stance::Kind::kFollows, raft->term(), {*raft->leader()}, raft->commit()};
  }
  Stance stance{Stance::Kind::kLeads, raft->term(), raft->membership().Members(), 0};
  std::erase(stance.peers, options.raft.self);
  return stance;
}

}  // namespace jangada::server
