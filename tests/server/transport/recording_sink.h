// RecordingSink: a PeerSink that remembers what it was told, for tests that wait for it. Any
// thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/transport/transport.h"

namespace jangada::server {

/// How long a test waits for something that must happen; far longer than it takes.
inline constexpr std::chrono::seconds kPatience{20};

class RecordingSink : public PeerSink {
 public:
  struct Unreachable {
    NodeId peer;
    bool refused = false;
    std::chrono::steady_clock::time_point when;
  };
  struct Seen {
    std::vector<std::pair<GroupId, raft::Message>> messages;
    std::vector<NodeStatus> statuses;
    std::vector<Unreachable> unreachable;
    std::vector<NodeId> connected;
    std::vector<Error> refusals;
    std::vector<PeerIdentity> checked;
  };

  /// What CheckPeer answers; by default everyone is welcome.
  void SetCheck(std::function<Status(const PeerIdentity&)> check) {
    const std::lock_guard lock(mutex_);
    check_ = std::move(check);
  }
  /// What OnPeerCall does; by default it echoes method and payload.
  void SetAnswer(std::function<void(PeerCall, Callback<Result<Bytes>>)> answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

  Seen seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    seen_ = {};
  }

  /// False when `condition` did not come true in time.
  bool WaitFor(const std::function<bool(const Seen&)>& condition,
               std::chrono::milliseconds patience = kPatience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return condition(seen_); });
  }
  bool WaitForMessages(size_t count) {
    return WaitFor([count](const Seen& seen) { return seen.messages.size() >= count; });
  }
  bool WaitForConnected(NodeId peer) {
    return WaitFor([peer](const Seen& seen) {
      return std::find(seen.connected.begin(), seen.connected.end(), peer) != seen.connected.end();
    });
  }
  bool WaitForRefused(NodeId peer, std::chrono::milliseconds patience = kPatience) {
    return WaitFor(
        [peer](const Seen& seen) {
          return std::any_of(seen.unreachable.begin(), seen.unreachable.end(),
                             [peer](const Unreachable& u) { return u.peer == peer && u.refused; });
        },
        patience);
  }

  Status CheckPeer(const PeerIdentity& peer) override {
    std::function<Status(const PeerIdentity&)> check;
    {
      const std::lock_guard lock(mutex_);
      seen_.checked.push_back(peer);
      check = check_;
    }
    return check ? check(peer) : Status();
  }
  void OnPeerMessage(GroupId group, raft::Message message) override {
    Note([&] { seen_.messages.emplace_back(group, std::move(message)); });
  }
  void OnPeerStatus(const NodeStatus& status) override {
    Note([&] { seen_.statuses.push_back(status); });
  }
  void OnPeerCall(NodeId from, PeerCall call, Callback<Result<Bytes>> reply) override {
    std::function<void(PeerCall, Callback<Result<Bytes>>)> answer;
    {
      const std::lock_guard lock(mutex_);
      answer = answer_;
    }
    if (answer) return answer(std::move(call), std::move(reply));
    reply(Bytes(std::to_string(from.value()) + ":" + call.method + ":" + call.payload.ToString()));
  }
  void OnPeerUnreachable(NodeId peer, bool refused) override {
    Note([&] { seen_.unreachable.push_back({peer, refused, std::chrono::steady_clock::now()}); });
  }
  void OnPeerConnected(NodeId peer) override {
    Note([&] { seen_.connected.push_back(peer); });
  }
  void OnPeerRefused(NodeId, const Error& reason) override {
    Note([&] { seen_.refusals.push_back(reason); });
  }

 private:
  template <class F>
  void Note(F&& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;
  std::function<Status(const PeerIdentity&)> check_;
  std::function<void(PeerCall, Callback<Result<Bytes>>)> answer_;
};

}  // namespace jangada::server
