// RaftChecker: the invariants of every group, after every event. It believes no node: what is
// durable it reads from the rows that reach the disks, and of these it builds a ghost of each
// group's committed log, which outlives every crash. Checked against the ghosts: election safety,
// log matching (a rolling hash per entry), leader completeness, leaders that only append, commits
// that a quorum has synced in the leader's own term, state machine safety (every replica's state at
// an index equals a fold of the ghost's entries up to there), that nothing which promises
// durability leaves before the disk has it, that votes go to logs which are no older, that a
// membership is in force only while its entry is there, and that a leader counts nothing as held by
// a follower which that does not hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/controller/cluster_image.h"
#include "server/groups/records.h"
#include "server/partition/state_machine.h"
#include "tests/sim/node.h"
#include "tests/sim/reached.h"

namespace jangada::sim {

/// Told of the first violation; the run ends with it.
class Judge {
 public:
  virtual ~Judge() = default;
  virtual void Fail(const std::string& checker, const std::string& what) = 0;
};

class RaftChecker final : public SimNode::Observer {
 public:
  RaftChecker(Judge& judge, Reached& reached, size_t max_producers);
  ~RaftChecker() override;

  /// Before the node's first start.
  void Watch(SimNode& node);

  // ---- SimNode::Observer ----
  void OnSend(NodeId node, GroupId group, const raft::Message& message) override;
  void AfterTurn(SimNode& node) override;
  void OnStarted(SimNode& node) override;
  void OnEnding(SimNode& node) override;

  // ---- what is known ----
  raft::Index committed(GroupId group) const;
  /// Where the group's log starts, by what is committed.
  int64_t log_start(GroupId group) const;
  /// The offset after the last record that is committed.
  int64_t end(GroupId group) const;
  /// In which the group has had a leader.
  raft::Term newest_term(GroupId group) const;
  uint64_t total_committed() const { return total_committed_; }
  /// The node's replica has lost entries and is not whole again.
  bool IsDamaged(NodeId node) const;
  /// Entries of the group that the node's disk holds.
  raft::IndexRange Held(NodeId node, GroupId group) const;
  std::vector<GroupId> Groups() const;
  /// No group hangs on this node: whatever membership is in force anywhere, as far as can be seen,
  /// the others are a majority without it.
  bool CanDoWithout(NodeId node) const;

  /// Called when a leader has appended a membership that is not committed yet. From within a turn.
  using OnChange = std::function<void(NodeId leader, const raft::Membership& to)>;
  void SetMembershipHook(OnChange hook) { on_membership_ = std::move(hook); }

  /// Called when a replica has installed a checkpoint of its leader's. From within a turn.
  using OnInstalled = std::function<void(GroupId group)>;
  void SetInstallHook(OnInstalled hook) { on_installed_ = std::move(hook); }

  /// Called with each command that the shards of consumer groups hold for committed, in the order
  /// of each one's log. Before the first node starts.
  using OnGroupCommand = std::function<void(const server::groups::Command&)>;
  void SetGroupsHook(OnGroupCommand hook) { on_group_command_ = std::move(hook); }

 private:
  class Disk;

  struct EntryId {
    raft::Term term = 0;
    uint64_t chain = 0;  // of this entry and all before it
    bool is_membership = false;
  };
  /// It ends with an entry behind `beyond`, which is committed and held by whoever had lost rows.
  struct Refill {
    raft::Index beyond = 0;
    uint64_t losses = 0;  // so far
  };
  struct Ghost {
    std::map<raft::Term, NodeId> leaders;
    std::vector<EntryId> log;                          // [i] is entry i + 1
    std::vector<raft::Index> memberships;              // of the entries of `log`
    std::unordered_map<uint64_t, uint64_t> chains;     // (index, term) -> chain, of all logs ever
    std::unordered_map<uint64_t, uint32_t> holders;    // (index, term) -> nodes that ever synced it
    std::unordered_map<raft::Index, uint64_t> states;  // hash of the machine after the entry
    std::unique_ptr<server::StateMachine> fold;        // of the ghost's log
    raft::Index folded = 0;
    int64_t end = 0;                                 // the offset after the last record
    std::vector<int64_t> ends;                       // [i] is that after entry i + 1
    std::map<raft::Term, raft::Index> committed_in;  // up to where each term's leader committed
    std::pair<NodeId, raft::Term> asked_to_lead;     // by a leader of that term
    std::map<std::pair<raft::Term, NodeId>, raft::Position> campaigns;  // the candidate's last
    /// How often a follower had lost rows when the leader of the term learned of it.
    std::map<std::pair<raft::Term, NodeId>, uint64_t> told_of;
    /// Of replicas that the leader of the term knows to have lost rows.
    std::map<std::pair<raft::Term, NodeId>, Refill> refills;

    /// Of the newest membership among the entries up to `index`; 0: there is none.
    raft::Index MembershipAt(raft::Index index) const {
      const auto after = std::upper_bound(memberships.begin(), memberships.end(), index);
      return after == memberships.begin() ? 0 : *std::prev(after);
    }
    /// What a leader of `term` must hold. Not what later terms committed: it may learn only after
    /// them that it was elected.
    raft::Index CommittedBefore(raft::Term term) const {
      const auto later = committed_in.lower_bound(term);
      return later == committed_in.begin() ? 0 : std::prev(later)->second;
    }
  };
  /// One node's replica of one group.
  struct Replica {
    // On the disk.
    raft::HardState hard_state;
    raft::Index base = 0;  // before the first entry held
    uint64_t base_chain = 0;
    bool base_known = true;
    std::vector<EntryId> entries;
    bool damaged = false;
    raft::Membership last_seen;      // in force when a process here was last looked at
    int64_t last_term_since_us = 0;  // when the first entry of the newest term was written
    uint64_t losses = 0;             // how often rows were lost here, or found damaged
    bool lost_again = false;         // the last time while it was being refilled
    bool lost_votes = false;         // with rows, and the store has not said so yet
    bool erased = false;             // the group was, at some time
    // In the process.
    raft::RoleChange role;
    raft::Index commit = 0;
    raft::Index durable = 0;
    raft::Index appended = 0;
    raft::Index applied = 0;
    raft::Index machine = 0;
    raft::MembershipAt membership;
    raft::Term term_at_start = 0;
    uint64_t starts = 0;
    uint64_t damage_found = 0;
    uint64_t installed = 0;
    uint64_t checkpoints = 0;  // of its own
    bool refilling = false;

    void ForgetProcess() {
      role = {};
      commit = durable = appended = applied = machine = 0;
      refilling = false;
      membership = {};
    }
    raft::Index last() const { return base + entries.size(); }
    const EntryId* At(raft::Index index) const {
      return index <= base || index > last() ? nullptr : &entries[index - base - 1];
    }
  };
  struct Watched {
    SimNode* node = nullptr;
    std::unique_ptr<Disk> disk;
    std::map<GroupId, Replica> replicas;
  };

  static std::string Place(raft::Index index, raft::Term term);  // "index@term"
  static uint64_t Key(raft::Index index, raft::Term term) { return index << 24 ^ term; }

  Ghost& GhostOf(GroupId group) { return ghosts_[group]; }
  std::unique_ptr<server::StateMachine> MakeFold(GroupId group);
  void Fail(const std::string& checker, NodeId node, GroupId group, const std::string& what);

  // ---- rows ----
  void OnEntry(Watched& watched, GroupId group, raft::Index index, std::string_view value);
  void OnEntriesGone(Watched& watched, std::string_view begin, std::string_view end);
  void OnTruncated(Watched& watched, GroupId group, raft::Index first);
  void OnMeta(Watched& watched, std::string_view key, std::string_view value);
  void OnCheckpoint(const Watched& watched, GroupId group, std::string_view value);
  void CheckVoteOfLedTerm(const Watched& watched, GroupId group, const Replica& replica,
                          const raft::HardState& next);
  void OnGroupErased(Watched& watched, GroupId group);
  void Rescan(Watched& watched);

  // ---- what is said ----
  void CheckVoteForAnOlderLog(NodeId node, GroupId group, const raft::Message& message);
  void CheckEndOfRefill(Watched& watched, GroupId group, const raft::Message& message);

  // ---- processes ----
  void Observe(Watched& watched, GroupId group);
  void CheckMembershipInForce(const Watched& watched, GroupId group, const Replica& replica,
                              const raft::RaftStatus& status);
  void CheckEndOffset(const Watched& watched, GroupId group, const raft::RaftStatus& status,
                      int64_t end);
  void CheckMatches(const Watched& watched, GroupId group, const raft::RaftStatus& status);
  void OnRole(Watched& watched, GroupId group, Replica& replica, const raft::RaftStatus& status);
  void CountKeptSuffix(const Replica& replica, const raft::RaftStatus& status);
  void OnMembership(Watched& watched, GroupId group, Replica& replica,
                    const raft::RaftStatus& status);
  void OnCommit(Watched& watched, GroupId group, Replica& replica, const raft::RaftStatus& status);
  void ExtendGhost(GroupId group, raft::Index commit, raft::Term term, uint32_t holders);
  void FoldGhost(GroupId group, SimNode& holder);
  void OnApplied(Watched& watched, GroupId group, Replica& replica, server::Replica& real);
  bool IsQuorum(const raft::Membership& membership, uint32_t holders) const;

  Judge& judge_;
  Reached& reached_;
  const size_t max_producers_;
  OnChange on_membership_;
  OnInstalled on_installed_;
  OnGroupCommand on_group_command_;
  /// What group 0's log folds into.
  server::ClusterImagePtr decided_ = std::make_shared<const server::ClusterImage>();
  std::map<NodeId, Watched> nodes_;
  std::map<GroupId, Ghost> ghosts_;
  uint64_t total_committed_ = 0;
};

/// Of all that a machine's log folds into.
uint64_t StateHash(const server::StateMachine& machine);

}  // namespace jangada::sim
