// RuleChecker: rules of Raft whose breach loses nothing, so that no invariant and no client shows
// it: who asks for votes has won a pre-vote first (thesis 9.6); pre-votes go to logs that are no
// older (9.6); a leader gives its vote to nobody (4.2.3), nor does anybody give it in a term whose
// leader it knows; a leader leads no longer than it hears a quorum (6.2) and its disk keeps up, and
// leads no group that has removed it (4.2.2); nobody votes for two in a term, whatever its disk
// forgot, nor while it is not whole (decisions 33 and 37), and each leader was elected by a
// majority of every voting half; a leader counts as held what was said in its own term only (3.3);
// changes of a membership come one at a time, in joint steps (4.3). And no replica's state goes
// back. Looks at what replicas send and say of themselves. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "tests/sim/node.h"
#include "tests/sim/raft_checker.h"

namespace jangada::sim {

class RuleChecker {
 public:
  struct Patience {
    int64_t heartbeat_us = 0;
    int64_t election_us = 0;
    int64_t disk_stall_us = 0;
  };

  RuleChecker(Judge& judge, const Patience& patience) : judge_(judge), patience_(patience) {}

  /// Before the message leaves.
  void OnSend(SimNode& node, GroupId group, const raft::Message& message);
  void AfterTurn(SimNode& node, const std::vector<GroupId>& groups);
  /// Its process is gone: what its replicas believed is, too.
  void OnEnding(SimNode& node);

 private:
  /// Of a replica that leads: since when, by its own clock. -1: not so.
  struct Leading {
    raft::Term term = 0;
    raft::Index durable = 0;
    int64_t unsynced_since_us = -1;  // with nothing more synced since
    int64_t unheard_since_us = -1;
    raft::MembershipAt membership;  // in force
  };
  /// Of a voter that follows. By its own clock.
  struct Following {
    raft::Term term = 0;
    int64_t led_at_us = 0;  // when its leader was last seen to lead
    int64_t looked_at_us = 0;
  };
  /// What a replica said of itself after its last turn.
  struct Seen {
    raft::Term term = 0;
    std::optional<NodeId> vote;
    std::optional<NodeId> leader;
    raft::Position last;
  };
  /// Who gave its vote to whom; a candidate to itself.
  using Votes = std::map<NodeId, NodeId>;

  void Fail(const std::string& checker, const SimNode& node, GroupId group,
            const std::string& what);
  void OnVote(const SimNode& node, GroupId group, raft::Term term, NodeId candidate);
  void OnVoteReply(SimNode& node, GroupId group, const raft::Message& message);
  void OnPreVote(const SimNode& node, GroupId group, const raft::Message& message,
                 const raft::RaftStatus& status);
  void CheckVoteBesideALeader(const SimNode& node, GroupId group, const raft::RaftStatus& status);
  void OnHeartbeat(SimNode& node, GroupId group, const raft::Message& message);
  void LookAtLeader(SimNode& node, GroupId group, const raft::RaftStatus& status);
  void LookAtFollower(SimNode& node, GroupId group, const raft::RaftStatus& status);
  void OnElected(const SimNode& node, GroupId group, const raft::RaftStatus& status);
  void OnChange(const SimNode& node, GroupId group, const raft::MembershipAt& before,
                const raft::RaftStatus& status);

  Judge& judge_;
  const Patience patience_;
  std::map<std::pair<NodeId, GroupId>, Leading> leading_;
  std::map<std::pair<NodeId, GroupId>, Following> following_;
  std::map<std::pair<NodeId, GroupId>, raft::Index> states_;     // up to where each has applied
  std::set<std::tuple<GroupId, NodeId, raft::Term>> pre_votes_;  // given to this node
  /// Where the log ended with which it asked for them; the last place if it asked twice.
  std::map<std::tuple<GroupId, NodeId, raft::Term>, raft::Position> pre_campaigns_;
  std::map<std::pair<NodeId, GroupId>, Seen> seen_;
  std::set<std::pair<GroupId, NodeId>> asked_to_lead_;  // at any time
  std::map<std::pair<GroupId, raft::Term>, Votes> votes_;
  /// Up to where a follower said in a term that it holds what its leader does.
  std::map<std::tuple<GroupId, raft::Term, NodeId>, raft::Index> acknowledged_;
  /// Came to a group that it did not found, and was not told yet that it is whole.
  std::set<std::pair<NodeId, GroupId>> joining_;
};

}  // namespace jangada::sim
