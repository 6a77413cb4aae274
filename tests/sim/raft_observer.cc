// The processes' side of RaftChecker: what their replicas hold to be true, looked at after every
// turn.
#include <algorithm>
#include <utility>

#include "tests/sim/raft_checker.h"

namespace jangada::sim {

void RaftChecker::OnStarted(SimNode& node) {
  for (auto& [group, replica] : nodes_.at(node.id()).replicas) {
    replica.ForgetProcess();
    replica.installed = 0;
    replica.term_at_start = replica.hard_state.term;
    if (replica.damaged && std::exchange(replica.lost_votes, false)) {
      Fail("forgotten-votes", node.id(), group, "lost its newest votes, and believes those it has");
    }
  }
}

void RaftChecker::OnEnding(SimNode& node) {
  for (auto& [group, replica] : nodes_.at(node.id()).replicas) {
    const bool led = replica.role.role == raft::Role::kLeader;
    if (led && replica.membership.membership.IsJoint()) reached_.Count(Rare::kLeaderDiedInJoint);
    replica.role = {};
  }
}

void RaftChecker::AfterTurn(SimNode& node) {
  Watched& watched = nodes_.at(node.id());
  for (const auto& [group, ghost] : ghosts_) Observe(watched, group);
}

void RaftChecker::Observe(Watched& watched, GroupId group) {
  if (!watched.node->IsUp()) return;
  server::Replica* const real = watched.node->FindReplica(group);
  Replica& replica = watched.replicas[group];
  if (real == nullptr) return replica.ForgetProcess();
  const server::ReplicaCounters counters = real->counters();
  if (counters.starts != replica.starts) {
    // In place: after damage, or because the disk had no room for records. As if after a crash.
    const bool again = counters.starts == replica.starts + 1 && replica.starts > 0;
    if (again && counters.damage_found == replica.damage_found) {
      reached_.Count(Rare::kStartedAgain);
    }
    replica.ForgetProcess();
    replica.starts = counters.starts;
    replica.term_at_start = replica.hard_state.term;
  }
  replica.damage_found = counters.damage_found;
  const raft::RaftStatus status = real->status();
  if (counters.checkpoints_installed != replica.installed) {
    const bool installed = counters.checkpoints_installed > replica.installed;
    replica.installed = counters.checkpoints_installed;
    if (installed) CountKeptSuffix(replica, status);
    if (installed && on_installed_) on_installed_(group);
  }
  if (counters.checkpoints_written > replica.checkpoints && replica.refilling && status.refilling) {
    Fail("checkpoint", watched.node->id(), group, "wrote a checkpoint while it was refilled");
  }
  replica.checkpoints = counters.checkpoints_written;
  replica.refilling = status.refilling;
  if (status.role != replica.role.role || status.term != replica.role.term) {
    OnRole(watched, group, replica, status);
  }
  if (status.membership != replica.membership) OnMembership(watched, group, replica, status);
  CheckMembershipInForce(watched, group, replica, status);
  CheckEndOffset(watched, group, status, real->log_end_offset());
  if (status.role == raft::Role::kLeader) CheckMatches(watched, group, status);
  replica.appended = status.last.index;
  if (status.commit != replica.commit || status.durable != replica.durable) {
    replica.durable = status.durable;
    OnCommit(watched, group, replica, status);
  }
  OnApplied(watched, group, replica, *real);
}

/// Just now a checkpoint of the leader's was installed, and the newest entry is still the one that
/// the disk has.
void RaftChecker::CountKeptSuffix(const Replica& replica, const raft::RaftStatus& status) {
  if (status.last.index < status.first_index) return;
  const EntryId* const there = replica.At(status.last.index);
  if (there != nullptr && there->term == status.last.term) {
    reached_.Count(Rare::kSnapshotKeptSuffix);
  }
}

/// Its disk may be behind its log, never the other way round where it says what is synced.
void RaftChecker::CheckMembershipInForce(const Watched& watched, GroupId group,
                                         const Replica& replica, const raft::RaftStatus& status) {
  const raft::Index index = status.membership.index;
  const EntryId* const there = index <= status.durable ? replica.At(index) : nullptr;
  if (index > status.last.index || (there != nullptr && !there->is_membership)) {
    Fail("membership-in-force", watched.node->id(), group,
         "goes by the membership of entry " + std::to_string(index) +
             ", which its log does not hold");
  }
  if (const raft::Index newest = GhostOf(group).MembershipAt(status.commit); index < newest) {
    Fail("membership-in-force", watched.node->id(), group,
         "goes by the membership of entry " + std::to_string(index) + ", and knows that that of " +
             std::to_string(newest) + " is committed");
  }
}

/// Where its log ends with a committed entry, that tells where the next record belongs.
void RaftChecker::CheckEndOffset(const Watched& watched, GroupId group,
                                 const raft::RaftStatus& status, int64_t end) {
  if (watched.node->IsStopping()) return;  // its core may hear what is not written any more
  const Ghost& ghost = GhostOf(group);
  const raft::Index last = status.last.index;
  if (last == 0 || last > ghost.ends.size() || ghost.log[last - 1].term != status.last.term) return;
  if (end == ghost.ends[last - 1]) return;
  Fail("offsets", watched.node->id(), group,
       "would give offset " + std::to_string(end) + " after entry " + std::to_string(last) +
           ", and the next record's is " + std::to_string(ghost.ends[last - 1]));
}

/// Of a disk that lost rows the leader knows nothing until it is told; then it must know. What
/// went on to a later term may have dropped what it had said, and its old leader reads that late.
void RaftChecker::CheckMatches(const Watched& watched, GroupId group,
                               const raft::RaftStatus& status) {
  Ghost& ghost = GhostOf(group);
  const Replica& leading = watched.replicas.at(group);
  for (const raft::PeerStatus& peer : status.peers) {
    const auto its = nodes_.find(peer.node);
    if (its == nodes_.end()) continue;
    const auto found = its->second.replicas.find(group);
    if (found == its->second.replicas.end()) continue;
    const Replica& replica = found->second;
    if (replica.hard_state.term > status.term) continue;
    const auto told = std::pair(status.term, peer.node);
    if (peer.whole) {
      ghost.told_of.erase(told);
      ghost.refills.erase(told);
      if (replica.losses > 0 || replica.erased) continue;
    } else {
      ghost.refills.try_emplace(told, Refill{leading.appended, replica.losses});
      // The first answer may speak of the loss before the last one.
      const uint64_t heard = replica.losses - (replica.lost_again ? 1 : 0);
      if (ghost.told_of.try_emplace(told, heard).first->second != replica.losses) {
        continue;  // it lost more, since
      }
    }
    const EntryId* const here = leading.At(peer.match);
    const EntryId* const there = replica.At(peer.match);
    const bool beyond = peer.match > replica.last();
    if (!beyond && (here == nullptr || there == nullptr || here->chain == there->chain)) continue;
    Fail("match", watched.node->id(), group,
         "counts entry " + std::to_string(peer.match) + " as held by node " +
             std::to_string(peer.node.value()) + ", which holds " +
             (beyond ? "entries up to " + std::to_string(replica.last()) : "another one there"));
  }
}

void RaftChecker::OnMembership(Watched& watched, GroupId group, Replica& replica,
                               const raft::RaftStatus& status) {
  const bool founded = replica.membership.membership.IsEmpty() && status.membership.index == 0;
  if (founded && replica.erased && replica.last() == 0 && !status.refilling &&
      !status.membership.membership.IsEmpty()) {
    Fail("founded-anew", watched.node->id(), group,
         "founds a group that it had and erased, with " + status.membership.membership.ToString());
  }
  replica.membership = status.membership;
  replica.last_seen = status.membership.membership;
  if (status.role != raft::Role::kLeader || status.membership.index <= status.commit) return;
  if (status.membership.membership.IsJoint()) reached_.Count(Rare::kJointEntered);
  if (on_membership_) on_membership_(watched.node->id(), status.membership.membership);
}

void RaftChecker::OnRole(Watched& watched, GroupId group, Replica& replica,
                         const raft::RaftStatus& status) {
  replica.role = {status.role, status.term, status.leader};
  if (status.role != raft::Role::kLeader) return;
  Ghost& ghost = GhostOf(group);
  const NodeId node = watched.node->id();
  reached_.Count(Rare::kElection);
  if (ghost.asked_to_lead.first == node && ghost.asked_to_lead.second < status.term) {
    reached_.Count(Rare::kTransferDone);
    ghost.asked_to_lead = {};
  }
  const auto leader = ghost.leaders.try_emplace(status.term, node).first;
  if (leader->second != node) {
    Fail("election-safety", node, group,
         "leads term " + std::to_string(status.term) + " beside node " +
             std::to_string(leader->second.value()));
  }
}

void RaftChecker::OnCommit(Watched& watched, GroupId group, Replica& replica,
                           const raft::RaftStatus& status) {
  Ghost& ghost = GhostOf(group);
  const NodeId node = watched.node->id();
  const raft::Index commit = status.commit;
  if (commit < replica.commit && !status.refilling) {
    Fail("commit-safety", node, group,
         "its commit index went back from " + std::to_string(replica.commit) + " to " +
             std::to_string(commit));
  }
  replica.commit = commit;
  // Only an entry of its own term is committed by a leader's counting, and with it comes all
  // before. (It may have stepped down in the turn in which it did.)
  for (auto led = ghost.leaders.rbegin(); led != ghost.leaders.rend(); ++led) {
    if (commit <= ghost.log.size()) break;
    const auto holders = ghost.holders.find(Key(commit, led->first));
    if (led->second != node || holders == ghost.holders.end()) continue;
    if (!IsQuorum(status.membership.membership, holders->second)) continue;
    ExtendGhost(group, commit, led->first, holders->second);
  }
  if (commit > ghost.log.size()) {
    return Fail("commit-safety", node, group,
                "holds entry " + std::to_string(commit) + " to be committed (term " +
                    std::to_string(status.term) + ", " + raft::RoleName(status.role) +
                    "), but no quorum of " + status.membership.membership.ToString() +
                    " of entry " + std::to_string(status.membership.index) +
                    " has synced one there in the term of its leader; committed are " +
                    std::to_string(ghost.log.size()));
  }
  // Until it is synced the disk may hold what it replaces.
  const raft::Index sure = std::min(commit, status.durable);
  const EntryId* const there = replica.At(sure);
  if (there != nullptr && there->chain != ghost.log[sure - 1].chain) {
    Fail("state-machine-safety", node, group,
         "its committed entry " + std::to_string(sure) + " is another than the group's");
  }
}

void RaftChecker::OnApplied(Watched& watched, GroupId group, Replica& replica,
                            server::Replica& real) {
  const raft::Index applied = real.applied();
  const raft::Index machine = real.machine_applied();
  if (applied == replica.applied && machine == replica.machine) return;
  const NodeId node = watched.node->id();
  Ghost& ghost = GhostOf(group);
  if (applied > ghost.log.size()) {
    return Fail("state-machine-safety", node, group,
                "applied entry " + std::to_string(applied) + ", committed are " +
                    std::to_string(ghost.log.size()));
  }
  replica.applied = applied;
  if (machine == replica.machine) return;
  replica.machine = machine;
  const auto state = ghost.states.find(machine);
  if (state == ghost.states.end()) {
    if (machine == 0) return;
    return Fail("state-machine-safety", node, group,
                "its state is that after entry " + std::to_string(machine) + ", committed are " +
                    std::to_string(ghost.log.size()));
  }
  if (StateHash(real.machine()) != state->second) {
    Fail("state-machine-safety", node, group,
         "its state after entry " + std::to_string(machine) + " is not what the log folds into");
  }
}

bool RaftChecker::CanDoWithout(NodeId node) const {
  // A member that learns may vote by the next entry.
  const auto hangs_on_it = [](const std::vector<NodeId>& voters) {
    return !voters.empty() && voters.size() < 3;
  };
  for (const auto& [id, watched] : nodes_) {
    for (const auto& [group, replica] : watched.replicas) {
      if (!replica.last_seen.Contains(node)) continue;
      if (hangs_on_it(replica.last_seen.voters) || hangs_on_it(replica.last_seen.outgoing)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace jangada::sim
