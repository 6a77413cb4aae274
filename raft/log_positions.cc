#include "raft/log_positions.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace jangada::raft {

LogPositions::LogPositions(TermHistory terms, Index applied)
    : terms_(std::move(terms)),
      durable_(terms_.last().index),
      commit_(applied),
      handed_out_(applied),
      applied_(applied) {
  CHECK_LE(applied, terms_.last().index);
}

Position LogPositions::Append(Term term) {
  terms_.Append(term);
  return terms_.last();
}

void LogPositions::Truncate(Index index) {
  CHECK_MSG(commit_ <= index, "a committed entry is never removed (State Machine Safety)");
  terms_.KeepUpTo(index);
  ForgetSyncedBeyond(index);
}

void LogPositions::ForgetSyncedBeyond(Index index) {
  durable_ = std::min(durable_, index);
  for (Persist& persist : persists_) persist.last = std::min(persist.last, index);
}

void LogPositions::CommitTo(Index index) {
  CHECK_GE(index, commit_);
  CHECK_LE(index, terms_.last().index);
  commit_ = index;
}

IndexRange LogPositions::HandOut() {
  const IndexRange range{handed_out_ + 1, commit_};
  handed_out_ = commit_;
  return range;
}

void LogPositions::AppliedTo(Index index) {
  CHECK_LE(index, handed_out_);
  applied_ = std::max(applied_, index);
}

void LogPositions::Install(Position snapshot, bool keep_suffix) {
  CHECK_GT(snapshot.index, commit_);
  if (keep_suffix) {
    CHECK(terms_.Contains(snapshot));
    terms_.TrimTo(snapshot.index);
  } else {
    ForgetSyncedBeyond(commit_);
    terms_ = TermHistory(snapshot);
  }
  commit_ = snapshot.index;
  handed_out_ = snapshot.index;
  applied_ = snapshot.index;
}

void LogPositions::PersistStarted(uint64_t number, const HardState& hard_state, Ticks now) {
  persists_.push_back({number, hard_state, terms_.last().index, now});
}

std::optional<HardState> LogPositions::PersistFinished(uint64_t number) {
  std::optional<HardState> synced;
  while (!persists_.empty() && persists_.front().number <= number) {
    durable_ = std::max(durable_, persists_.front().last);
    synced = persists_.front().hard_state;
    persists_.pop_front();
  }
  return synced;
}

std::optional<Ticks> LogPositions::OldestPersist() const {
  if (persists_.empty()) return std::nullopt;
  return persists_.front().started;
}

}  // namespace jangada::raft
