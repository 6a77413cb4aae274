#include "raft/quorum.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::raft {
namespace {

using Value = std::function<uint64_t(NodeId)>;

/// The greatest value that all but `others` of the voters have reached.
uint64_t ReachedByAllBut(size_t others, const std::vector<NodeId>& voters, const Value& value) {
  std::vector<uint64_t> values;
  values.reserve(voters.size());
  for (const NodeId node : voters) values.push_back(value(node));
  const auto reached = values.begin() + static_cast<std::ptrdiff_t>(others);
  std::nth_element(values.begin(), reached, values.end());
  return *reached;
}

uint64_t MajorityValue(const std::vector<NodeId>& voters, const Value& value) {
  return ReachedByAllBut((voters.size() - 1) / 2, voters, value);
}

/// A majority of n are n / 2 + 1, so n / 2 may be missing before one could do without the rest.
uint64_t BlockingHalf(const std::vector<NodeId>& voters, const Value& value) {
  return ReachedByAllBut(voters.size() / 2, voters, value);
}

VoteOutcome CountHalf(const std::vector<NodeId>& voters, const std::map<NodeId, bool>& votes) {
  const size_t majority = voters.size() / 2 + 1;
  size_t granted = 0;
  size_t refused = 0;
  for (const NodeId node : voters) {
    const auto vote = votes.find(node);
    if (vote != votes.end()) ++(vote->second ? granted : refused);
  }
  if (granted >= majority) return VoteOutcome::kWon;
  if (voters.size() - refused < majority) return VoteOutcome::kLost;
  return VoteOutcome::kPending;
}

}  // namespace

uint64_t QuorumValue(const Membership& membership, const Value& value) {
  CHECK(!membership.voters.empty());
  const uint64_t incoming = MajorityValue(membership.voters, value);
  if (!membership.IsJoint()) return incoming;
  return std::min(incoming, MajorityValue(membership.outgoing, value));
}

uint64_t BlockingValue(const Membership& membership, const Value& value) {
  CHECK(!membership.voters.empty());
  const uint64_t incoming = BlockingHalf(membership.voters, value);
  if (!membership.IsJoint()) return incoming;
  return std::min(incoming, BlockingHalf(membership.outgoing, value));
}

VoteOutcome CountVotes(const Membership& membership, const std::map<NodeId, bool>& votes) {
  const VoteOutcome incoming = CountHalf(membership.voters, votes);
  if (!membership.IsJoint()) return incoming;
  const VoteOutcome outgoing = CountHalf(membership.outgoing, votes);
  if (incoming == outgoing) return incoming;
  const bool lost = incoming == VoteOutcome::kLost || outgoing == VoteOutcome::kLost;
  return lost ? VoteOutcome::kLost : VoteOutcome::kPending;
}

}  // namespace jangada::raft
