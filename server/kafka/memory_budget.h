// MemoryBudget: a bound on bytes held for many connections together. Who is over it waits for room
// instead of being refused. It may be a part of a larger one, and counts there too. Any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "base/check.h"

namespace jangada::server::kafka {

class MemoryBudget {
 public:
  /// `slack`: how far above the limit those go who have begun something that helps nobody until it
  /// is finished. `whole` (optional): what this is a part of; it outlives this.
  explicit MemoryBudget(size_t limit, size_t slack = 0, MemoryBudget* whole = nullptr)
      : limit_(limit), slack_(slack), whole_(whole) {}

  /// Takes in any case: what is held already can only be counted.
  void Take(size_t bytes) {
    if (whole_ != nullptr) whole_->Take(bytes);
    const std::lock_guard lock(mutex_);
    used_ += bytes;
  }
  /// Takes what there is room for, up to `bytes`, but `least` in any case; answers how much.
  /// REQUIRES: no part of a larger one.
  size_t TakeUpTo(size_t bytes, size_t least) {
    CHECK(whole_ == nullptr);
    const std::lock_guard lock(mutex_);
    const size_t room = used_ < limit_ ? limit_ - used_ : 0;
    const size_t taken = std::max(std::min(bytes, room), std::min(bytes, least));
    used_ += taken;
    return taken;
  }

  void Return(size_t bytes) {
    std::vector<Callback<>> woken;
    {
      const std::lock_guard lock(mutex_);
      CHECK_LE(bytes, used_);
      used_ -= bytes;
      if (used_ < limit_ + slack_) woken = std::exchange(begun_, {});
      if (used_ < limit_) std::move(waiting_.begin(), waiting_.end(), std::back_inserter(woken));
      if (used_ < limit_) waiting_.clear();
    }
    if (whole_ != nullptr) whole_->Return(bytes);
    for (Callback<>& task : woken) task();
  }

  /// Whether less than the limit is used, here and in the whole; for who `has_begun`, less than the
  /// limit and the slack. If not, `wake` is called, on an unspecified thread, when there may be
  /// room again.
  bool HasRoom(bool has_begun, Callback<> wake) {
    {
      const std::lock_guard lock(mutex_);
      if (used_ >= (has_begun ? limit_ + slack_ : limit_)) {
        (has_begun ? begun_ : waiting_).push_back(std::move(wake));
        return false;
      }
    }
    return whole_ == nullptr || whole_->HasRoom(has_begun, std::move(wake));
  }

  bool full() const {
    {
      const std::lock_guard lock(mutex_);
      if (used_ >= limit_) return true;
    }
    return whole_ != nullptr && whole_->full();
  }
  size_t used() const {
    const std::lock_guard lock(mutex_);
    return used_;
  }

 private:
  const size_t limit_;
  const size_t slack_;
  MemoryBudget* const whole_;
  mutable std::mutex mutex_;
  size_t used_ = 0;                  // guarded by mutex_
  std::vector<Callback<>> waiting_;  // guarded by mutex_; to begin
  std::vector<Callback<>> begun_;    // guarded by mutex_
};

/// A part of a budget that is given back when this goes.
class BudgetShare {
 public:
  BudgetShare() = default;
  BudgetShare(MemoryBudget& budget, size_t bytes) : budget_(&budget), bytes_(bytes) {}
  BudgetShare(BudgetShare&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  BudgetShare& operator=(BudgetShare&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~BudgetShare() {
    if (budget_ != nullptr && bytes_ > 0) budget_->Return(bytes_);
  }

  size_t bytes() const { return bytes_; }
  /// Gives back what is above `bytes`.
  void ShrinkTo(size_t bytes) {
    if (bytes >= bytes_) return;
    budget_->Return(std::exchange(bytes_, bytes) - bytes);
  }

 private:
  MemoryBudget* budget_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace jangada::server::kafka
