// What a replica and its partition count, as plain values: owned by their shard, and read there.
// Counters begin with the replica and never go back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/ids.h"
#include "raft/types.h"

namespace jangada::server {

struct ReplicaCounters {
  // As the leader.
  uint64_t appended_batches = 0;
  uint64_t appended_records = 0;
  uint64_t appended_bytes = 0;
  uint64_t committed_batches = 0;  // of those: committed and applied while it still led
  uint64_t checkpoints_sent = 0;
  // In any role.
  uint64_t applied_entries = 0;  // also those that a start applies again
  uint64_t applied_bytes = 0;
  uint64_t checkpoints_written = 0;
  uint64_t checkpoints_installed = 0;
  uint64_t elections_started = 0;
  uint64_t elections_won = 0;
  uint64_t starts = 0;  // of its Raft: more than one after damage, or where the disk had no room
  uint64_t damage_found = 0;  // times that this copy was found damaged, at its start or later
  // Of its partition.
  uint64_t fetches = 0;  // answered
  uint64_t fetched_batches = 0;
  uint64_t fetched_bytes = 0;

  void Add(const ReplicaCounters& other);
};

/// A replica at one moment, as far as its own node can tell.
struct ReplicaVitals {
  bool leads = false;  // and is ready to serve
  bool has_leader = false;
  bool refilling = false;
  raft::Index lag_entries = 0;  // known to be committed, and not applied here yet
  size_t unfolded_bytes = 0;    // what a restart would replay
  size_t waiting_fetches = 0;   // long polls
};

/// What leaders on this node know of the replicas on one other node.
struct PeerLag {
  size_t replicas = 0;
  size_t behind = 0;         // live, and more than kCaughtUpEntries behind
  size_t unheard = 0;        // not heard from for an election timeout
  uint64_t lag_entries = 0;  // sum over the replicas: committed, and not known to be on its disk
  uint64_t max_lag_entries = 0;

  void Add(const PeerLag& other);
};

/// A replica this far behind still counts as caught up.
inline constexpr raft::Index kCaughtUpEntries = 100;

/// One partition, for the series that exist only where metrics.per_partition asks for them.
struct PartitionGauges {
  std::string topic;
  int32_t partition = 0;
  bool leads = false;
  int64_t log_start_offset = 0;
  int64_t high_watermark = 0;
  uint64_t lag_entries =
      0;  // where it leads: of the follower that is furthest behind; else its own
};

}  // namespace jangada::server
