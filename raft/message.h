// What the members of a group say to each other. Plain values; proto/jangada/v1/peer.proto carries
// them.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "raft/types.h"

namespace jangada::raft {

struct VoteRequest {
  bool pre_vote = false;  // asks "would you?"; changes nothing at the receiver (thesis 9.6)
  bool transfer =
      false;  // the leader asked for this election: leader stickiness does not apply (thesis 4.2.3)
  Position last{};  // the candidate's last entry
};

struct VoteReply {
  bool pre_vote = false;
  bool granted = false;
};

struct AppendRequest {
  Position prev{};
  std::vector<Entry> entries;
  Index commit = 0;
};

/// What every answer of a damaged replica says, until its leader tells it that it holds again what
/// it lost (docs/decisions.md 33).
struct Loss {
  /// Of this loss and no other, so that nothing said of an earlier one is taken for news of it;
  /// 0: nothing is lost.
  uint64_t id = 0;
  /// Its term and vote, too, may be older than what it once told.
  bool forgot_votes = false;
  friend bool operator==(const Loss&, const Loss&) = default;
};

struct AppendReply {
  bool accepted = false;
  /// Accepted: every entry up to here equals the leader's and is synced.
  Index match = 0;
  /// Rejected: the `prev` that did not match, and a position to try next: the follower's last entry
  /// whose term is at most prev's term (one round trip a term, not an entry).
  Index rejected = 0;
  Position hint{};
  Loss loss{};
};

struct Heartbeat {
  Index commit = 0;      // never beyond what this follower is known to hold
  uint64_t read_id = 0;  // the newest read that waits for this round; 0: none
  uint64_t whole = 0;    // Loss::id: the follower holds again what it lost; 0: nothing is said
};

struct HeartbeatReply {
  uint64_t read_id = 0;
  Index last =
      0;  // the follower's last synced index: a lost append is noticed at the next heartbeat
  Loss loss{};
};

/// The shell attaches the checkpoint's bytes when it sends it and takes them off when it arrives.
struct InstallSnapshot {
  SnapshotMeta meta;
  Bytes data;
};

struct TimeoutNow {};  // campaign at once (thesis 3.10)

struct Message {
  NodeId from;
  NodeId to;
  /// The sender's; for a pre-vote request and its grant the term that the candidate would campaign
  /// in.
  Term term = 0;
  std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply, Heartbeat, HeartbeatReply,
               InstallSnapshot, TimeoutNow>
      body;
};

}  // namespace jangada::raft
