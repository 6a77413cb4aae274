// What a shard counts, as plain values at one moment. Counters begin with the shard's start.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jangada::server {

struct ShardStats {
  size_t queue = 0;    // tasks that were posted and have not run
  uint64_t tasks = 0;  // that have
  int64_t cpu_us = 0;  // spent by the shard's thread
};

}  // namespace jangada::server
