// What one shard's partitions add up to, as plain values at one moment, and how many of the
// replicas that a node should have are as they should be.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "server/partition/partition_stats.h"
#include "storage/store_stats.h"

namespace jangada::server {

struct HostStats {
  size_t replicas = 0;
  size_t leaders = 0;     // and ready to serve
  size_t leaderless = 0;  // know no leader
  size_t refilling = 0;
  size_t behind =
      0;  // more than kCaughtUpEntries of what they know to be committed are not applied
  size_t unfolded_bytes = 0;
  size_t waiting_fetches = 0;
  /// Of the replicas that are here and of those that were removed: never goes back.
  ReplicaCounters counters;
  storage::CacheStats cache;
  std::map<NodeId, PeerLag> peers;
  std::vector<PartitionGauges> partitions;  // only if asked for

  void Count(const ReplicaVitals& vitals) {
    ++replicas;
    if (vitals.leads) ++leaders;
    if (!vitals.has_leader) ++leaderless;
    if (vitals.refilling) ++refilling;
    if (vitals.lag_entries > kCaughtUpEntries) ++behind;
    unfolded_bytes += vitals.unfolded_bytes;
    waiting_fetches += vitals.waiting_fetches;
  }
  void Add(const HostStats& other);
};

/// Of the replicas that the cluster placed on a node. Each counts once, as the first that applies.
struct ReplicaTally {
  size_t expected = 0;
  size_t missing = 0;     // not started
  size_t refilling = 0;   // damaged
  size_t leaderless = 0;  // know no leader
  size_t behind = 0;      // have not caught up

  bool whole() const { return missing + refilling + leaderless + behind == 0; }
  void Add(const ReplicaTally& other) {
    expected += other.expected;
    missing += other.missing;
    refilling += other.refilling;
    leaderless += other.leaderless;
    behind += other.behind;
  }
};

}  // namespace jangada::server
