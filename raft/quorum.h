// Majorities of one configuration, joint or not. Pure functions: the loops live here, the rules
// that use them elsewhere. In a joint configuration every answer needs both halves (thesis 4.3).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "raft/types.h"

namespace jangada::raft {

/// The greatest value that a majority of `membership` has reached, where `value(node)` is what a
/// node has. The same question is asked of match indices, of read rounds and of the ticks at which
/// peers were heard. REQUIRES: at least one voter.
uint64_t QuorumValue(const Membership& membership, const std::function<uint64_t(NodeId)>& value);

/// The greatest value that so many members have reached that every majority has one of them in it:
/// more than half, or of an even number just half.
uint64_t BlockingValue(const Membership& membership, const std::function<uint64_t(NodeId)>& value);

enum class VoteOutcome : uint8_t { kPending, kWon, kLost };

/// `votes`: who answered, and whether it granted. Answers of others than voters do not count.
VoteOutcome CountVotes(const Membership& membership, const std::map<NodeId, bool>& votes);

}  // namespace jangada::raft
