// PeerTransport: the Transport over gRPC. Each node dials each peer three times (control, bulk and
// snapshot lane, a connection each) and speaks on the streams that it dialed; what the peers have
// to say comes in on theirs. Both ends say who they are first and ask their PeerSink whether that
// will do. A broken stream is dialed again at once; a peer that is gone is told apart from a slow
// one by its machine's refusal. Any thread, but for Start and Shutdown: one thread, in that order.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "base/ids.h"
#include "base/result.h"
#include "server/transport/transport.h"
#include "server/transport/transport_stats.h"

namespace jangada::server {

class PeerTransport final : public PeerNetwork {
 public:
  /// Connections of one address that have not said hello; of all four times as many.
  static constexpr size_t kMaxStrangersOfAddress = 64;

  /// `sink` outlives the transport.
  PeerTransport(const PeerIdentity& identity, PeerSink& sink);
  ~PeerTransport() override;  // Shutdown(), if that was not called

  /// Listens for the peers (port 0: any free port) and starts to dial. Once.
  /// kFailedPrecondition: the address cannot be had (its port is in use, ...).
  Status Start(const Endpoint& listen);
  /// The port that it listens on. REQUIRES: started.
  uint16_t port() const;
  /// Connections to it that have not said who they are (front_door.h).
  size_t strangers() const;

  /// Ends all streams and calls; when it returns, the sink and every `done` have been called for
  /// the last time. Not from a callback of this transport. Idempotent.
  void Shutdown();

  void SetIdentity(const PeerIdentity& identity) override;
  void SetPeers(const std::map<NodeId, Endpoint>& peers) override;

  void Send(GroupId group, raft::Message message) override;
  void Flush() override;
  void SendStatus(NodeId to, const NodeStatus& status) override;
  void SendPulse(NodeId to, Pulse pulse) override;
  /// kUnavailable: it was surely not asked; kShuttingDown, kPermissionDenied (refused),
  /// kUnsupportedVersion.
  void Call(NodeId to, PeerCall call, int64_t timeout_us, Callback<Result<Bytes>> done) override;

  TransportStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangada::server
