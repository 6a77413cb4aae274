#include "raft/membership.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/coding.h"

namespace jangada::raft {
namespace {

constexpr uint8_t kMembershipVersion = 1;
/// Far beyond any sensible group; stops a damaged payload from asking for gigabytes.
constexpr uint64_t kMaxMembers = 1024;

bool Has(const std::vector<NodeId>& nodes, NodeId node) {
  return std::binary_search(nodes.begin(), nodes.end(), node);
}

std::vector<NodeId> SortedUnique(std::vector<NodeId> nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

std::string Join(const std::vector<NodeId>& nodes) {
  if (nodes.empty()) return "-";
  std::string out;
  for (const NodeId node : nodes) {
    if (!out.empty()) out += ',';
    out += std::to_string(node.value());
  }
  return out;
}

void AppendNodes(std::string* out, const std::vector<NodeId>& nodes) {
  AppendUnsignedVarint(out, nodes.size());
  for (const NodeId node : nodes) AppendVarint(out, node.value());
}

bool ReadNodes(ByteReader* in, std::vector<NodeId>* nodes) {
  const uint64_t count = in->UnsignedVarint();
  if (!in->ok() || count > kMaxMembers) return false;
  for (uint64_t i = 0; i < count; ++i) {
    const NodeId node(static_cast<int32_t>(in->Varint()));
    if (!in->ok() || (!nodes->empty() && nodes->back() >= node)) return false;
    nodes->push_back(node);
  }
  return true;
}

}  // namespace

bool Membership::IsVoter(NodeId node) const { return Has(voters, node) || Has(outgoing, node); }

bool Membership::IsLearner(NodeId node) const { return Has(learners, node) && !IsVoter(node); }

std::vector<NodeId> Membership::Members() const {
  std::vector<NodeId> all = voters;
  all.insert(all.end(), outgoing.begin(), outgoing.end());
  all.insert(all.end(), learners.begin(), learners.end());
  return SortedUnique(std::move(all));
}

std::string Membership::ToString() const {
  std::string out = "voters=" + Join(voters);
  if (IsJoint()) out += " outgoing=" + Join(outgoing);
  if (!learners.empty()) out += " learners=" + Join(learners);
  return out;
}

Bytes EncodeMembership(const Membership& membership) {
  std::string out;
  out.push_back(static_cast<char>(kMembershipVersion));
  AppendNodes(&out, membership.voters);
  AppendNodes(&out, membership.outgoing);
  AppendNodes(&out, membership.learners);
  return Bytes(std::move(out));
}

std::optional<Membership> DecodeMembership(std::string_view bytes) {
  ByteReader in(bytes);
  Membership membership;
  if (in.Big<uint8_t>() != kMembershipVersion) return std::nullopt;
  if (!ReadNodes(&in, &membership.voters) || !ReadNodes(&in, &membership.outgoing) ||
      !ReadNodes(&in, &membership.learners) || !in.AtEnd()) {
    return std::nullopt;
  }
  // One membership has one encoding: no overlong varints, no ids beyond 32 bits.
  if (EncodeMembership(membership).view() != bytes) return std::nullopt;
  return membership;
}

Result<Membership> FirstStep(const Membership& current, const MembershipTarget& target) {
  CHECK(!current.IsJoint());
  Membership next;
  next.voters = SortedUnique(target.voters);
  next.learners = SortedUnique(target.learners);
  if (next.voters.empty()) {
    return Error{ErrorCode::kInvalidArgument, "a group needs at least one voter; name one"};
  }
  for (const NodeId node : next.learners) {
    if (Has(next.voters, node)) {
      return Error{ErrorCode::kInvalidArgument,
                   "node " + std::to_string(node.value()) +
                       " is named as a voter and as a learner; name it once"};
    }
  }
  if (next == current) {
    return Error{ErrorCode::kAlreadyExists, "the group already has this membership"};
  }
  if (next.voters != current.voters) next.outgoing = current.voters;
  return next;
}

Membership LeaveJoint(const Membership& joint) {
  Membership next = joint;
  next.outgoing.clear();
  return next;
}

const MembershipAt& MembershipHistory::At(Index index) const {
  for (auto at = history_.rbegin(); at != history_.rend(); ++at) {
    if (at->index <= index) return *at;
  }
  CHECK_MSG(false, "the membership at a trimmed index is gone");
}

bool MembershipHistory::MayVoteAfter(Index commit, NodeId node) const {
  for (auto at = history_.rbegin(); at != history_.rend(); ++at) {
    if (at->membership.IsVoter(node)) return true;
    if (at->index <= commit) return false;
  }
  return false;
}

void MembershipHistory::Append(MembershipAt next) {
  CHECK_GT(next.index, history_.back().index);
  history_.push_back(std::move(next));
}

void MembershipHistory::KeepUpTo(Index index) {
  while (history_.size() > 1 && history_.back().index > index) history_.pop_back();
}

void MembershipHistory::TrimTo(Index index) {
  auto second = history_.begin() + 1;
  while (second != history_.end() && second->index <= index) ++second;
  history_.erase(history_.begin(), second - 1);
}

void MembershipHistory::Install(const SnapshotMeta& meta, bool keep_suffix) {
  std::vector<MembershipAt> next{meta.membership};
  for (MembershipAt& at : history_) {
    if (keep_suffix && at.index > meta.last.index) next.push_back(std::move(at));
  }
  history_ = std::move(next);
}

}  // namespace jangada::raft
