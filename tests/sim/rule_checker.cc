#include "tests/sim/rule_checker.h"

#include "raft/quorum.h"

namespace jangada::sim {
namespace {

bool HearsQuorum(const raft::RaftStatus& status, NodeId self) {
  const raft::Membership& membership = status.membership.membership;
  if (membership.voters.empty()) return true;
  return raft::QuorumValue(membership, [&](NodeId node) -> uint64_t {
           if (node == self) return 1;
           for (const raft::PeerStatus& peer : status.peers) {
             if (peer.node == node) return peer.recently_active ? 1 : 0;
           }
           return 0;
         }) == 1;
}

}  // namespace

void RuleChecker::Fail(const std::string& checker, const SimNode& node, GroupId group,
                       const std::string& what) {
  judge_.Fail(checker, "node " + std::to_string(node.id().value()) + " group " +
                           std::to_string(group.value()) + ": " + what);
}

void RuleChecker::OnSend(SimNode& node, GroupId group, const raft::Message& message) {
  if (const auto* reply = std::get_if<raft::VoteReply>(&message.body)) {
    if (!reply->granted || !reply->pre_vote) return;
    pre_votes_.insert({group, message.to, message.term});
    // Since an earlier turn: what it said before it was elected may leave only now.
    const auto led = leading_.find({node.id(), group});
    server::Replica* const replica = node.FindReplica(group);
    if (led == leading_.end() || replica == nullptr) return;
    const raft::RaftStatus status = replica->status();
    if (status.role == raft::Role::kLeader && status.term == led->second.term) {
      Fail("stickiness", node, group,
           "leads, and gave its vote to node " + std::to_string(message.to.value()));
    }
  } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
    if (request->pre_vote) return;
    if (request->transfer && !asked_to_lead_.contains({group, node.id()})) {
      Fail("pre-vote", node, group, "campaigns as if its leader had asked for that");
    } else if (!request->transfer && !pre_votes_.contains({group, node.id(), message.term})) {
      Fail("pre-vote", node, group,
           "asks for votes in term " + std::to_string(message.term) +
               ", for which nobody gave it a pre-vote");
    }
  } else if (std::holds_alternative<raft::TimeoutNow>(message.body)) {
    asked_to_lead_.insert({group, message.to});
  } else if (std::holds_alternative<raft::Heartbeat>(message.body)) {
    const auto found = leading_.find({node.id(), group});
    if (found == leading_.end() || found->second.term != message.term) return;
    const Leading& leading = found->second;
    const int64_t now_us = node.clock().NowUs();
    const int64_t slack_us = patience_.election_us;
    if (leading.unsynced_since_us >= 0 &&
        now_us - leading.unsynced_since_us > patience_.disk_stall_us + slack_us) {
      Fail("hung-disk", node, group,
           "leads on although its disk has synced nothing for " +
               std::to_string(now_us - leading.unsynced_since_us) + " us");
    }
    if (leading.unheard_since_us >= 0 && now_us - leading.unheard_since_us > slack_us) {
      Fail("check-quorum", node, group,
           "leads on although no quorum has answered for " +
               std::to_string(now_us - leading.unheard_since_us) +
               " us more than an election takes");
    }
  }
}

void RuleChecker::AfterTurn(SimNode& node, const std::vector<GroupId>& groups) {
  if (!node.IsUp()) return;
  for (const GroupId group : groups) {
    const std::pair key{node.id(), group};
    server::Replica* const replica = node.FindReplica(group);
    if (replica == nullptr) {
      leading_.erase(key);
      states_.erase(key);
      continue;
    }
    raft::Index& state = states_[key];
    if (replica->machine_applied() < state) {
      Fail("state-goes-back", node, group,
           "its state is that after entry " + std::to_string(replica->machine_applied()) +
               ", and was that after entry " + std::to_string(state));
    }
    state = replica->machine_applied();
    const raft::RaftStatus status = replica->status();
    if (status.role == raft::Role::kLeader) {
      LookAtLeader(node, group, status);
    } else {
      leading_.erase(key);
    }
  }
}

void RuleChecker::LookAtLeader(SimNode& node, GroupId group, const raft::RaftStatus& status) {
  Leading& leading = leading_[{node.id(), group}];
  if (leading.term != status.term) leading = {.term = status.term};
  const int64_t now_us = node.clock().NowUs();
  if (status.durable >= status.last.index || status.durable != leading.durable) {
    leading.unsynced_since_us = -1;
  }
  leading.durable = status.durable;
  if (status.durable < status.last.index && leading.unsynced_since_us < 0) {
    leading.unsynced_since_us = now_us;
  }
  if (HearsQuorum(status, node.id())) {
    leading.unheard_since_us = -1;
  } else if (leading.unheard_since_us < 0) {
    leading.unheard_since_us = now_us;
  }
  const raft::Membership& membership = status.membership.membership;
  if (status.membership_committed && !membership.IsJoint() && !membership.IsVoter(node.id())) {
    Fail("removed-leader", node, group, "leads on although its group has removed it");
  }
}

void RuleChecker::OnEnding(SimNode& node) {
  const auto is_its = [&](const auto& entry) { return entry.first.first == node.id(); };
  std::erase_if(leading_, is_its);
  std::erase_if(states_, is_its);
}

}  // namespace jangada::sim
