// Transport: how a node's messages reach the other nodes. Sends are unreliable by contract: a
// message may be lost, and after a broken stream an unknown suffix is; never altered, and in order
// per (group, peer, lane) while a stream lives (only a heartbeat and a heartbeat reply of one group
// may change places). The gRPC one is peer_transport; the simulator has its own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/uuid.h"
#include "raft/message.h"
#include "server/controller/cluster_image.h"  // Endpoint
#include "server/node_condition.h"

namespace jangada::server {

/// Grows with each incompatible change of proto/jangada/v1/peer.proto.
inline constexpr uint32_t kPeerProtocolVersion = 1;

struct LeaderHint {
  GroupId group;
  NodeId leader;
  raft::Term term = 0;
  /// Its followers that lack what it held a second or more ago (server/partition/lag_watch.h).
  std::vector<NodeId> lagging = {};
};

/// Soft state that every node tells every other: every second, with the leaderships whose lagging
/// followers changed, and at once when a leadership did; with all its leaderships when that may be
/// news (server/status_teller.h). The controller's leader takes it as a sign of life.
struct NodeStatus {
  NodeId from;
  bool full = false;  // `leaders` lists every group that `from` leads (and is ready to serve)
  std::vector<LeaderHint> leaders;
  NodeCondition condition;
};

/// What one shard of a node says to the same shard of another, once a heartbeat interval, for all
/// groups that both hold: "I lead these, I follow you in those, and I hear you". It stands in for a
/// heartbeat and an answer of every one of them (server/partition/pulses.h). Both lists are told
/// once, and then only what changed in them.
struct Pulse {
  struct Led {
    GroupId group;
    raft::Term term = 0;  // 0: not led, or without the receiver
    friend bool operator==(const Led&, const Led&) = default;
  };
  struct Followed {
    GroupId group;
    raft::Term term = 0;  // 0: the receiver is not followed
    raft::Index commit = 0;
    friend bool operator==(const Followed&, const Followed&) = default;
  };

  uint32_t shard = 0;
  uint32_t shards =
      1;               // of the sender. Two nodes that share their groups out differently send none
  uint64_t round = 0;  // the sender's for this receiver; grows by one each time
  bool whole = false;  // the lists are complete; otherwise changes since `round` - 1
  /// The receiver's newest round up to which the sender has all of its lists; 0: it does not, and
  /// wants them whole.
  uint64_t heard_round = 0;
  std::vector<Led> led;
  std::vector<Followed> followed;
  friend bool operator==(const Pulse&, const Pulse&) = default;
};

/// Who a node says it is; exchanged and checked when a connection between nodes opens.
struct PeerIdentity {
  uint32_t protocol_version = kPeerProtocolVersion;
  Uuid cluster_id;  // zero: belongs to no cluster yet
  NodeId node;
  Uuid disk_id;
};

/// A question to one node with one answer: `method` names it ("controller.propose"), payloads are
/// the caller's encoding. Not retried; kTimeout when the answer did not come: the question may have
/// been acted on.
struct PeerCall {
  std::string method;
  Bytes payload;
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// Any thread. Never blocks: beyond the lane's bound the message is dropped, and
  /// OnPeerUnreachable follows. Heartbeats and votes take the control lane, appends the bulk lane,
  /// checkpoints the snapshot lane. Only queues; the message leaves at the next Flush(), or by
  /// itself a little later.
  virtual void Send(GroupId group, raft::Message message) = 0;

  /// Any thread; each shard calls it at the end of every turn (cheap when nothing waits), so that
  /// all that the turn had to say to a peer leaves as one message on the wire.
  virtual void Flush() {}

  virtual void SendStatus(NodeId to, const NodeStatus& status) = 0;

  /// Takes the control lane. A transport that carries none costs its groups heartbeats, no more.
  virtual void SendPulse(NodeId to, Pulse pulse) {}

  /// `done` on an unspecified thread.
  virtual void Call(NodeId to, PeerCall call, int64_t timeout_us, Callback<Result<Bytes>> done) = 0;
};

/// A Transport that is told who there is to talk to, and as whom; by the node, from any thread.
class PeerNetwork : public Transport {
 public:
  /// Who this node is, from now on (a cluster was founded or joined). Streams that exist stay,
  /// unless the sink refuses their peers now.
  virtual void SetIdentity(const PeerIdentity& identity) = 0;

  /// Every other node that there is; this node in the map is skipped. Those that are new are
  /// dialed, those that moved dialed anew, those that left are disconnected.
  virtual void SetPeers(const std::map<NodeId, Endpoint>& peers) = 0;
};

/// The other direction, implemented by the node. Any thread; must not block.
class PeerSink {
 public:
  virtual ~PeerSink() = default;

  /// Called for every new connection, both ways. An error refuses it; its sentence is logged on
  /// both sides.
  virtual Status CheckPeer(const PeerIdentity& peer) = 0;

  virtual void OnPeerMessage(GroupId group, raft::Message message) = 0;
  /// All that one frame carried, in its order: a sink may hand it on in fewer pieces.
  virtual void OnPeerMessages(std::vector<std::pair<GroupId, raft::Message>> messages) {
    for (auto& [group, message] : messages) OnPeerMessage(group, std::move(message));
  }
  virtual void OnPeerStatus(const NodeStatus& status) = 0;
  virtual void OnPeerPulse(NodeId from, Pulse pulse) {}
  virtual void OnPeerCall(NodeId from, PeerCall call, Callback<Result<Bytes>> reply) = 0;

  /// A stream to `peer` broke or cannot be opened. refused: its machine answers that nobody
  /// listens, so the process is gone; else it may only be slow.
  virtual void OnPeerUnreachable(NodeId peer, bool refused) = 0;
  virtual void OnPeerConnected(NodeId peer) = 0;
  /// `peer` refused our connection, and why (another cluster, a wiped disk, another version). Tried
  /// again about every second; called when the reason changes.
  virtual void OnPeerRefused(NodeId peer, const Error& reason) {}
};

}  // namespace jangada::server
