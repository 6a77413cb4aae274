#include "raft/term_history.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::raft {

TermHistory::TermHistory(Position base, std::vector<TermRun> runs, Index last_index)
    : base_(base), last_(base), runs_(std::move(runs)) {
  if (runs_.empty()) {
    CHECK_EQ(last_index, base.index);
    return;
  }
  CHECK_EQ(runs_.front().first_index, base.index + 1);
  CHECK_GE(runs_.front().term, base.term);
  for (size_t i = 1; i < runs_.size(); ++i) {
    CHECK_LT(runs_[i - 1].first_index, runs_[i].first_index);
    CHECK_LT(runs_[i - 1].term, runs_[i].term);
  }
  CHECK_LE(runs_.back().first_index, last_index);
  last_ = {last_index, runs_.back().term};
}

std::optional<Term> TermHistory::TermAt(Index index) const {
  if (index == base_.index) return base_.term;
  if (index < base_.index || index > last_.index) return std::nullopt;
  if (index >= runs_.back().first_index) return runs_.back().term;
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), index,
                       [](Index i, const TermRun& run) { return i < run.first_index; });
  return std::prev(after)->term;
}

Position TermHistory::LastAtMost(Position bound) const {
  Index end = last_.index;
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (run->term <= bound.term && run->first_index <= bound.index) {
      return {std::min(end, bound.index), run->term};
    }
    end = run->first_index - 1;
  }
  return base_;
}

void TermHistory::Append(Term term) {
  CHECK_GE(term, last_.term);
  ++last_.index;
  if (runs_.empty() || runs_.back().term != term) runs_.push_back({last_.index, term});
  last_.term = term;
}

void TermHistory::KeepUpTo(Index index) {
  CHECK_GE(index, base_.index);
  if (index >= last_.index) return;
  while (!runs_.empty() && runs_.back().first_index > index) runs_.pop_back();
  last_ = {index, runs_.empty() ? base_.term : runs_.back().term};
}

void TermHistory::TrimTo(Index index) {
  const auto term = TermAt(index);
  CHECK_MSG(term.has_value(), "only entries that are held can be trimmed");
  const auto kept =
      std::upper_bound(runs_.begin(), runs_.end(), index,
                       [](Index i, const TermRun& run) { return i < run.first_index; });
  // The run that holds `index` goes on behind it, unless the next one begins right there.
  auto first = kept;
  if (first != runs_.begin() &&
      (kept == runs_.end() ? index < last_.index : kept->first_index > index + 1)) {
    --first;
    first->first_index = index + 1;
  }
  runs_.erase(runs_.begin(), first);
  base_ = {index, *term};
}

}  // namespace jangada::raft
