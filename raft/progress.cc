#include "raft/progress.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::raft {

std::optional<IndexRange> Progress::Sendable(Index last, const Window& window) const {
  if (ordered_.has_value() || mode_ == Mode::kSnapshot) return std::nullopt;
  if (mode_ == Mode::kProbe) {
    if (waiting_) return std::nullopt;
    return IndexRange{next_, std::min(last, next_ + window.max_entries - 1)};
  }
  const Index sent = next_ - 1;
  const uint64_t inflight = sent - match_;
  if (next_ > last || inflight >= window.max_entries || inflight_bytes_ >= window.max_bytes) {
    return std::nullopt;
  }
  return IndexRange{next_, std::min<Index>(last, match_ + window.max_entries)};
}

size_t Progress::BytesLeft(const Window& window) const {
  return std::max<size_t>(1, window.max_bytes - std::min(window.max_bytes, inflight_bytes_));
}

void Progress::Sent(Index last, size_t bytes, Ticks now) {
  if (!ordered_.has_value()) return;
  const IndexRange order = *ordered_;
  if (last + 1 < order.first || last > std::max(order.last, order.first - 1)) return;
  ordered_.reset();
  sent_at_ = now;
  const bool nothing_read = !order.empty() && last < order.first;
  if (mode_ == Mode::kProbe || nothing_read) {
    // What could not be read is tried again when the peer is next heard, not in a tight loop.
    if (mode_ == Mode::kReplicate) Probe(next_);
    waiting_ = true;
    return;
  }
  if (last <= match_) return;  // acknowledged already, by an answer to an earlier copy
  inflight_.push_back({last, bytes});
  inflight_bytes_ += bytes;
  next_ = std::max(next_, last + 1);
}

void Progress::SnapshotOrdered(Ticks now) {
  snapshot_ordered_ = true;
  sent_at_ = now;
}

void Progress::Heard(Ticks now) {
  heard_at_ = now;
  if (!lost_) return;
  lost_ = false;
  waiting_ = false;
}

void Progress::ReadAcknowledged(uint64_t read_id) {
  read_acknowledged_ = std::max(read_acknowledged_, read_id);
}

bool Progress::Accepted(Index match, Ticks now) {
  const bool grew = match > match_;
  match_ = std::max(match_, match);
  next_ = std::max(next_, match_ + 1);
  while (!inflight_.empty() && inflight_.front().last <= match_) {
    inflight_bytes_ -= inflight_.front().bytes;
    inflight_.pop_front();
  }
  if (grew) sent_at_ = now;
  if (mode_ == Mode::kProbe) {
    mode_ = Mode::kReplicate;
    waiting_ = false;
    next_ = match_ + 1;
  }
  return grew;
}

bool Progress::IsNews(Index rejected) const {
  if (rejected <= match_ || mode_ == Mode::kSnapshot) return false;
  return mode_ == Mode::kReplicate || rejected + 1 == next_;
}

void Progress::Probe(Index next) {
  mode_ = Mode::kProbe;
  next_ = std::max(next, match_ + 1);
  inflight_.clear();
  inflight_bytes_ = 0;
  ordered_.reset();
  waiting_ = false;
  snapshot_ordered_ = false;
}

void Progress::Refill(Index next) {
  match_ = 0;
  Probe(next);
}

void Progress::NeedSnapshot() {
  Probe(next_);
  mode_ = Mode::kSnapshot;
}

void Progress::Unreachable() {
  Probe(match_ + 1);
  waiting_ = true;
  lost_ = true;
}

void Progress::RetryIfOverdue(Index last_synced, Ticks now, Ticks append_patience,
                              Ticks snapshot_patience) {
  const Ticks patience = mode_ == Mode::kSnapshot ? snapshot_patience : append_patience;
  if (ordered_.has_value() || now - sent_at_ < patience) return;
  if (mode_ == Mode::kSnapshot) {
    snapshot_ordered_ = false;
  } else if (last_synced < match_) {
    Refill(last_synced + 1);
  } else if (mode_ == Mode::kProbe) {
    waiting_ = false;
  } else if (!inflight_.empty()) {
    Probe(match_ + 1);
  }
}

void Progress::CheckInvariants() const {
  CHECK_LT(match_, next_);  // P1
  if (inflight_.empty()) {
    CHECK_EQ(inflight_bytes_, 0u);
  } else {
    CHECK(mode_ == Mode::kReplicate);
    CHECK_GT(inflight_.front().last, match_);
    CHECK_LT(inflight_.back().last, next_);
  }
}

}  // namespace jangada::raft
