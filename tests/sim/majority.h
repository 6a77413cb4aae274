// IsMajority: counts by itself, for the product's own count may be the mistake. Plain function.
#pragma once

#include <algorithm>
#include <vector>

#include "raft/types.h"

namespace jangada::sim {

/// Whether those of whom `has` is true are a majority of the voters and, in a joint membership, of
/// the outgoing voters too. Nobody is a majority of no voters.
template <class Has>
bool IsMajority(const raft::Membership& membership, Has has) {
  const auto of = [&](const std::vector<NodeId>& voters) {
    const auto those = std::count_if(voters.begin(), voters.end(), has);
    return 2 * static_cast<size_t>(those) > voters.size();
  };
  return of(membership.voters) && (membership.outgoing.empty() || of(membership.outgoing));
}

}  // namespace jangada::sim
