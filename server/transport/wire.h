// Between raft's words and the wire's (proto/jangada/v1/peer.proto). What comes in may be hostile:
// a message that breaks a rule which the core relies on (entries that do not join, terms that go
// back, lists of unequal length) is dropped and counted. Plain functions; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "jangada/v1/peer.pb.h"
#include "server/transport/outbox.h"
#include "server/transport/transport.h"

namespace jangada::server::wire {

void EncodeIdentity(const PeerIdentity& identity, v1::PeerIdentity* out);
/// nullopt: a UUID of a wrong length, or a node id below 1.
std::optional<PeerIdentity> DecodeIdentity(const v1::PeerIdentity& identity);

v1::PeerLane EncodeLane(Lane lane);
std::optional<Lane> DecodeLane(v1::PeerLane lane);

/// REQUIRES: `frame` is clear. Messages keep their order.
void EncodeFrame(const std::vector<Outgoing>& batch, v1::PeerFrame* frame);

struct Incoming {
  std::vector<std::pair<GroupId, raft::Message>> messages;  // in the order in which they were sent
  std::vector<NodeStatus> statuses;
  std::vector<Pulse> pulses;
  size_t malformed = 0;
};

/// Takes the payloads out of `frame`.
Incoming DecodeFrame(NodeId from, NodeId to, v1::PeerFrame* frame);

void EncodeError(const Error& error, v1::PeerAnswer* out);
/// REQUIRES: error_code is not empty. A name of a later version reads as kInternal.
Error DecodeError(const v1::PeerAnswer& answer);

}  // namespace jangada::server::wire
