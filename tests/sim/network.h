// SimNetwork: the wires between the nodes. Each ordered pair has a link with three lanes, as the
// gRPC transport has; each lane is a stream that is dialed, judged by both ends, breaks and loses
// an unknown suffix. What travels is encoded and decoded by server/transport/wire. A link can be
// cut (frames wait, then the stream dies), slowed, or made worse than TCP: frames get lost, come
// twice or out of order. NodeNetwork is one process's end of it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/transport/outbox.h"
#include "server/transport/transport.h"
#include "tests/sim/reached.h"
#include "tests/sim/world.h"

namespace jangada::sim {

class NodeNetwork;

/// What a link does to what travels on it.
struct LinkWeather {
  int64_t min_delay_us = 100;
  int64_t max_delay_us = 400;
  /// Of 10,000 frames. Worse than TCP: the core must bear it all the same.
  uint32_t lost = 0;
  uint32_t doubled = 0;
  uint32_t late = 0;  // so much later that others overtake it
  /// Of 10,000 frames: the stream breaks there.
  uint32_t broken = 0;
};

class SimNetwork {
 public:
  SimNetwork(World& world, Reached& reached)
      : world_(world), reached_(reached), random_(world.Stream(0x6e6574)) {}

  // ---- processes ----
  void Attach(NodeId node, NodeNetwork* end);
  /// The process is gone. With its machine (`silent`) nobody answers; else connections are refused.
  void Detach(NodeId node, bool silent);
  /// The process stands still: its end of every wire takes nothing.
  void SetPaused(NodeId node, bool paused);

  // ---- faults ----
  void SetWeather(const LinkWeather& weather) { weather_ = weather; }
  void SetWeather(NodeId from, NodeId to, const LinkWeather& weather) {
    own_weather_[{from, to}] = weather;
  }
  void ClearOwnWeather() { own_weather_.clear(); }
  const LinkWeather& WeatherOf(NodeId from, NodeId to) const;
  /// Nothing gets from one to the other. Streams between the two wait, and die of it after a while.
  void Cut(NodeId from, NodeId to);
  void Heal(NodeId from, NodeId to);
  void HealAll();
  bool IsCut(NodeId from, NodeId to) const { return cut_.contains({from, to}); }
  /// Every stream between the two breaks now.
  void Reset(NodeId a, NodeId b);

  // ---- for the ends ----
  World& world() { return world_; }
  Reached& reached() { return reached_; }
  Random& random() { return random_; }
  NodeNetwork* End(NodeId node) const;
  bool IsSilent(NodeId node) const { return silent_.contains(node); }
  bool IsPaused(NodeId node) const { return paused_.contains(node); }
  int64_t DelayOf(NodeId from, NodeId to);
  bool Chance(uint32_t of_ten_thousand) {
    return of_ten_thousand > 0 && random_.Below(10'000) < of_ten_thousand;
  }
  /// Runs `task` when a packet that leaves now has arrived; never, if the link is cut by then.
  void Carry(NodeId from, NodeId to, Callback<> task);
  /// A frame of a process that is gone, to the process that it was meant for.
  void DeliverOrphan(NodeId from, NodeId to, uint64_t instance, const std::string& frame);
  uint64_t NextInstance() { return ++last_instance_; }
  uint64_t frames() const { return frames_; }
  void CountFrame() { ++frames_; }

 private:
  /// gRPC's keepalive: a silent peer is noticed after this.
  static constexpr int64_t kKeepaliveUs = 4'000'000;

  void ResetIfStillStuck(NodeId a, NodeId b, uint64_t change);

  World& world_;
  Reached& reached_;
  Random random_;
  uint64_t frames_ = 0;
  uint64_t last_instance_ = 0;
  uint64_t last_change_ = 0;
  LinkWeather weather_;
  std::map<std::pair<NodeId, NodeId>, LinkWeather> own_weather_;
  std::map<NodeId, NodeNetwork*> ends_;
  std::set<NodeId> silent_;
  std::map<NodeId, uint64_t> paused_;                  // -> when this began, as a number
  std::map<std::pair<NodeId, NodeId>, uint64_t> cut_;  // likewise
};

/// Told of each message that a node sends, before it leaves.
class MessageObserver {
 public:
  virtual ~MessageObserver() = default;
  virtual void OnSend(NodeId node, GroupId group, const raft::Message& message) = 0;
};

class NodeNetwork final : public server::PeerNetwork {
 public:
  NodeNetwork(SimNetwork& network, const server::PeerIdentity& identity, server::PeerSink& sink,
              MessageObserver& observer);
  ~NodeNetwork() override;

  // ---- server::PeerNetwork ----
  void SetIdentity(const server::PeerIdentity& identity) override;
  void SetPeers(const std::map<NodeId, server::Endpoint>& peers) override;
  void Send(GroupId group, raft::Message message) override;
  void Flush() override;
  void SendStatus(NodeId to, const server::NodeStatus& status) override;
  void SendPulse(NodeId to, server::Pulse pulse) override;
  void Call(NodeId to, server::PeerCall call, int64_t timeout_us,
            Callback<Result<Bytes>> done) override;

  // ---- for the other ends and the network ----
  NodeId self() const { return identity_.node; }
  uint64_t instance() const { return instance_; }
  const server::PeerIdentity& identity() const { return identity_; }
  Status Judge(const server::PeerIdentity& peer) const;
  /// A peer with this identity was let in: it is there.
  void OnAdmitted(const server::PeerIdentity& peer);
  /// A frame of `from` has come. False: that peer is not welcome any more.
  bool Receive(NodeId from, const std::string& frame);
  void Answer(const server::PeerIdentity& from, server::PeerCall call,
              Callback<Result<Bytes>> reply);
  /// All streams from here to `peer` break.
  void OnReset(NodeId peer);
  /// Frames that waited go on: the link was healed, or an end of it woke up.
  void ReleaseHeld();
  /// This process goes on after it stood still.
  void Resume();

 private:
  struct LaneState {
    explicit LaneState(server::Lane lane) : lane(lane), outbox(server::LaneBytes(lane)) {}
    const server::Lane lane;
    server::Outbox outbox;
    enum class Phase : uint8_t { kWaiting, kDialing, kConnected } phase = Phase::kWaiting;
    uint64_t epoch = 0;          // of the dial; what belongs to an earlier one is void
    uint64_t peer_instance = 0;  // the process that it reached
    int64_t connected_at_us = 0;
    int64_t backoff_us = 0;
    bool refused = false;
    bool kick_armed = false;
    int64_t busy_until_us = 0;      // the frame before is on its way out
    int64_t last_arrival_us = 0;    // streams keep their order
    std::vector<std::string> held;  // arrived, but the link is cut or the peer stands still
  };
  struct Link {
    NodeId peer;
    server::Endpoint endpoint;
    std::array<std::unique_ptr<LaneState>, server::kLaneCount> lanes;
    bool drop_told = false;
    std::string unavailable;  // not empty: no question can be asked just now
    std::string last_refusal;
  };
  struct Question {
    NodeId to;
    Callback<Result<Bytes>> done;
  };

  Link* Find(NodeId peer);
  /// The lane of a dial that is still the present one.
  LaneState* FindLane(NodeId peer, server::Lane lane, uint64_t epoch);
  void Queue(NodeId to, server::Lane lane, server::Outgoing item);
  void Kick(Link& link, LaneState& lane);
  void Transmit(NodeId peer, LaneState& lane, std::string frame);
  void Arrive(NodeId peer, server::Lane lane, uint64_t epoch, std::string frame);
  void Dial(Link& link, LaneState& lane);
  void Nudge(Link& link);
  void OnReply(NodeId peer, server::Lane lane, uint64_t epoch,
               const Result<server::PeerIdentity>& who, uint64_t instance);
  void OnConnected(Link& link, LaneState& lane);
  void OnDialFailed(NodeId peer, server::Lane lane, uint64_t epoch, bool gone);
  void OnLost(Link& link, LaneState& lane);
  void DialLater(Link& link, LaneState& lane, int64_t delay_us);
  int64_t TakeBackoff(LaneState& lane);
  void NoteDrop(Link& link);
  void CompleteQuestion(uint64_t id, Result<Bytes> result);

  /// Runs `task` after a delay, later if this process stands still then, never if it is gone.
  template <class F>
  void After(int64_t delay_us, F task) {
    network_.world().After(
        delay_us, [this, alive = std::weak_ptr<bool>(life_), task = std::move(task)]() mutable {
          if (alive.expired()) return;
          if (network_.IsPaused(self())) {
            stalled_.emplace_back(std::move(task));
          } else {
            task();
          }
        });
  }

  SimNetwork& network_;
  server::PeerSink& sink_;
  MessageObserver& observer_;
  const uint64_t instance_;
  server::PeerIdentity identity_;
  std::map<NodeId, std::unique_ptr<Link>> links_;
  /// Who was let in, and when it was last judged.
  struct Admitted {
    server::PeerIdentity identity;
    uint64_t judgement = 0;
  };
  std::map<NodeId, Admitted> admitted_;
  uint64_t judgement_ = 1;
  std::map<uint64_t, Question> questions_;
  uint64_t last_question_ = 0;
  std::vector<Callback<>> stalled_;
  bool waiting_ = false;  // something was queued since the last flush
  bool flush_armed_ = false;
  std::shared_ptr<bool> life_ = std::make_shared<bool>(true);
};

}  // namespace jangada::sim
