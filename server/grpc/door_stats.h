// What the gRPC door counts, as plain values at one moment. Counters begin with the process and
// never go back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/latency_histogram.h"

namespace jangada::server {

/// gRPC's status codes: index = number.
inline constexpr std::array kGrpcCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};
inline constexpr size_t kGrpcCodes = kGrpcCodeNames.size();
static_assert(kGrpcCodes == 17);

struct MethodStats {
  std::string service;                         // "Log"
  std::string method;                          // "Produce"
  std::array<uint64_t, kGrpcCodes> by_code{};  // calls that ended, by status
  /// From a request to its answer: of whole calls, or of the requests in a ProduceStream. Empty
  /// for Consume, whose calls last as long as their clients like.
  LatencyCounts latency;
  int64_t open = 0;  // calls under way
};

/// How far a group that this node coordinates is behind the ends of what it has committed in.
struct GroupLagStats {
  std::string group;
  int64_t records = -1;  // of all its partitions; -1: not known
  int64_t ms = -1;       // since the oldest record that was not read; 0: all were; -1: not known
};

struct DoorStats {
  std::vector<MethodStats> methods;  // every method, called or not
  size_t produce_bytes = 0;          // of requests that were received and not answered
  size_t produce_limit_bytes = 0;
  uint64_t throttled = 0;             // produces refused because of that limit
  uint64_t forwarded = 0;             // calls passed on to the leader's node
  std::vector<GroupLagStats> groups;  // by name, as they were seconds ago
};

}  // namespace jangada::server
