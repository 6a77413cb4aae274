// Progress: what a leader knows of one peer, and how much it may send to it. Probing, it sends one
// append and waits for the answer; replicating, it keeps a window of entries and bytes in flight; a
// peer that needs trimmed entries gets the checkpoint. Plain value of the leader's role.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "raft/types.h"

namespace jangada::raft {

struct Window {
  size_t max_entries = 0;
  size_t max_bytes = 0;
};

class Progress {
 public:
  enum class Mode : uint8_t { kProbe, kReplicate, kSnapshot };

  Progress(Index next, Ticks now) : next_(next), heard_at_(now) {}

  Mode mode() const { return mode_; }
  Index match() const { return match_; }
  Index next() const { return next_; }
  Ticks heard_at() const { return heard_at_; }
  uint64_t read_acknowledged() const { return read_acknowledged_; }
  size_t inflight_bytes() const { return inflight_bytes_; }

  // ---- what may be sent ----
  /// The entries to order now, given the leader's last index; an empty range is a probe without
  /// entries. nullopt: nothing to send, or no room, or an answer is awaited.
  std::optional<IndexRange> Sendable(Index last, const Window& window) const;
  /// Room in the window, for one order. At least 1: one entry always fits into an empty window.
  size_t BytesLeft(const Window& window) const;
  void Ordered(IndexRange range) { ordered_ = range; }
  /// The shell attached entries up to `last`. An answer to an order that was given up is ignored.
  void Sent(Index last, size_t bytes, Ticks now);
  /// It matches the leader's log up to its end, `last`, and nothing is on its way.
  bool HasEverything(Index last) const {
    return mode_ == Mode::kReplicate && match_ == last && inflight_.empty() &&
           !ordered_.has_value() && !lost_;
  }
  bool WantsSnapshot() const { return mode_ == Mode::kSnapshot && !snapshot_ordered_; }
  void SnapshotOrdered(Ticks now);
  void SnapshotSent(Ticks now) { sent_at_ = now; }

  // ---- what the peer says ----
  /// Any message of this term from it.
  void Heard(Ticks now);
  /// A sign of life that is no message of the group: it ends no waiting.
  void HeardAt(Ticks at) { heard_at_ = std::max(heard_at_, at); }
  /// The leader itself could not listen for so long.
  void Forgive(Ticks ticks, Ticks now) {
    heard_at_ = std::max(heard_at_, std::min(heard_at_ + ticks, now));
  }
  void ReadAcknowledged(uint64_t read_id);
  /// Returns whether match grew.
  bool Accepted(Index match, Ticks now);
  /// Whether a rejection of an append after `rejected` is news, and not an echo of an older round.
  bool IsNews(Index rejected) const;

  // ---- changes of mode ----
  void Probe(Index next);
  /// It lost entries that it had acknowledged: what it matched is forgotten.
  void Refill(Index next);
  void NeedSnapshot();
  /// Messages to it were lost. Nothing is sent until it is heard again.
  void Unreachable();
  /// At a heartbeat's answer, after nothing moved for the patience given: appends, their answers or
  /// a snapshot were lost on the way, or the peer itself lost what it had acknowledged. Send once
  /// more.
  void RetryIfOverdue(Index last_synced, Ticks now, Ticks append_patience, Ticks snapshot_patience);

  // P1. match_ < next_.
  // P2. inflight_bytes_ is the sum over inflight_, whose `last`s ascend and lie in (match_, next_).
  // P3. inflight_ is empty unless replicating.
  void CheckInvariants() const;

 private:
  struct Append {
    Index last = 0;
    size_t bytes = 0;
  };

  Mode mode_ = Mode::kProbe;
  Index match_ = 0;  // its log equals ours up to here, and is synced there
  Index next_ = 1;   // the first entry to send
  std::deque<Append> inflight_;
  size_t inflight_bytes_ = 0;
  std::optional<IndexRange> ordered_;  // the order that the shell has not answered yet
  bool waiting_ = false;               // probing: an answer, or any sign of life, is awaited
  bool lost_ = false;                  // reported unreachable and not heard since
  bool snapshot_ordered_ = false;
  Ticks sent_at_ = 0;  // of the last append or snapshot, or the last progress
  Ticks heard_at_ = 0;
  uint64_t read_acknowledged_ = 0;  // newest read round that it answered
};

}  // namespace jangada::raft
