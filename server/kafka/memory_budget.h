// MemoryBudget: a bound on bytes held for many connections together. Who is over it waits for room
// instead of being refused. It may be a part of a larger one, and counts there too. Any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "base/check.h"

namespace jangada::server::kafka {

class MemoryBudget {
 public:
  /// `whole` (optional): what this is a part of; it outlives this.
  explicit MemoryBudget(size_t limit, MemoryBudget* whole = nullptr)
      : limit_(limit), whole_(whole) {}

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
      if (used_ < limit_) woken = std::exchange(waiting_, {});
    }
    if (whole_ != nullptr) whole_->Return(bytes);
    for (Callback<>& task : woken) task();
  }

  /// Whether less than the limit is used, here and in the whole. `half`: who holds a part of
  /// something that helps nobody until it is whole (nullptr: nobody): up to twice the limits all of
  /// them go on, beyond that one at a time, until it calls Finished. If there is no room, `wake` is
  /// called, on an unspecified thread, when there may be some again.
  bool HasRoom(const void* half, Callback<> wake) {
    {
      const std::lock_guard lock(mutex_);
      const bool is_finisher = half != nullptr && (finisher_ == nullptr || finisher_ == half);
      if (used_ >= (half == nullptr ? limit_ : 2 * limit_)) {
        if (!is_finisher) {
          waiting_.push_back(std::move(wake));
          return false;
        }
        finisher_ = half;
      }
    }
    return whole_ == nullptr || whole_->HasRoom(half, std::move(wake));
  }
  /// What `half` held a part of is whole, or gone.
  void Finished(const void* half) {
    std::vector<Callback<>> woken;
    {
      const std::lock_guard lock(mutex_);
      if (finisher_ == half) {
        finisher_ = nullptr;
        woken = std::exchange(waiting_, {});
      }
    }
    if (whole_ != nullptr) whole_->Finished(half);
    for (Callback<>& task : woken) task();
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
  MemoryBudget* const whole_;
  mutable std::mutex mutex_;
  size_t used_ = 0;                  // guarded by mutex_
  const void* finisher_ = nullptr;   // guarded by mutex_
  std::vector<Callback<>> waiting_;  // guarded by mutex_
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
