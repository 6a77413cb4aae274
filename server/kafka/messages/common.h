// What several messages share: who leads a partition, and where nodes are reached. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/kafka/codec.h"
#include "server/kafka/errors.h"

namespace jangada::server::kafka {

/// The leader that a refused client should go to (KIP-951).
struct LeaderIdAndEpoch {
  int32_t leader_id = -1;
  int32_t leader_epoch = -1;
  static void Fields(auto& m, auto& v) { v(m.leader_id), v(m.leader_epoch); }
};

struct NodeEndpoint {
  int32_t node_id = 0;
  std::string host;
  int32_t port = 0;
  std::optional<std::string> rack;
  static void Fields(auto& m, auto& v) {
    v(m.node_id), v(m.host), v(m.port), v(m.rack, {.nullable_since = 0});
  }
};

/// "Not computed", in the fields that say what a client may do.
inline constexpr int32_t kOperationsNotAsked = -2147483648;

}  // namespace jangada::server::kafka
