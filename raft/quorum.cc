#include "raft/quorum.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::raft {
namespace {

uint64_t MajorityValue(const std::vector<NodeId>& voters,
                       const std::function<uint64_t(NodeId)>& value) {
  std::vector<uint64_t> values;
  values.reserve(voters.size());
  for (const NodeId node : voters) values.push_back(value(node));
  // Ascending, the element at (n - 1) / 2 is reached by a majority: itself and all above it.
  const auto quorum = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), quorum, values.end());
  return *quorum;
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

uint64_t QuorumValue(const Membership& membership, const std::function<uint64_t(NodeId)>& value) {
  CHECK(!membership.voters.empty());
  const uint64_t incoming = MajorityValue(membership.voters, value);
  if (!membership.IsJoint()) return incoming;
  return std::min(incoming, MajorityValue(membership.outgoing, value));
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
