// What every part of the peer transport shares: who this node is, whom it tells, what it counts,
// and how both ends of a connection judge each other. Any thread.
#pragma once

#include <grpcpp/support/channel_arguments.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "server/listen/notices.h"
#include "server/transport/transport.h"
#include "server/transport/wire.h"

namespace jangada::server {

/// A silently dead peer is noticed after at most the sum of both.
inline constexpr int kKeepaliveTimeMs = 2'000;
inline constexpr int kKeepaliveTimeoutMs = 2'000;

struct PeerContext {
  PeerContext(const PeerIdentity& identity, PeerSink& sink, Executor& executor)
      : sink(sink), executor(executor), self(identity.node), identity_(identity) {}

  PeerIdentity identity() const {
    const std::lock_guard lock(mutex_);
    return identity_;
  }
  void SetIdentity(const PeerIdentity& identity) {
    const std::lock_guard lock(mutex_);
    identity_ = identity;
  }

  /// Whether we will talk with a node that says this of itself. kUnsupportedVersion,
  /// kPermissionDenied.
  Status Judge(const PeerIdentity& peer);

  /// Hands on what one frame of `from` held.
  void Deliver(NodeId from, wire::Incoming incoming);

  PeerSink& sink;
  Executor& executor;  // the transport's own thread: dials, retries, drops
  Notices notices;     // what would otherwise fill the log
  const NodeId self;

  /// Of one peer; as long-lived as the context.
  struct PeerCounters {
    std::atomic<size_t> lanes = 0;
    std::atomic<uint64_t> connections = 0;
    std::atomic<uint64_t> sent_bytes = 0;
    std::atomic<uint64_t> received_bytes = 0;
  };
  PeerCounters& CountersOf(NodeId peer) {
    const std::lock_guard lock(mutex_);
    return peers_[peer];
  }

  // Counters; see TransportStats.
  std::atomic<uint64_t> frames_sent = 0;
  std::atomic<uint64_t> messages_sent = 0;
  std::atomic<uint64_t> messages_received = 0;
  std::atomic<uint64_t> messages_dropped = 0;
  std::atomic<uint64_t> messages_malformed = 0;

 private:
  mutable std::mutex mutex_;
  PeerIdentity identity_;
  std::map<NodeId, PeerCounters> peers_;
};

/// {name, value} of the channel arguments that both ends set.
std::vector<std::pair<const char*, int>> CommonChannelArguments();
/// Those of a dialer: a connection of its own, quick to fail and to try again.
grpc::ChannelArguments DialerArguments();

}  // namespace jangada::server
