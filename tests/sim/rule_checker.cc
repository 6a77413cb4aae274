#include "tests/sim/rule_checker.h"

#include <algorithm>
#include <utility>

#include "tests/sim/majority.h"

namespace jangada::sim {
namespace {

/// So many election timeouts at most until who lost its leader campaigns, and what that leader said
/// may be on its way for so long.
constexpr int64_t kElectionsAlone = 4;
constexpr int64_t kLastWordsUs = 5'000'000;

bool HearsQuorum(const raft::RaftStatus& status, NodeId self) {
  return IsMajority(status.membership.membership, [&](NodeId node) {
    return node == self || std::any_of(status.peers.begin(), status.peers.end(),
                                       [node](const raft::PeerStatus& peer) {
                                         return peer.node == node && peer.recently_active;
                                       });
  });
}

/// Whether a log that ends at `a` is newer than one that ends at `b`.
bool Later(const raft::Position& a, const raft::Position& b) {
  return std::pair(a.term, a.index) > std::pair(b.term, b.index);
}

std::string Name(NodeId node) { return "node " + std::to_string(node.value()); }

}  // namespace

void RuleChecker::Fail(const std::string& checker, const SimNode& node, GroupId group,
                       const std::string& what) {
  judge_.Fail(checker, Name(node.id()) + " group " + std::to_string(group.value()) + ": " + what);
}

void RuleChecker::OnSend(SimNode& node, GroupId group, const raft::Message& message) {
  if (std::holds_alternative<raft::VoteReply>(message.body)) {
    OnVoteReply(node, group, message);
  } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
    if (request->pre_vote) {
      raft::Position& last = pre_campaigns_[{group, node.id(), message.term}];
      last = Later(last, request->last) ? last : request->last;
      return;
    }
    OnVote(node, group, message.term, node.id());
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
    OnHeartbeat(node, group, message);
  } else if (const auto* reply = std::get_if<raft::AppendReply>(&message.body)) {
    raft::Index& match = acknowledged_[{group, message.term, node.id()}];
    if (reply->accepted) match = std::max(match, reply->match);
  }
}

void RuleChecker::OnVoteReply(SimNode& node, GroupId group, const raft::Message& message) {
  const auto& reply = std::get<raft::VoteReply>(message.body);
  if (!reply.granted) return;
  if (!reply.pre_vote) {
    server::Replica* const voter = node.IsUp() ? node.FindReplica(group) : nullptr;
    if (voter != nullptr && voter->status().refilling) {
      Fail("vote-while-damaged", node, group, "votes for " + Name(message.to));
    }
    return OnVote(node, group, message.term, message.to);
  }
  pre_votes_.insert({group, message.to, message.term});
  server::Replica* const replica = node.IsUp() ? node.FindReplica(group) : nullptr;
  if (replica != nullptr) OnPreVote(node, group, message, replica->status());
}

void RuleChecker::OnPreVote(const SimNode& node, GroupId group, const raft::Message& message,
                            const raft::RaftStatus& status) {
  const auto seen = seen_.find({node.id(), group});
  const auto asked = pre_campaigns_.find({group, message.to, message.term});
  if (seen != seen_.end() && asked != pre_campaigns_.end() && !status.refilling) {
    // It granted it in this turn, in which its log may have changed, too.
    const raft::Position& mine =
        Later(seen->second.last, status.last) ? status.last : seen->second.last;
    if (Later(mine, asked->second)) {
      Fail("pre-vote-for-an-older-log", node, group,
           "gave it to " + Name(message.to) + ", whose log ends at entry " +
               std::to_string(asked->second.index) + " of term " +
               std::to_string(asked->second.term) + ", and holds " + std::to_string(mine.index) +
               " of term " + std::to_string(mine.term));
    }
  }
  // Since an earlier turn: what it said before it was elected may leave only now.
  const auto led = leading_.find({node.id(), group});
  if (led == leading_.end()) return;
  if (status.role == raft::Role::kLeader && status.term == led->second.term) {
    Fail("stickiness", node, group, "leads, and gave its vote to " + Name(message.to));
  }
}

void RuleChecker::OnVote(const SimNode& node, GroupId group, raft::Term term, NodeId candidate) {
  const auto [vote, is_first] = votes_[{group, term}].try_emplace(node.id(), candidate);
  if (vote->second != candidate) {
    Fail("one-vote", node, group,
         "gave its vote in term " + std::to_string(term) + " to " + Name(candidate) +
             ", and had given it to " + Name(vote->second));
  }
  if (is_first && joining_.contains({node.id(), group})) {
    Fail("vote-while-joining", node, group,
         "votes for " + Name(candidate) + " and was never told that it is whole");
  }
}

void RuleChecker::OnHeartbeat(SimNode& node, GroupId group, const raft::Message& message) {
  if (std::get<raft::Heartbeat>(message.body).whole != 0) joining_.erase({message.to, group});
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
             std::to_string(now_us - leading.unheard_since_us) + " us more than an election takes");
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
      seen_.erase(key);
      continue;
    }
    const raft::RaftStatus status = replica->status();
    CheckVoteBesideALeader(node, group, status);
    seen_[key] = {status.term, status.vote, status.leader, status.last};
    const auto [place, is_new] = states_.try_emplace(key);
    raft::Index& state = place->second;
    if (is_new && status.last.index == 0 && status.membership.membership.IsEmpty()) {
      joining_.insert(key);
    }
    if (replica->machine_applied() < state) {
      Fail("state-goes-back", node, group,
           "its state is that after entry " + std::to_string(replica->machine_applied()) +
               ", and was that after entry " + std::to_string(state));
    }
    state = replica->machine_applied();
    if (status.role == raft::Role::kLeader) {
      LookAtLeader(node, group, status);
    } else {
      leading_.erase(key);
    }
    LookAtFollower(node, group, status);
  }
}

/// It knew of the leader before this turn, and does after it.
void RuleChecker::CheckVoteBesideALeader(const SimNode& node, GroupId group,
                                         const raft::RaftStatus& status) {
  const auto found = seen_.find({node.id(), group});
  if (found == seen_.end() || !status.vote || *status.vote == node.id()) return;
  const Seen& seen = found->second;
  const bool follows_on = status.leader && seen.leader == status.leader && seen.term == status.term;
  if (!follows_on || seen.vote == status.vote || *status.vote == *status.leader) return;
  Fail("vote-in-a-led-term", node, group,
       "votes for " + Name(*status.vote) + " in term " + std::to_string(status.term) +
           ", in which it follows " + Name(*status.leader));
}

/// Where its leader leads no more it finds that out by itself: it follows nobody on and on.
void RuleChecker::LookAtFollower(SimNode& node, GroupId group, const raft::RaftStatus& status) {
  const std::pair key{node.id(), group};
  const bool waits = status.role == raft::Role::kFollower && status.leader && !status.refilling &&
                     status.membership.membership.IsVoter(node.id());
  if (!waits) {
    following_.erase(key);
    return;
  }
  const int64_t now_us = node.clock().NowUs();
  Following& following = following_[key];
  // Who has not looked for a while has not had the time to find out.
  const bool looked = now_us - following.looked_at_us < patience_.election_us;
  following.looked_at_us = now_us;
  const auto leader = leading_.find({*status.leader, group});
  const bool led = leader != leading_.end() && leader->second.term == status.term;
  // Nor does anybody campaign whose vote could not become durable.
  const bool stalled = node.IsDiskHung() || status.durable < status.last.index;
  if (led || !looked || stalled || following.term != status.term) following.led_at_us = now_us;
  following.term = status.term;
  const int64_t alone_us = now_us - following.led_at_us;
  if (alone_us <= kElectionsAlone * patience_.election_us + kLastWordsUs) return;
  Fail("follows-nobody", node, group,
       "has followed " + Name(*status.leader) + " in term " + std::to_string(status.term) +
           " for " + std::to_string(alone_us) + " us after that led no more");
}

void RuleChecker::LookAtLeader(SimNode& node, GroupId group, const raft::RaftStatus& status) {
  Leading& leading = leading_[{node.id(), group}];
  if (leading.term != status.term) {
    leading = {.term = status.term, .membership = status.membership};
    OnElected(node, group, status);
  } else if (leading.membership != status.membership) {
    OnChange(node, group, std::exchange(leading.membership, status.membership), status);
  }
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
  for (const raft::PeerStatus& peer : status.peers) {
    const auto said = acknowledged_.find({group, status.term, peer.node});
    if (peer.match <= (said == acknowledged_.end() ? 0 : said->second)) continue;
    Fail("ack-of-another-term", node, group,
         "counts entry " + std::to_string(peer.match) + " as held by " + Name(peer.node) +
             ", which said so in no message of term " + std::to_string(status.term));
  }
  const raft::Membership& membership = status.membership.membership;
  if (status.membership_committed && !membership.IsJoint() && !membership.IsVoter(node.id())) {
    Fail("removed-leader", node, group, "leads on although its group has removed it");
  }
}

void RuleChecker::OnElected(const SimNode& node, GroupId group, const raft::RaftStatus& status) {
  const auto found = votes_.find({group, status.term});
  const auto votes = found == votes_.end() ? Votes() : found->second;
  const bool elected = IsMajority(status.membership.membership, [&](NodeId voter) {
    const auto vote = votes.find(voter);
    return voter == node.id() || (vote != votes.end() && vote->second == node.id());
  });
  if (elected) return;
  Fail("elected-by-a-majority", node, group,
       "leads term " + std::to_string(status.term) + " with " + std::to_string(votes.size()) +
           " votes, which are no majority of " + status.membership.membership.ToString());
}

void RuleChecker::OnChange(const SimNode& node, GroupId group, const raft::MembershipAt& before,
                           const raft::RaftStatus& status) {
  const raft::Membership& from = before.membership;
  const raft::Membership& to = status.membership.membership;
  if (status.commit < before.index) {
    Fail("one-change-at-a-time", node, group,
         "changed " + from.ToString() + " at " + std::to_string(before.index) +
             " while only entries up to " + std::to_string(status.commit) + " are committed");
  }
  const bool same_voters = to.voters == from.voters;
  const bool enters = !from.IsJoint() && to.outgoing == from.voters;
  if (from.IsJoint() ? same_voters && !to.IsJoint() : enters || (same_voters && !to.IsJoint())) {
    return;
  }
  Fail("joint-steps", node, group, "went from " + from.ToString() + " to " + to.ToString());
}

void RuleChecker::OnEnding(SimNode& node) {
  const auto is_its = [&](const auto& entry) { return entry.first.first == node.id(); };
  std::erase_if(leading_, is_its);
  std::erase_if(following_, is_its);
  std::erase_if(states_, is_its);
  std::erase_if(seen_, is_its);
}

}  // namespace jangada::sim
