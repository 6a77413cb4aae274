// VirtualWorld: time and threads for tests that run several nodes on one thread. Each
// VirtualExecutor is one "thread"; the world runs their turns one after the other and moves the
// clock only when nobody has anything to do. The same calls give the same run.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/executor.h"

namespace jangada::testing {

class VirtualExecutor;

class VirtualWorld {
 public:
  static constexpr int64_t kEpochMs = 1'700'000'000'000;  // the wall clock at time 0

  int64_t now_us() const { return now_us_; }

  /// Runs `task` on `executor` after `delay_us`.
  void After(int64_t delay_us, VirtualExecutor* executor, Callback<> task);

  /// One turn of one executor, or a step of the clock to the next timer (not beyond `limit_us`).
  /// false: nothing is left to do before `limit_us`.
  bool Step(int64_t limit_us);
  void RunFor(int64_t duration_us);
  /// false: `condition` did not become true within `limit_us`.
  bool RunUntil(const std::function<bool()>& condition, int64_t limit_us);

 private:
  friend class VirtualExecutor;
  struct Timer {
    VirtualExecutor* executor = nullptr;
    Callback<> task;
  };

  int64_t now_us_ = 1'000'000;
  uint64_t last_timer_ = 0;
  std::map<std::pair<int64_t, uint64_t>, Timer> timers_;  // (due, id)
  std::map<uint64_t, int64_t> due_;                       // id -> due
  std::vector<VirtualExecutor*> executors_;
  size_t next_executor_ = 0;
};

class VirtualExecutor final : public Executor {
 public:
  /// `post_delay_us`: how long a posted task waits; a disk's sync, for instance.
  explicit VirtualExecutor(VirtualWorld& world, int64_t post_delay_us = 0);
  ~VirtualExecutor() override;

  /// The process died: what was to run never will.
  void Kill();
  void SetPostDelay(int64_t delay_us) { post_delay_us_ = delay_us; }
  /// Its wall clock runs ahead of the world's.
  void SetWallShift(int64_t shift_ms) { wall_shift_ms_ = shift_ms; }

  void Post(Callback<> task) override;
  void Defer(Callback<> task) override { deferred_.push_back(std::move(task)); }
  TimerId After(int64_t delay_us, Callback<> task) override;
  void Cancel(TimerId timer) override;
  int64_t NowUs() const override { return world_.now_us_; }
  int64_t WallNowMs() const override {
    return VirtualWorld::kEpochMs + world_.now_us_ / 1000 + wall_shift_ms_;
  }
  bool IsCurrent() const override { return true; }

 private:
  friend class VirtualWorld;
  bool HasWork() const { return !ready_.empty() || !deferred_.empty(); }
  void RunTurn();

  VirtualWorld& world_;
  int64_t post_delay_us_;
  int64_t wall_shift_ms_ = 0;
  std::deque<Callback<>> ready_;
  std::vector<Callback<>> deferred_;
};

}  // namespace jangada::testing
