// GroupLagWatch: how far the groups that this node coordinates are behind, for whoever watches the
// node: looked at from time to time, one group after the other, so that it never is much work at
// once. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/grpc/door_stats.h"

namespace jangada::server::grpc_door {

struct Door;

/// Groups that are looked at in one round; of those beyond it nothing is told.
inline constexpr size_t kMaxWatchedGroups = 1'000;

class GroupLagWatch {
 public:
  /// `door` outlives it. Looks every so many microseconds, and for the first time after as many.
  GroupLagWatch(Door& door, int64_t every_us);
  /// Calls off what is under way, and waits for it.
  ~GroupLagWatch();
  GroupLagWatch(const GroupLagWatch&) = delete;
  GroupLagWatch& operator=(const GroupLagWatch&) = delete;

  /// As of the last round; by name.
  std::vector<GroupLagStats> stats() const;

 private:
  class Rounds;
  const std::shared_ptr<Rounds> rounds_;
};

}  // namespace jangada::server::grpc_door
