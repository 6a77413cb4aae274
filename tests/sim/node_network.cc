// One process's end of the wires: what PeerTransport, PeerLink and RaftService do over gRPC, with
// the same patience, in virtual time.
#include <algorithm>

#include "base/check.h"
#include "server/transport/wire.h"
#include "tests/sim/network.h"

namespace jangada::sim {
namespace {

namespace wire = server::wire;
using server::kLanes;
using server::Lane;
using server::Outbox;
using server::Outgoing;
using server::PeerIdentity;

// As in server/transport/peer_link.cc and peer_transport.cc.
constexpr int64_t kHandshakeTimeoutUs = 2'000'000;
constexpr int64_t kFirstBackoffUs = 20'000;
constexpr int64_t kLongestBackoffUs = 500'000;
constexpr int64_t kRefusedBackoffUs = 1'000'000;
constexpr int64_t kStableUs = 1'000'000;
constexpr int64_t kDropNoticeDelayUs = 250'000;
constexpr int64_t kFlushAnywayUs = 2'000;

constexpr int64_t kBytesPerUs = 100;    // 100 MB/s
constexpr int64_t kFrameUs = 10;        // of handing over any frame
constexpr int64_t kLateUs = 50'000;     // how far a frame may fall behind others ...
constexpr uint64_t kLateDoublings = 6;  // ... or so often twice as far

}  // namespace

NodeNetwork::NodeNetwork(SimNetwork& network, const PeerIdentity& identity, server::PeerSink& sink,
                         MessageObserver& observer)
    : network_(network),
      sink_(sink),
      observer_(observer),
      instance_(network.NextInstance()),
      identity_(identity) {
  network_.Attach(identity_.node, this);
}

NodeNetwork::~NodeNetwork() = default;

Status NodeNetwork::Judge(const PeerIdentity& peer) const {
  if (peer.node == identity_.node) {
    return Error{ErrorCode::kPermissionDenied, "another process also says that it is this node"};
  }
  return sink_.CheckPeer(peer);
}

void NodeNetwork::SetIdentity(const PeerIdentity& identity) {
  CHECK_EQ(identity.node, identity_.node);
  identity_ = identity;
  ++judgement_;
}

void NodeNetwork::SetPeers(const std::map<NodeId, server::Endpoint>& peers) {
  std::erase_if(links_, [&peers](const auto& entry) {
    const auto kept = peers.find(entry.first);
    return kept == peers.end() || kept->second != entry.second->endpoint;
  });
  for (const auto& [peer, endpoint] : peers) {
    if (peer == identity_.node || links_.contains(peer)) continue;
    auto link = std::make_unique<Link>();
    link->peer = peer;
    link->endpoint = endpoint;
    link->unavailable = "not yet dialed";
    for (const Lane lane : kLanes) {
      link->lanes[static_cast<size_t>(lane)] = std::make_unique<LaneState>(lane);
    }
    links_.emplace(peer, std::move(link));
    After(0, [this, peer] {
      Link* const made = Find(peer);
      if (made == nullptr) return;
      for (const auto& lane : made->lanes) {
        if (lane->phase == LaneState::Phase::kWaiting && lane->epoch == 0) Dial(*made, *lane);
      }
    });
  }
  ++judgement_;
}

NodeNetwork::Link* NodeNetwork::Find(NodeId peer) {
  const auto link = links_.find(peer);
  return link == links_.end() ? nullptr : link->second.get();
}

NodeNetwork::LaneState* NodeNetwork::FindLane(NodeId peer, Lane lane, uint64_t epoch) {
  Link* const link = Find(peer);
  if (link == nullptr) return nullptr;
  LaneState* const found = link->lanes[static_cast<size_t>(lane)].get();
  return found->epoch == epoch ? found : nullptr;
}

// ---- out ----

void NodeNetwork::Send(GroupId group, raft::Message message) {
  observer_.OnSend(identity_.node, group, message);
  const NodeId to = message.to;
  if (to == identity_.node) return sink_.OnPeerMessage(group, std::move(message));
  const Lane lane = server::LaneOf(message);
  Queue(to, lane, Outgoing{group, std::move(message)});
}

void NodeNetwork::SendStatus(NodeId to, const server::NodeStatus& status) {
  if (to == identity_.node) return sink_.OnPeerStatus(status);
  Queue(to, Lane::kControl, Outgoing{GroupId(), status});
}

void NodeNetwork::SendPulse(NodeId to, server::Pulse pulse) {
  Queue(to, Lane::kControl, Outgoing{GroupId(), std::move(pulse)});
}

void NodeNetwork::Queue(NodeId to, Lane lane, Outgoing item) {
  Link* const link = Find(to);
  if (link == nullptr) return;
  LaneState& state = *link->lanes[static_cast<size_t>(lane)];
  const Outbox::Pushed pushed = state.outbox.Push(std::move(item));
  if (pushed == Outbox::Pushed::kFull ||
      (pushed != Outbox::Pushed::kQueued && lane != Lane::kControl)) {
    NoteDrop(*link);
  }
  waiting_ = true;
  if (flush_armed_) return;
  flush_armed_ = true;
  After(kFlushAnywayUs, [this] {
    flush_armed_ = false;
    Flush();
  });
}

void NodeNetwork::NoteDrop(Link& link) {
  if (std::exchange(link.drop_told, true)) return;
  After(kDropNoticeDelayUs, [this, peer = link.peer] {
    Link* const found = Find(peer);
    if (found == nullptr) return;
    found->drop_told = false;
    sink_.OnPeerUnreachable(peer, false);
  });
}

void NodeNetwork::Flush() {
  if (!std::exchange(waiting_, false)) return;
  for (const auto& [peer, link] : links_) {
    for (const auto& lane : link->lanes) Kick(*link, *lane);
  }
}

/// Writes what waits as one frame, if none is on its way out: what gathers meanwhile is the next.
void NodeNetwork::Kick(Link& link, LaneState& lane) {
  if (lane.phase != LaneState::Phase::kConnected || lane.kick_armed || lane.outbox.bytes() == 0) {
    return;
  }
  const int64_t now_us = network_.world().now_us();
  if (lane.busy_until_us > now_us) {
    lane.kick_armed = true;
    After(lane.busy_until_us - now_us,
          [this, peer = link.peer, which = lane.lane, epoch = lane.epoch] {
            LaneState* const same = FindLane(peer, which, epoch);
            if (same == nullptr) return;
            same->kick_armed = false;
            Kick(*Find(peer), *same);
          });
    return;
  }
  v1::PeerFrame frame;
  wire::EncodeFrame(lane.outbox.Take(server::kFrameBytes), &frame);
  Transmit(link.peer, lane, frame.SerializeAsString());
}

void NodeNetwork::Transmit(NodeId peer, LaneState& lane, std::string frame) {
  const int64_t now_us = network_.world().now_us();
  const LinkWeather& weather = network_.WeatherOf(identity_.node, peer);
  lane.busy_until_us = now_us + kFrameUs + static_cast<int64_t>(frame.size()) / kBytesPerUs;
  if (network_.Chance(weather.broken)) {
    // Some of what is on its way arrives, this frame does not.
    After(network_.DelayOf(identity_.node, peer),
          [this, peer, which = lane.lane, epoch = lane.epoch] {
            LaneState* const same = FindLane(peer, which, epoch);
            if (same == nullptr || same->phase != LaneState::Phase::kConnected) return;
            network_.reached().Count(Rare::kStreamBroken);
            OnLost(*Find(peer), *same);
          });
    return;
  }
  if (network_.Chance(weather.lost)) return;
  const bool late = network_.Chance(weather.late);
  const int copies = network_.Chance(weather.doubled) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    int64_t at_us = lane.busy_until_us + network_.DelayOf(identity_.node, peer);
    if (late || copy > 0) {
      const auto doubled = network_.random().Below(kLateDoublings);
      at_us += static_cast<int64_t>(network_.random().Below(kLateUs << doubled));
    } else {
      at_us = lane.last_arrival_us = std::max(lane.last_arrival_us + 1, at_us);
    }
    network_.world().After(
        at_us - now_us,
        [this, &network = network_, alive = std::weak_ptr<bool>(life_), self = identity_.node, peer,
         which = lane.lane, epoch = lane.epoch, instance = lane.peer_instance, frame]() mutable {
          if (!alive.expired()) return Arrive(peer, which, epoch, std::move(frame));
          // The process died after its system had taken the frame.
          network.DeliverOrphan(self, peer, instance, frame);
        });
  }
}

void NodeNetwork::Arrive(NodeId peer, Lane lane, uint64_t epoch, std::string frame) {
  LaneState* const state = FindLane(peer, lane, epoch);
  if (state == nullptr || state->phase != LaneState::Phase::kConnected) return;
  if (network_.IsCut(identity_.node, peer) || network_.IsPaused(peer) || !state->held.empty()) {
    state->held.push_back(std::move(frame));
    return;
  }
  NodeNetwork* const end = network_.End(peer);
  if (end == nullptr && network_.IsSilent(peer)) return;
  if (end == nullptr || end->instance() != state->peer_instance ||
      !end->Receive(identity_.node, frame)) {
    OnLost(*Find(peer), *state);
  }
}

void NodeNetwork::ReleaseHeld() {
  for (const auto& [peer, link] : links_) {
    if (network_.IsCut(identity_.node, peer) || network_.IsPaused(peer)) continue;
    for (const auto& lane : link->lanes) {
      if (lane->held.empty()) continue;
      // They are sent again, one after the other.
      const int64_t now_us = network_.world().now_us();
      lane->last_arrival_us =
          std::max(lane->last_arrival_us, now_us + network_.DelayOf(identity_.node, peer));
      for (std::string& frame : std::exchange(lane->held, {})) {
        network_.world().After(
            ++lane->last_arrival_us - now_us,
            [this, alive = std::weak_ptr<bool>(life_), peer = peer, which = lane->lane,
             epoch = lane->epoch, frame = std::move(frame)]() mutable {
              if (!alive.expired()) Arrive(peer, which, epoch, std::move(frame));
            });
      }
    }
  }
}

void NodeNetwork::Resume() {
  for (Callback<>& task : std::exchange(stalled_, {})) After(0, std::move(task));
}

// ---- in ----

void NodeNetwork::OnAdmitted(const PeerIdentity& peer) {
  admitted_[peer.node] = {peer, judgement_};
  if (Link* const link = Find(peer.node)) Nudge(*link);
}

bool NodeNetwork::Receive(NodeId from, const std::string& bytes) {
  Admitted& peer = admitted_[from];
  if (peer.judgement != judgement_) {
    peer.judgement = judgement_;
    if (!Judge(peer.identity).ok()) {
      peer.judgement = 0;
      return false;
    }
  }
  network_.CountFrame();
  network_.world().Mix(bytes);
  v1::PeerFrame frame;
  CHECK(frame.ParseFromString(bytes));
  wire::Incoming incoming = wire::DecodeFrame(from, identity_.node, &frame);
  CHECK_EQ(incoming.malformed, 0u);
  if (!incoming.messages.empty()) sink_.OnPeerMessages(std::move(incoming.messages));
  for (const server::NodeStatus& status : incoming.statuses) sink_.OnPeerStatus(status);
  for (server::Pulse& pulse : incoming.pulses) sink_.OnPeerPulse(from, std::move(pulse));
  return true;
}

// ---- dialing ----

void NodeNetwork::Dial(Link& link, LaneState& lane) {
  const NodeId self = identity_.node;
  const NodeId peer = link.peer;
  lane.phase = LaneState::Phase::kDialing;
  lane.refused = false;
  lane.kick_armed = false;
  lane.held.clear();
  const uint64_t epoch = lane.epoch = network_.NextInstance();
  const Lane which = lane.lane;
  After(kHandshakeTimeoutUs, [this, peer, which, epoch] {
    LaneState* const same = FindLane(peer, which, epoch);
    if (same != nullptr && same->phase == LaneState::Phase::kDialing) {
      OnDialFailed(peer, which, epoch, false);
    }
  });
  network_.Carry(self, peer, [this, alive = std::weak_ptr<bool>(life_), self, peer, which, epoch] {
    if (alive.expired()) return;
    NodeNetwork* const end = network_.End(peer);
    if (network_.IsPaused(peer) || (end == nullptr && network_.IsSilent(peer))) return;
    if (end == nullptr) {
      network_.Carry(peer, self, [this, alive, peer, which, epoch] {
        if (!alive.expired())
          After(0, [this, peer, which, epoch] { OnDialFailed(peer, which, epoch, true); });
      });
      return;
    }
    const Status judged = end->Judge(identity_);
    Result<PeerIdentity> reply = end->identity();
    if (!judged.ok()) reply = judged.error();
    if (judged.ok()) end->OnAdmitted(identity_);
    network_.Carry(peer, self,
                   [this, alive, peer, which, epoch, reply, instance = end->instance()] {
                     if (!alive.expired())
                       After(0, [this, peer, which, epoch, reply, instance] {
                         OnReply(peer, which, epoch, reply, instance);
                       });
                   });
  });
}

void NodeNetwork::Nudge(Link& link) {
  for (const auto& lane : link.lanes) {
    if (lane->phase != LaneState::Phase::kWaiting || lane->refused || lane->epoch == 0) continue;
    Dial(link, *lane);
  }
}

void NodeNetwork::OnReply(NodeId peer, Lane which, uint64_t epoch, const Result<PeerIdentity>& who,
                          uint64_t instance) {
  LaneState* const lane = FindLane(peer, which, epoch);
  if (lane == nullptr || lane->phase != LaneState::Phase::kDialing) return;
  Link& link = *Find(peer);
  const Status judged = who.ok() ? Judge(*who) : Status(who.error());
  if (judged.ok()) {
    lane->peer_instance = instance;
    return OnConnected(link, *lane);
  }
  lane->refused = true;
  if (judged.error().message != link.last_refusal) {
    link.last_refusal = judged.error().message;
    sink_.OnPeerRefused(peer, judged.error());
  }
  OnDialFailed(peer, which, epoch, false);
}

void NodeNetwork::OnConnected(Link& link, LaneState& lane) {
  lane.phase = LaneState::Phase::kConnected;
  lane.connected_at_us = network_.world().now_us();
  lane.outbox.Open();
  if (lane.lane == Lane::kControl) {
    link.last_refusal.clear();
    link.unavailable.clear();
    for (const auto& other : link.lanes) other->outbox.Open();
    Nudge(link);
    sink_.OnPeerConnected(link.peer);
  }
  Kick(link, lane);
}

void NodeNetwork::OnDialFailed(NodeId peer, Lane which, uint64_t epoch, bool gone) {
  LaneState* const lane = FindLane(peer, which, epoch);
  if (lane == nullptr || lane->phase != LaneState::Phase::kDialing) return;
  Link& link = *Find(peer);
  lane->phase = LaneState::Phase::kWaiting;
  lane->outbox.Close();
  DialLater(link, *lane, lane->refused ? kRefusedBackoffUs : TakeBackoff(*lane));
  if (which != Lane::kControl) return;
  if (!lane->refused) link.unavailable = "cannot be reached";
  sink_.OnPeerUnreachable(peer, gone);
}

void NodeNetwork::OnLost(Link& link, LaneState& lane) {
  lane.phase = LaneState::Phase::kWaiting;
  lane.epoch = network_.NextInstance();
  lane.kick_armed = false;
  lane.held.clear();
  lane.outbox.Close();
  lane.outbox.Open();
  if (network_.world().now_us() - lane.connected_at_us >= kStableUs) {
    lane.backoff_us = 0;
    Dial(link, lane);
  } else {
    DialLater(link, lane, TakeBackoff(lane));
  }
  sink_.OnPeerUnreachable(link.peer, false);
}

void NodeNetwork::OnReset(NodeId peer) {
  After(0, [this, peer] {
    Link* const link = Find(peer);
    if (link == nullptr) return;
    for (const auto& lane : link->lanes) {
      if (lane->phase == LaneState::Phase::kConnected) OnLost(*link, *lane);
    }
    std::vector<uint64_t> open;
    for (const auto& [id, question] : questions_) {
      if (question.to == peer) open.push_back(id);
    }
    for (const uint64_t id : open) {
      CompleteQuestion(id,
                       Error{ErrorCode::kTimeout, "the connection broke; it may have acted on it"});
    }
  });
}

void NodeNetwork::DialLater(Link& link, LaneState& lane, int64_t delay_us) {
  After(delay_us, [this, peer = link.peer, which = lane.lane, epoch = lane.epoch] {
    LaneState* const same = FindLane(peer, which, epoch);
    if (same != nullptr && same->phase == LaneState::Phase::kWaiting) Dial(*Find(peer), *same);
  });
}

int64_t NodeNetwork::TakeBackoff(LaneState& lane) {
  lane.backoff_us = std::clamp(lane.backoff_us * 2, kFirstBackoffUs, kLongestBackoffUs);
  return lane.backoff_us;
}

// ---- questions ----

void NodeNetwork::Call(NodeId to, server::PeerCall call, int64_t timeout_us,
                       Callback<Result<Bytes>> done) {
  if (to != identity_.node) {
    const Link* const link = Find(to);
    if (link == nullptr || !link->unavailable.empty()) {
      return done(Error{ErrorCode::kUnavailable,
                        "node " + std::to_string(to.value()) + " " +
                            (link == nullptr ? "is not known" : link->unavailable)});
    }
  }
  const uint64_t id = ++last_question_;
  questions_.emplace(id, Question{to, std::move(done)});
  After(timeout_us, [this, id] {
    CompleteQuestion(id, Error{ErrorCode::kTimeout, "no answer in time; it may have acted on it"});
  });
  const std::weak_ptr<bool> alive = life_;
  if (to == identity_.node) {
    return sink_.OnPeerCall(to, std::move(call), [this, alive, id](Result<Bytes> result) {
      if (!alive.expired()) CompleteQuestion(id, std::move(result));
    });
  }
  const NodeId self = identity_.node;
  SimNetwork& network = network_;  // outlives this process
  network_.Carry(
      self, to,
      [this, &network, alive, self, to, id, who = identity_, call = std::move(call)]() mutable {
        NodeNetwork* const end = network.End(to);
        if (end == nullptr) return;
        end->After(0, [this, &network, alive, self, to, id, who, end,
                       call = std::move(call)]() mutable {
          end->Answer(
              who, std::move(call), [this, &network, alive, self, to, id](Result<Bytes> result) {
                network.Carry(to, self, [this, alive, id, result = std::move(result)]() mutable {
                  if (alive.expired()) return;
                  After(0, [this, id, result = std::move(result)]() mutable {
                    CompleteQuestion(id, std::move(result));
                  });
                });
              });
        });
      });
}

void NodeNetwork::Answer(const PeerIdentity& from, server::PeerCall call,
                         Callback<Result<Bytes>> reply) {
  if (const Status judged = Judge(from); !judged.ok()) return reply(judged.error());
  sink_.OnPeerCall(from.node, std::move(call), std::move(reply));
}

void NodeNetwork::CompleteQuestion(uint64_t id, Result<Bytes> result) {
  const auto found = questions_.find(id);
  if (found == questions_.end()) return;
  Callback<Result<Bytes>> done = std::move(found->second.done);
  questions_.erase(found);
  done(std::move(result));
}

}  // namespace jangada::sim
