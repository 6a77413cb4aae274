#include "server/partition/pending_proposals.h"

#include <utility>

#include "base/check.h"

namespace jangada::server {
namespace {

Error NotInTheLog() {
  return {
      ErrorCode::kNotLeader,
      "another leader's entry took this one's place, so it was not appended; send it again to the "
      "present leader"};
}

}  // namespace

void PendingProposals::Add(const Proposed& where, int64_t deadline_us, Done done) {
  if (!pending_.empty()) {
    const raft::Position& last = pending_.back().where.position;
    CHECK_GE(where.position.term, last.term);
    CHECK(where.position.term > last.term || where.position.index > last.index);
  }
  pending_.push_back({where, deadline_us, std::move(done)});
}

PendingProposals::Pending PendingProposals::TakeFront() {
  Pending front = std::move(pending_.front());
  pending_.pop_front();
  return front;
}

void PendingProposals::OnApplied(raft::Position applied) {
  // Terms never go back along a log. So once an entry of a later term is applied, whatever was
  // proposed in an earlier one and did not come before it is not in the log and never will be.
  while (!pending_.empty()) {
    const raft::Position at = pending_.front().where.position;
    if (at.term > applied.term || (at.term == applied.term && at.index > applied.index)) return;
    Pending front = TakeFront();
    if (at == applied) {
      front.done(front.where);
    } else {
      front.done(NotInTheLog());
    }
  }
}

void PendingProposals::OnInstalled(raft::Index index) {
  while (!pending_.empty() && pending_.front().where.position.index <= index) {
    Pending front = TakeFront();
    front.done(
        Error{ErrorCode::kTimeout,
              "this node fell behind before the outcome was known; the records may or may not "
              "have been appended"});
  }
}

void PendingProposals::OnTime(int64_t now_us) {
  while (!pending_.empty() && pending_.front().deadline_us <= now_us) {
    Pending front = TakeFront();
    front.done(Error{ErrorCode::kTimeout,
                     "no majority of the replicas answered in time; it may still be appended"});
  }
}

std::optional<int64_t> PendingProposals::next_deadline_us() const {
  if (pending_.empty()) return std::nullopt;
  return pending_.front().deadline_us;
}

void PendingProposals::FailAll(const Error& error) {
  std::deque<Pending> all = std::move(pending_);
  pending_.clear();
  for (Pending& pending : all) pending.done(error);
}

}  // namespace jangada::server
