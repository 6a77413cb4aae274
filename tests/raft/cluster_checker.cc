// The checker of Cluster: what each step must not have broken.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/raft/cluster.h"

namespace jangada::raft::test {

/// The first that knows is the leader that committed it.
void Cluster::NoteCommitted(const Node& node, const Entry& entry) {
  committed_in_.try_emplace(entry.index, node.raft->term());
  const auto [known, added] = committed_.try_emplace(entry.index, entry);
  EXPECT_EQ(known->second.position(), entry.position()) << "State Machine Safety";
  EXPECT_EQ(known->second.payload, entry.payload) << "State Machine Safety";
}

void Cluster::NoteLeader(const Node& node) {
  if (!node.raft->IsLeader()) return;
  const auto [known, added] = leaders_.try_emplace(node.raft->term(), node.id);
  EXPECT_EQ(known->second, node.id) << "Election Safety: two leaders in term " << node.raft->term();
  if (!added) return;
  ++reached_.elections;
  if (node.raft->status().membership.membership.IsJoint()) ++reached_.joint_leaders;
  CheckLeaderCompleteness(node);
}

void Cluster::NoteTruncation(const Node& node, const Ready& ready) {
  for (const ReadGrant& grant : ready.reads) reached_.reads += grant.granted;
  if (ready.install) ++reached_.snapshots;
  if (ready.install && ready.install->keep_suffix) ++reached_.kept_suffixes;
  if (ready.entries.empty() || ready.install) return;
  const Entry* first = node.visible.At(ready.entries.front().index);
  if (first == nullptr) return;
  ++reached_.truncations;
  if (first->term != node.visible.last().term) ++reached_.deep_truncations;
  for (Index index = first->index; const Entry* entry = node.visible.At(index); ++index) {
    if (entry->type == EntryType::kMembership) ++reached_.rolled_back_members;
  }
}

void Cluster::CheckLeaderCompleteness(const Node& leader) const {
  for (const auto& [index, entry] : committed_) {
    if (index < leader.raft->status().first_index) continue;
    if (committed_in_.at(index) >= leader.raft->term()) continue;  // it is elected late
    EXPECT_EQ(leader.raft->TermAt(index), entry.term)
        << "Leader Completeness: node " << leader.id << " leads term " << leader.raft->term()
        << " without " << entry.position();
  }
}

void Cluster::CheckDurableBeforeSend(const Message& message) const {
  const Disk& disk = nodes_.at(message.from).synced;
  if (const auto* reply = std::get_if<VoteReply>(&message.body);
      reply != nullptr && reply->granted && !reply->pre_vote) {
    const bool durable = disk.hard_state.term > message.term ||
                         disk.hard_state == HardState{message.term, message.to};
    EXPECT_TRUE(durable) << "a vote left before it was synced: " << Describe(message);
  }
  if (const auto* request = std::get_if<VoteRequest>(&message.body);
      request != nullptr && !request->pre_vote) {
    const bool durable = disk.hard_state.term > message.term ||
                         disk.hard_state == HardState{message.term, message.from};
    EXPECT_TRUE(durable) << "a candidate asked before its own vote was synced";
  }
  if (const auto* reply = std::get_if<AppendReply>(&message.body);
      reply != nullptr && reply->accepted && reply->match > 0) {
    EXPECT_LE(reply->match, disk.last().index)
        << "acknowledged before synced: " << Describe(message);
    const Node& sender = nodes_.at(message.from);
    const Entry* synced = disk.At(reply->match);
    const Entry* visible = sender.visible.At(reply->match);
    if (synced != nullptr && visible != nullptr) {
      EXPECT_EQ(synced->position(), visible->position())
          << "acknowledged what another sync wrote: " << Describe(message);
    }
  }
}

void Cluster::CheckLogMatching() const {
  for (auto a = nodes_.begin(); a != nodes_.end(); ++a) {
    for (auto b = std::next(a); b != nodes_.end(); ++b) {
      const Disk& one = a->second.visible;
      const Disk& other = b->second.visible;
      bool same = false;
      const Index first = std::max(one.first_index, other.first_index);
      for (Index i = std::min(one.last().index, other.last().index); i >= first && i > 0; --i) {
        const Entry* x = one.At(i);
        const Entry* y = other.At(i);
        if (x == nullptr || y == nullptr) break;
        if (x->position() == y->position()) {
          same = true;
          ASSERT_EQ(x->payload, y->payload) << "Log Matching";
        } else {
          ASSERT_FALSE(same) << "Log Matching: " << x->position() << " and " << y->position()
                             << " lie before an entry that both logs share";
        }
      }
    }
  }
}

}  // namespace jangada::raft::test
