// What the transport between nodes counts, as plain values at one moment. Counters begin with the
// process and never go back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/ids.h"

namespace jangada::server {

/// Of one peer.
struct PeerTraffic {
  size_t lanes = 0;  // of three that we dialed: those on which it can be reached now
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  size_t queued_bytes = 0;   // waiting to leave now
  uint64_t connections = 0;  // lanes that came up
};

struct TransportStats {
  uint64_t frames_sent = 0;    // messages on the wire; each carries all that waited
  uint64_t messages_sent = 0;  // raft messages and statuses in them
  uint64_t messages_received = 0;
  uint64_t messages_dropped = 0;        // the lane was full, or the peer not connected
  uint64_t messages_malformed = 0;      // of peers; dropped
  std::map<NodeId, PeerTraffic> peers;  // that the node knows of
};

}  // namespace jangada::server
