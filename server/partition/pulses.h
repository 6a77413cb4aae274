// Pulses: the heartbeats of all groups of one shard, in one message a peer and interval. An idle
// node holds thousands of groups in which nothing happens; a heartbeat and an answer for each would
// be nearly all of its work. So each node tells each peer once which groups it leads and in which
// it follows the peer, then only what changed, and every pulse says "all of this still holds".
//
// What a pulse says of a group is what its replica would say itself in a heartbeat or in the answer
// to one, and nothing else comes of it: a follower waits on, check-quorum counts a follower in. No
// lease, no vote, no commit, no read. A message that is lost, late or doubled does what a lost,
// late or doubled heartbeat does: whoever lacks a part of the lists says so, vouches for nobody and
// asks for all of them; meanwhile the groups send heartbeats of their own, as they do to a peer
// that lags. A shard that hangs pulses no more, so its groups are as silent as it is.
//
// So a group in which nothing happens costs nothing: its replicas arm no timer while the pulses
// speak for them, and are woken when one falls silent.
//
// Owned by its shard.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/executor.h"
#include "base/ids.h"
#include "raft/types.h"
#include "server/transport/transport.h"

namespace jangada::server {

/// What a replica says of itself until it says otherwise.
struct Stance {
  enum class Kind : uint8_t { kNone, kLeads, kFollows };
  Kind kind = Kind::kNone;
  raft::Term term = 0;
  std::vector<NodeId> peers;  // leads: the other members; follows: the leader alone
  raft::Index commit = 0;     // follows: its commit index
};

/// A replica that pulses speak for.
class PulseMember {
 public:
  virtual ~PulseMember() = default;
  virtual Stance CurrentStance() const = 0;
  /// Takes in what the pulses say, for they may soon say otherwise.
  virtual void HearPulses() = 0;
  /// A peer says something else of the group than before, or fell silent.
  virtual void OnPulseChange() = 0;
};

/// What a peer's pulses say of a group.
struct PulseSign {
  int64_t at_us = 0;   // when it last said so
  bool fresh = false;  // and goes on saying so, as far as can be known
};

class Pulses {
 public:
  struct Options {
    NodeId self;
    uint32_t shard = 0;
    uint32_t shards = 1;
    int64_t interval_us = 250'000;
  };

  /// Both outlive the pulses.
  Pulses(const Options& options, Executor& executor, Transport& transport);
  ~Pulses();
  Pulses(const Pulses&) = delete;
  Pulses& operator=(const Pulses&) = delete;

  /// `member` outlives its membership.
  void Join(GroupId group, PulseMember& member);
  void Leave(GroupId group);
  /// The member's stance may have changed: it is asked for it before the next pulse.
  void NoteChange(GroupId group) { changed_.insert(group); }

  void OnPulse(NodeId from, const Pulse& pulse);

  /// `leader` says that it leads the group in `term`; nullopt: it does not.
  std::optional<PulseSign> FromLeader(GroupId group, NodeId leader, raft::Term term) const;
  /// `peer` says that it follows this node in `term`, holds `commit`, and hears this node say that
  /// it leads; nullopt: it does not say all of that.
  std::optional<PulseSign> FromFollower(GroupId group, NodeId peer, raft::Term term,
                                        raft::Index commit) const;
  /// Grows with each pulse that came in: while it stands still, both answers above do.
  uint64_t heard() const { return heard_; }

 private:
  /// A peer that has missed so many is silent.
  static constexpr int64_t kSilentIntervals = 2;

  struct Told {  // one group led here
    raft::Term term = 0;
    uint64_t since_round = 0;  // that told it; 0: none yet
  };
  struct Standing {  // in a group, as we follow or as the peer does
    raft::Term term = 0;
    raft::Index commit = 0;
    friend bool operator==(const Standing&, const Standing&) = default;
  };
  struct Peer {
    // What we say. P1. A line that is in no news_ was told. P2. A line of term 0 is news, and goes
    // once it is told.
    uint64_t round = 0;  // of the last pulse to it
    bool whole_due = true;
    std::map<GroupId, Told> led;
    std::map<GroupId, Standing> followed;
    std::set<GroupId> news_led;  // the lines that the next pulse must carry
    std::set<GroupId> news_followed;

    // What it says. P3. Both maps are all that it said up to its_round; empty while that is 0.
    uint64_t its_round = 0;
    std::map<GroupId, raft::Term> its_led;
    std::map<GroupId, Standing> its_followed;
    int64_t heard_at_us = 0;     // its last pulse that added up
    uint64_t hears = 0;          // our newest round that it said it has
    int64_t answered_at_us = 0;  // when it said so
    bool heard_fresh = false;    // both as the last round saw them: it wakes members when one ends
    bool answer_fresh = false;
  };
  struct Member {
    PulseMember* replica = nullptr;  // null: it left, and its peers are not told yet
    std::vector<NodeId> peers;       // that its last stance concerned
  };

  void Arm();
  void Round();
  void TakeStance(GroupId group);
  void SetLines(Peer* peer, GroupId group, raft::Term led, const Standing& followed);
  void Tell(NodeId node, Peer* peer);
  void NoteAnswer(Peer* peer, uint64_t heard_round);
  static void TakeLines(const Pulse& pulse, Peer* peer);
  void NoteSilence(NodeId node, Peer* peer);
  std::vector<GroupId> GroupsWith(NodeId node) const;
  static std::vector<GroupId> GroupsIn(const Pulse& pulse);
  PulseMember* Find(GroupId group) const;
  void Wake(const std::vector<GroupId>& groups);
  PulseSign Sign(int64_t at_us) const;

  // Constant after construction.
  const Options options_;
  Executor& executor_;
  Transport& transport_;

  // Owned by the shard.
  Executor::TimerId timer_ = 0;
  uint64_t heard_ = 0;
  std::map<GroupId, Member> members_;
  std::set<GroupId> changed_;
  std::map<NodeId, Peer> peers_;
};

}  // namespace jangada::server
