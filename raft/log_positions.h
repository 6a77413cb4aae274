// LogPositions: how far one replica's log has come - appended, synced, committed, handed out,
// applied - and the Readies whose sync is still under way. It knows positions only; the entries are
// the shell's.
#pragma once

#include <deque>
#include <optional>

#include "raft/term_history.h"
#include "raft/types.h"

namespace jangada::raft {

class LogPositions {
 public:
  /// `applied`: entries up to here are known to be committed, and the shell has applied them.
  LogPositions(TermHistory terms, Index applied);

  const TermHistory& terms() const { return terms_; }
  Position last() const { return terms_.last(); }
  Index first_index() const { return terms_.base().index + 1; }
  Index durable() const { return durable_; }
  Index commit() const { return commit_; }
  Index handed_out() const { return handed_out_; }
  Index applied() const { return applied_; }

  Position Append(Term term);
  /// Makes the log end with `index`; what was synced beyond, or is being synced, counts no more.
  /// REQUIRES: commit() <= index.
  void Truncate(Index index);
  /// REQUIRES: commit() <= index <= last().index.
  void CommitTo(Index index);
  /// Everything that is newly committed, each index once.
  IndexRange HandOut();
  void AppliedTo(Index index);
  /// The log now begins with a snapshot; what follows it stays only if `keep_suffix`.
  /// REQUIRES: snapshot.index > commit(), and terms().Contains(snapshot) if keep_suffix.
  void Install(Position snapshot, bool keep_suffix);
  void TrimTo(Index index) { terms_.TrimTo(index); }

  /// A Ready that needs a sync left, with the log as it is now.
  void PersistStarted(uint64_t number, const HardState& hard_state, Ticks now);
  /// All Readies up to `number` are synced. Returns the newest hard state among them.
  std::optional<HardState> PersistFinished(uint64_t number);
  /// When the oldest Ready that is not yet synced left.
  std::optional<Ticks> OldestPersist() const;

 private:
  struct Persist {
    uint64_t number = 0;
    HardState hard_state;
    Index last =
        0;  // synced entries reach up to here once it is done; lowered by every truncation since
    Ticks started = 0;
  };

  void ForgetSyncedBeyond(Index index);

  TermHistory terms_;
  // L1. applied_ <= handed_out_ <= commit_ <= last().index, and none of the three ever goes back.
  // L2. durable_ <= last().index; it may lie below commit_ (others hold the entry) and below
  // first_index()
  //     (an install is being written).
  // L3. Entries up to durable_ are synced *as they are now*: a sync that began before a truncation
  // says
  //     nothing of what was written after it.
  Index durable_ = 0;
  Index commit_ = 0;
  Index handed_out_ = 0;
  Index applied_ = 0;
  std::deque<Persist> persists_;  // numbers ascend
};

}  // namespace jangada::raft
