// What the store and its caches count, as plain values at one moment. Counters begin with the
// process and never go back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/latency_histogram.h"

namespace jangada::storage {

struct CacheStats {
  // A hit: the first entry that was looked for is there. After a miss it is read from what is being
  // written just now, or from the disk.
  uint64_t log_hits = 0;  // by index: for followers, and to apply
  uint64_t log_misses = 0;
  uint64_t fetch_hits = 0;  // by offset: for consumers
  uint64_t fetch_misses = 0;
  size_t bytes = 0;  // held now
  size_t capacity_bytes = 0;

  void Add(const CacheStats& other) {
    log_hits += other.log_hits;
    log_misses += other.log_misses;
    fetch_hits += other.fetch_hits;
    fetch_misses += other.fetch_misses;
    bytes += other.bytes;
    capacity_bytes += other.capacity_bytes;
  }
};

struct WriterStats {
  LatencyCounts sync;           // of each synced write of the database
  uint64_t group_writes = 0;    // writes of single groups in them
  uint64_t written_bytes = 0;   // as handed to the database: entries, keys, hard states
  uint64_t refused_writes = 0;  // for want of room on the disk
  size_t queue = 0;             // what waits for the writer now
  uint64_t damage_found =
      0;  // entries that failed their checks, and cost their replica its log's end
  int64_t dropped_bytes = 0;  // of entries that were trimmed or erased
  bool lost_groups = false;   // whole groups may be missing (docs/decisions.md, 11)
};

struct StoreStats {
  WriterStats writer;
  LatencyCounts cold_read;  // reads that went to the database, from the call to the answer
};

}  // namespace jangada::storage
