#include "server/host_stats.h"

#include <iterator>

namespace jangada::server {

void HostStats::Add(const HostStats& other) {
  replicas += other.replicas;
  leaders += other.leaders;
  leaderless += other.leaderless;
  refilling += other.refilling;
  behind += other.behind;
  unfolded_bytes += other.unfolded_bytes;
  waiting_fetches += other.waiting_fetches;
  counters.Add(other.counters);
  cache.Add(other.cache);
  for (const auto& [peer, lag] : other.peers) peers[peer].Add(lag);
  partitions.insert(partitions.end(), other.partitions.begin(), other.partitions.end());
}

}  // namespace jangada::server
