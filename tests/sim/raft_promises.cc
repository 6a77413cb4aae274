// What the nodes say to each other, held against the ghosts and the disks: RaftChecker's third
// side.
#include <utility>

#include "tests/sim/raft_checker.h"

namespace jangada::sim {

/// Of what its disk holds it leaves out entries of this very term: they came after the vote.
void RaftChecker::CheckVoteForAnOlderLog(NodeId node, GroupId group, const raft::Message& message) {
  Ghost& ghost = GhostOf(group);
  const Replica& replica = nodes_.at(node).replicas[group];
  const auto campaign = ghost.campaigns.find({message.term, message.to});
  if (campaign == ghost.campaigns.end() || replica.damaged || replica.losses > 0) return;
  // A leader of a later term overtook the vote on its way to the disk, perhaps with older entries.
  if (replica.hard_state.term > message.term) return;
  raft::Position mine;
  for (size_t i = replica.entries.size(); i > 0 && mine.index == 0; --i) {
    const raft::Term term = replica.entries[i - 1].term;
    if (term < message.term) mine = {replica.base + i, term};
  }
  if (mine.index == 0 && replica.base > 0 && replica.base <= ghost.log.size()) {
    mine = {replica.base, ghost.log[replica.base - 1].term};
  }
  const raft::Position& its = campaign->second;
  if (std::pair(its.term, its.index) < std::pair(mine.term, mine.index)) {
    Fail("vote-for-an-older-log", node, group,
         "voted for node " + std::to_string(message.to.value()) + " whose log ends at " +
             Place(its.index, its.term) + ", and holds " + Place(mine.index, mine.term));
  }
}

/// The leader says that the replica holds again what it lost.
void RaftChecker::CheckEndOfRefill(Watched& watched, GroupId group, const raft::Message& message) {
  Ghost& ghost = GhostOf(group);
  const auto refill = ghost.refills.find({message.term, message.to});
  if (refill == ghost.refills.end()) return;
  const Replica& replica = nodes_.at(message.to).replicas[group];
  // What it lost since, or dropped for a leader of a later term, this one can't know of.
  if (replica.losses != refill->second.losses || replica.hard_state.term > message.term) return;
  const raft::Index beyond = refill->second.beyond;
  if (ghost.log.size() <= beyond) Observe(watched, group);
  if (ghost.log.size() > beyond && replica.last() > beyond) return;
  Fail("end-of-refill", watched.node->id(), group,
       "tells node " + std::to_string(message.to.value()) +
           ", whose loss it learned of behind entry " + std::to_string(beyond) +
           ", that it is whole; that one holds entries up to " + std::to_string(replica.last()) +
           ", committed are " + std::to_string(ghost.log.size()));
}

void RaftChecker::OnSend(NodeId node, GroupId group, const raft::Message& message) {
  Watched& watched = nodes_.at(node);
  Ghost& ghost = GhostOf(group);
  Replica& replica = watched.replicas[group];
  // A vote that a later term has overtaken on its way to the disk can never be given a second time.
  const auto voted_for = [&](NodeId whom) {
    const raft::HardState& synced = replica.hard_state;
    return synced.term > message.term || (synced.term == message.term && synced.vote == whom);
  };
  raft::Index commit = 0;
  bool leads = false;
  if (const auto* vote = std::get_if<raft::VoteReply>(&message.body)) {
    if (vote->granted && !vote->pre_vote && !voted_for(message.to)) {
      Fail("durable-before-send", node, group, "a vote left before it was synced");
    }
    if (vote->granted && !vote->pre_vote) CheckVoteForAnOlderLog(node, group, message);
  } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
    if (!request->pre_vote) ghost.campaigns[{message.term, node}] = request->last;
    if (!request->pre_vote && !voted_for(node)) {
      Fail("durable-before-send", node, group, "asked for votes before its own was synced");
    }
  } else if (const auto* reply = std::get_if<raft::AppendReply>(&message.body)) {
    if (reply->accepted && reply->match > replica.last()) {
      Fail("durable-before-send", node, group,
           "acknowledged entry " + std::to_string(reply->match) + ", synced are " +
               std::to_string(replica.last()));
    }
    const auto leader = ghost.leaders.find(message.term);
    if (reply->accepted && leader != ghost.leaders.end()) {
      // In a later term it may have replaced its log.
      const Replica& leading = nodes_.at(leader->second).replicas[group];
      const bool is_its_log = leading.hard_state.term == message.term;
      const EntryId* const there = is_its_log ? leading.At(reply->match) : nullptr;
      const EntryId* const here = replica.At(reply->match);
      if (there != nullptr && here != nullptr && there->chain != here->chain) {
        Fail("log-matching", node, group,
             "acknowledged entry " + std::to_string(reply->match) + ", which is not the leader's");
      }
    }
  } else if (const auto* beat = std::get_if<raft::HeartbeatReply>(&message.body)) {
    if (beat->last > replica.last()) {
      Fail("durable-before-send", node, group, "told of entries that are not synced");
    }
  } else if (const auto* append = std::get_if<raft::AppendRequest>(&message.body)) {
    leads = true;
    commit = append->commit;
  } else if (const auto* heartbeat = std::get_if<raft::Heartbeat>(&message.body)) {
    leads = true;
    commit = heartbeat->commit;
    if (heartbeat->whole != 0) CheckEndOfRefill(watched, group, message);
  } else if (std::holds_alternative<raft::InstallSnapshot>(message.body) ||
             std::holds_alternative<raft::TimeoutNow>(message.body)) {
    leads = true;
  }
  if (!leads) return;
  const auto leader = ghost.leaders.try_emplace(message.term, node).first;
  if (leader->second != node) {
    Fail("election-safety", node, group,
         "leads term " + std::to_string(message.term) + " beside node " +
             std::to_string(leader->second.value()));
  }
  if (replica.hard_state.term < message.term) {
    Fail("durable-before-send", node, group, "leads a term that is not on its disk");
  }
  if (std::holds_alternative<raft::TimeoutNow>(message.body)) {
    ghost.asked_to_lead = {message.to, message.term};
  }
  if (commit > ghost.log.size()) Observe(watched, group);
  if (commit > ghost.log.size()) {
    Fail("commit-safety", node, group,
         "told of commit " + std::to_string(commit) + ", committed are " +
             std::to_string(ghost.log.size()));
  }
}

}  // namespace jangada::sim
