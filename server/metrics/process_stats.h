// ProcessStats: what the system says of this process, read from /proc at the moment of the call.
// What cannot be read is 0. Any thread; takes some hundred microseconds, so not a shard's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jangada::server {

struct ProcessStats {
  double cpu_seconds = 0;         // user and system
  double start_time_seconds = 0;  // since 1970 UTC
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  int64_t open_fds = 0;
  int64_t max_fds = 0;
  int64_t threads = 0;
};

ProcessStats ReadProcessStats();

/// Established TCP connections to `port` of this machine (of this network namespace): what clients
/// of a listener hold, where its library does not count them.
size_t CountConnections(uint16_t port);

}  // namespace jangada::server
