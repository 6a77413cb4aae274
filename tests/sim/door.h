// ClientDoor: how clients reach the nodes: a call travels to a node, is served there, and its
// answer travels back, unless the process dies, stands still, or the way is cut. What a gRPC client
// would be told: kUnavailable if the call surely never arrived, kTimeout if its fate is unknown,
// else what the broker said. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/broker.h"
#include "tests/sim/node.h"
#include "tests/sim/world.h"

namespace jangada::sim {

/// The answer of a call that answers nothing.
struct Unit {};
inline Callback<Status> AsUnit(Callback<Result<Unit>> done) {
  return [done = std::move(done)](const Status& status) mutable {
    done(status.ok() ? Result<Unit>(Unit()) : Result<Unit>(status.error()));
  };
}

class ClientDoor {
 public:
  /// Without jitter the calls to a node arrive in the order in which they are made.
  ClientDoor(World& world, int64_t jitter_us, std::function<SimNode&(NodeId)> node)
      : world_(world),
        jitter_us_(jitter_us),
        node_(std::move(node)),
        random_(world.Stream(0x646f6f72)) {}

  /// No client reaches the node, and no answer of its leaves (or, false, they do again).
  void Cut(NodeId node, bool cut) {
    if (cut) {
      cut_.insert(node);
    } else {
      cut_.erase(node);
    }
  }
  /// Of the process at the node.
  uint64_t LifeOf(NodeId node) const { return node_(node).life(); }
  /// The process is gone: its connections are reset.
  void OnProcessGone(NodeId node, uint64_t life) {
    for (auto& [id, open] : open_) {
      if (open.node != node || open.life != life) continue;
      world_.After(Delay(), [this, id = id] { Reset(id); });
    }
  }

  /// `ask` runs at the node; `done` once.
  template <class T>
  void Ask(NodeId to, int64_t timeout_us,
           std::function<void(server::Broker&, Callback<Result<T>>)> ask,
           std::function<void(Result<T>)> done) {
    AskNode<T>(
        to, timeout_us,
        [ask = std::move(ask)](SimNode& node, Callback<Result<T>> reply) {
          ask(node.broker(), std::move(reply));
        },
        std::move(done));
  }
  /// `outlives_caller`: what a node took while it stood still is served when it goes on, also if
  /// nobody waits any more.
  template <class T>
  void AskNode(NodeId to, int64_t timeout_us,
               std::function<void(SimNode&, Callback<Result<T>>)> ask,
               std::function<void(Result<T>)> done, bool outlives_caller = false) {
    auto call = std::make_shared<Call<T>>(Call<T>{std::move(ask), std::move(done)});
    call->outlives_caller = outlives_caller;
    const uint64_t id = ++last_id_;
    open_[id] = {to, 0, [call] { Finish<T>(*call, Late("the connection was reset")); }};
    world_.After(timeout_us, [this, id, call] {
      open_.erase(id);
      Finish<T>(*call, Late("no answer in time"));
    });
    world_.After(Delay(), [this, id, to, call] { Arrive(id, to, call); });
  }

 private:
  template <class T>
  struct Call {
    std::function<void(SimNode&, Callback<Result<T>>)> ask;
    std::function<void(Result<T>)> done;
    bool outlives_caller = false;
    bool taken = false;  // by a node that stands still
  };
  struct Open {
    NodeId node;
    uint64_t life = 0;  // of the process that serves it; 0: not arrived
    std::function<void()> reset;
  };

  static Error Late(const char* why) {
    return {ErrorCode::kTimeout, std::string(why) + "; it may or may not have been done"};
  }
  int64_t Delay() {
    if (jitter_us_ == 0) return kDelayUs;
    return kDelayUs + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(jitter_us_)));
  }

  template <class T>
  static void Finish(Call<T>& call, Result<T> result) {
    if (!call.done) return;
    std::exchange(call.done, nullptr)(std::move(result));
  }

  template <class T>
  void Arrive(uint64_t id, NodeId to, const std::shared_ptr<Call<T>>& call) {
    const auto open = open_.find(id);
    const bool waits = open != open_.end();
    if (!waits && !call->taken) return;
    if (cut_.contains(to) && !call->taken) return;  // its time-out will tell
    SimNode& node = node_(to);
    if (!node.IsUp() || node.IsStopping()) {
      world_.After(Delay(), [this, id, call] {
        open_.erase(id);
        Finish<T>(*call, Error{ErrorCode::kUnavailable, "connection refused"});
      });
      return;
    }
    if (waits) open->second.life = node.life();
    if (node.IsPaused()) {  // its system has taken the call, the process will see it when it goes
                            // on
      call->taken = call->outlives_caller;
      world_.After(kLookAgainUs, [this, id, to, call, life = node.life()] {
        SimNode& same = node_(to);
        if (!same.IsUp() || same.life() != life) return Reset(id);
        Arrive(id, to, call);
      });
      return;
    }
    call->ask(node, [this, id, to, call, life = node.life()](Result<T> result) {
      // A process that is being taken apart tells nobody anything.
      SimNode& same = node_(to);
      if (!same.IsUp() || same.life() != life) return;
      world_.After(Delay(), [this, id, to, call, result = std::move(result)]() mutable {
        if (cut_.contains(to)) return;
        open_.erase(id);
        Finish<T>(*call, std::move(result));
      });
    });
  }

  void Reset(uint64_t id) {
    auto open = open_.extract(id);
    if (!open.empty()) open.mapped().reset();
  }

  static constexpr int64_t kDelayUs = 100;
  static constexpr int64_t kLookAgainUs = 100'000;

  World& world_;
  const int64_t jitter_us_;
  const std::function<SimNode&(NodeId)> node_;
  Random random_;
  std::set<NodeId> cut_;
  std::map<uint64_t, Open> open_;
  uint64_t last_id_ = 0;
};

}  // namespace jangada::sim
