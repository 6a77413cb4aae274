#include "server/partition/pulses.h"

#include <algorithm>
#include <utility>

namespace jangada::server {

Pulses::Pulses(const Options& options, Executor& executor, Transport& transport)
    : options_(options), executor_(executor), transport_(transport) {}

Pulses::~Pulses() { executor_.Cancel(timer_); }

// ---- what this shard's replicas say ----

void Pulses::Join(GroupId group, PulseMember& member) {
  members_[group].replica = &member;
  NoteChange(group);
  Arm();
}

void Pulses::Leave(GroupId group) {
  const auto found = members_.find(group);
  if (found == members_.end()) return;
  found->second.replica = nullptr;
  NoteChange(group);
}

/// Asks the member, and notes for each peer concerned what is news to it.
void Pulses::TakeStance(GroupId group) {
  const auto found = members_.find(group);
  if (found == members_.end()) return;
  Member& member = found->second;
  const Stance now = member.replica != nullptr ? member.replica->CurrentStance() : Stance{};
  const std::vector<NodeId> before = std::exchange(member.peers, now.peers);
  if (member.replica == nullptr) members_.erase(found);
  for (const NodeId node : before) {
    if (std::find(now.peers.begin(), now.peers.end(), node) == now.peers.end()) {
      SetLines(&peers_[node], group, 0, {});
    }
  }
  for (const NodeId node : now.peers) {
    const bool leads = now.kind == Stance::Kind::kLeads;
    SetLines(&peers_[node], group, leads ? now.term : 0,
             leads ? Standing{} : Standing{now.term, now.commit});
  }
}

void Pulses::SetLines(Peer* peer, GroupId group, raft::Term led, const Standing& followed) {
  if (const auto line = peer->led.find(group); line != peer->led.end() || led != 0) {
    if (line == peer->led.end() || line->second.term != led) {
      peer->led[group] = {led, 0};
      peer->news_led.insert(group);
    }
  }
  if (const auto line = peer->followed.find(group);
      line != peer->followed.end() || followed.term != 0) {
    if (line == peer->followed.end() || line->second != followed) {
      peer->followed[group] = followed;
      peer->news_followed.insert(group);
    }
  }
}

// ---- out ----

void Pulses::Arm() {
  if (timer_ != 0) return;
  // On one grid with the heartbeats, so that what is sent together leaves together.
  const int64_t due_us = (executor_.NowUs() / options_.interval_us + 1) * options_.interval_us;
  timer_ = executor_.After(due_us - executor_.NowUs(), [this] {
    timer_ = 0;
    Round();
  });
}

void Pulses::Round() {
  for (const GroupId group : std::exchange(changed_, {})) TakeStance(group);
  for (auto& [node, peer] : peers_) {
    NoteSilence(node, &peer);
    Tell(node, &peer);
  }
  if (!members_.empty()) Arm();
}

void Pulses::Tell(NodeId node, Peer* peer) {
  if (peer->led.empty() && peer->followed.empty()) return;
  // Rounds begin at the clock, so that those of a process that was started anew are others.
  if (peer->round == 0) peer->round = static_cast<uint64_t>(executor_.NowUs());
  Pulse pulse{.shard = options_.shard,
              .shards = options_.shards,
              .round = ++peer->round,
              .whole = std::exchange(peer->whole_due, false),
              .heard_round = peer->its_round,
              .led = {},
              .followed = {}};
  for (const GroupId group : peer->news_led) peer->led.at(group).since_round = pulse.round;
  if (pulse.whole) {
    for (const auto& [group, line] : peer->led) pulse.led.push_back({group, line.term});
    for (const auto& [group, line] : peer->followed) {
      pulse.followed.push_back({group, line.term, line.commit});
    }
  } else {
    for (const GroupId group : peer->news_led) {
      pulse.led.push_back({group, peer->led.at(group).term});
    }
    for (const GroupId group : peer->news_followed) {
      const Standing& line = peer->followed.at(group);
      pulse.followed.push_back({group, line.term, line.commit});
    }
  }
  for (const GroupId group : std::exchange(peer->news_led, {})) {
    if (peer->led.at(group).term == 0) peer->led.erase(group);
  }
  for (const GroupId group : std::exchange(peer->news_followed, {})) {
    if (peer->followed.at(group).term == 0) peer->followed.erase(group);
  }
  transport_.SendPulse(node, std::move(pulse));
}

// ---- in ----

void Pulses::OnPulse(NodeId from, const Pulse& pulse) {
  if (pulse.shard != options_.shard || pulse.shards != options_.shards || from == options_.self) {
    return;
  }
  Peer& peer = peers_[from];
  NoteAnswer(&peer, pulse.heard_round);
  const bool adds_up = pulse.whole || pulse.round == peer.its_round + 1;
  // Whom it concerns takes in what held until now, before something else does.
  const std::vector<GroupId> concerned =
      adds_up && !pulse.whole ? GroupsIn(pulse) : GroupsWith(from);
  for (const GroupId group : concerned) {
    if (PulseMember* member = Find(group)) member->HearPulses();
  }
  ++heard_;
  if (!adds_up || pulse.whole) {
    peer.its_led.clear();
    peer.its_followed.clear();
  }
  if (adds_up) {
    peer.its_round = pulse.round;
    peer.heard_at_us = executor_.NowUs();
    TakeLines(pulse, &peer);
  } else {
    // A part of what it said is missing, so that nothing that it says means anything now.
    peer.its_round = 0;
  }
  Wake(concerned);
}

void Pulses::TakeLines(const Pulse& pulse, Peer* peer) {
  for (const Pulse::Led& line : pulse.led) {
    if (line.term == 0) {
      peer->its_led.erase(line.group);
    } else {
      peer->its_led[line.group] = line.term;
    }
  }
  for (const Pulse::Followed& line : pulse.followed) {
    if (line.term == 0) {
      peer->its_followed.erase(line.group);
    } else {
      peer->its_followed[line.group] = {line.term, line.commit};
    }
  }
}

void Pulses::NoteAnswer(Peer* peer, uint64_t heard_round) {
  if (heard_round == 0) {
    peer->whole_due = true;
  } else if (heard_round > peer->hears && heard_round <= peer->round) {
    peer->hears = heard_round;
    peer->answered_at_us = executor_.NowUs();
  }
}

/// A replica rests only on a sign that is fresh, so each end of freshness is told once.
void Pulses::NoteSilence(NodeId node, Peer* peer) {
  const bool heard = std::exchange(peer->heard_fresh, Sign(peer->heard_at_us).fresh);
  const bool answered = std::exchange(peer->answer_fresh, Sign(peer->answered_at_us).fresh);
  if ((heard && !peer->heard_fresh) || (answered && !peer->answer_fresh)) Wake(GroupsWith(node));
}

std::vector<GroupId> Pulses::GroupsWith(NodeId node) const {
  std::vector<GroupId> groups;
  for (const auto& [group, member] : members_) {
    const std::vector<NodeId>& peers = member.peers;
    if (std::find(peers.begin(), peers.end(), node) != peers.end()) groups.push_back(group);
  }
  return groups;
}

std::vector<GroupId> Pulses::GroupsIn(const Pulse& pulse) {
  std::vector<GroupId> groups;
  for (const Pulse::Led& line : pulse.led) groups.push_back(line.group);
  for (const Pulse::Followed& line : pulse.followed) groups.push_back(line.group);
  return groups;
}

PulseMember* Pulses::Find(GroupId group) const {
  const auto member = members_.find(group);
  return member == members_.end() ? nullptr : member->second.replica;
}

void Pulses::Wake(const std::vector<GroupId>& groups) {
  for (const GroupId group : groups) {
    if (PulseMember* member = Find(group)) member->OnPulseChange();
  }
}

// ---- what it comes to ----

PulseSign Pulses::Sign(int64_t at_us) const {
  return {at_us, executor_.NowUs() - at_us < kSilentIntervals * options_.interval_us};
}

std::optional<PulseSign> Pulses::FromLeader(GroupId group, NodeId leader, raft::Term term) const {
  const auto peer = peers_.find(leader);
  if (peer == peers_.end()) return std::nullopt;
  const auto line = peer->second.its_led.find(group);
  if (line == peer->second.its_led.end() || line->second != term) return std::nullopt;
  return Sign(peer->second.heard_at_us);
}

std::optional<PulseSign> Pulses::FromFollower(GroupId group, NodeId node, raft::Term term,
                                              raft::Index commit) const {
  const auto found = peers_.find(node);
  if (found == peers_.end()) return std::nullopt;
  const Peer& peer = found->second;
  const auto told = peer.led.find(group);
  if (told == peer.led.end() || told->second.term != term) return std::nullopt;
  if (told->second.since_round == 0 || told->second.since_round > peer.hears) return std::nullopt;
  const auto line = peer.its_followed.find(group);
  if (line == peer.its_followed.end() || line->second != Standing{term, commit}) {
    return std::nullopt;
  }
  return Sign(peer.answered_at_us);
}

}  // namespace jangada::server
