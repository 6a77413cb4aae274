// TermHistory: which term each retained entry has, as runs. A log of a million entries written by
// three leaders is three runs, so the core knows every term without one record per entry. Plain
// value.
#pragma once

#include <optional>
#include <vector>

#include "raft/types.h"

namespace jangada::raft {

class TermHistory {
 public:
  /// An empty log after `base`: the last position that was trimmed or installed ({0,0}: nothing
  /// was).
  explicit TermHistory(Position base) : base_(base), last_(base) {}
  /// A log from a disk. REQUIRES: `runs` begin at base.index + 1 and end at or before last_index.
  TermHistory(Position base, std::vector<TermRun> runs, Index last_index);

  Position base() const { return base_; }
  Position last() const { return last_; }

  /// Of base and of every entry after it; nullopt outside.
  std::optional<Term> TermAt(Index index) const;
  bool Contains(Position position) const { return TermAt(position.index) == position.term; }

  /// The last position whose index is at most `bound.index` and whose term is at most `bound.term`,
  /// or base if there is none: where two logs may agree at best (thesis 3.5, fast backtracking).
  Position LastAtMost(Position bound) const;

  /// REQUIRES: term >= last().term.
  void Append(Term term);
  /// Makes the log end with `index`. REQUIRES: base().index <= index.
  void KeepUpTo(Index index);
  /// Forgets entries up to `index`. REQUIRES: base().index <= index <= last().index.
  void TrimTo(Index index);

 private:
  Position base_;
  Position last_;
  // T1. Runs ascend strictly in first_index and in term.
  // T2. runs_.front().first_index == base_.index + 1 and runs_.back().term == last_.term, unless
  // empty.
  std::vector<TermRun> runs_;
};

}  // namespace jangada::raft
