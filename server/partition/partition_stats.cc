#include "server/partition/partition_stats.h"

#include <algorithm>

namespace jangada::server {

void ReplicaCounters::Add(const ReplicaCounters& other) {
  appended_batches += other.appended_batches;
  appended_records += other.appended_records;
  appended_bytes += other.appended_bytes;
  committed_batches += other.committed_batches;
  checkpoints_sent += other.checkpoints_sent;
  applied_entries += other.applied_entries;
  applied_bytes += other.applied_bytes;
  checkpoints_written += other.checkpoints_written;
  checkpoints_installed += other.checkpoints_installed;
  elections_started += other.elections_started;
  elections_won += other.elections_won;
  damage_found += other.damage_found;
  fetches += other.fetches;
  fetched_batches += other.fetched_batches;
  fetched_bytes += other.fetched_bytes;
}

void PeerLag::Add(const PeerLag& other) {
  replicas += other.replicas;
  behind += other.behind;
  unheard += other.unheard;
  lag_entries += other.lag_entries;
  max_lag_entries = std::max(max_lag_entries, other.max_lag_entries);
}

}  // namespace jangada::server
