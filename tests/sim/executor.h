// SimExecutor: a thread in virtual time: a shard, the log writer, a reader. It takes turns as the
// real ones do (server/runtime/turns.h), each a moment after there is something to do. NodeClock:
// what the clocks of one machine show.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "base/executor.h"
#include "server/runtime/turns.h"
#include "tests/sim/world.h"

namespace jangada::sim {

/// The monotonic clock runs a little too fast or too slow; the wall clock runs with it, and jumps.
class NodeClock {
 public:
  static constexpr int64_t kEpochMs = 1'700'000'000'000;

  explicit NodeClock(World& world) : world_(world) {}

  int64_t NowUs() const { return base_local_us_ + Scaled(world_.now_us() - base_us_); }
  int64_t WallNowMs() const { return kEpochMs + NowUs() / 1000 + wall_shift_ms_; }
  /// When this clock will show `local_us`.
  int64_t GlobalOf(int64_t local_us) const;

  /// The machine starts: its monotonic clock begins anew at `local_us`.
  void Restart(int64_t local_us);
  /// From now on it gains so many microseconds in a second.
  void SetDrift(int64_t parts_per_million);
  void JumpWall(int64_t by_ms) { wall_shift_ms_ += by_ms; }

 private:
  static constexpr int64_t kMillion = 1'000'000;
  int64_t Scaled(int64_t us) const {
    return us + us / kMillion * ppm_ + us % kMillion * ppm_ / kMillion;
  }

  World& world_;
  int64_t base_us_ = 0;        // the world's time ...
  int64_t base_local_us_ = 0;  // ... at which this clock showed this
  int64_t ppm_ = 0;
  int64_t wall_shift_ms_ = 0;
};

class SimExecutor final : public Executor {
 public:
  /// How long it takes from a post to the turn; asked once for each turn.
  using Latency = std::function<int64_t()>;

  SimExecutor(World& world, NodeClock& clock, std::string name, Latency latency);
  SimExecutor(const SimExecutor&) = delete;
  SimExecutor& operator=(const SimExecutor&) = delete;

  const std::string& name() const { return name_; }
  uint64_t number() const { return number_; }
  void SetEndOfTurn(Callback<> hook);
  /// Called after each turn.
  void SetAfterTurn(std::function<void()> hook) { after_turn_ = std::move(hook); }

  /// The process died: what was to run never will. Posts are swallowed until Revive.
  void Kill();
  void Revive() { dead_ = false; }
  /// Takes one turn of what waits right now: the process is dying, or another thread of it waits.
  void RunTurnNow();
  bool HasTasks() const { return !queue_.empty(); }
  /// The process stands still (or, false, goes on).
  void Pause(bool paused);
  /// No turn before then.
  void HoldUntil(int64_t at_us);

  void Post(Callback<> task) override;
  void Defer(Callback<> task) override { turns_.Defer(std::move(task)); }
  TimerId After(int64_t delay_us, Callback<> task) override;
  void Cancel(TimerId timer) override { turns_.timers().Cancel(timer); }
  int64_t NowUs() const override { return clock_.NowUs(); }
  int64_t WallNowMs() const override { return clock_.WallNowMs(); }
  bool IsCurrent() const override { return world_.current() == this; }

 private:
  friend class World;
  /// False: this wake-up is stale.
  bool OnWake();
  void Arm(int64_t at_us);
  void ArmForWork();
  void TakeTurn();

  // Constant after construction.
  World& world_;
  NodeClock& clock_;
  const std::string name_;
  const uint64_t number_;
  const Latency latency_;

  server::Turns turns_;
  std::function<void()> after_turn_;
  std::deque<Callback<>> queue_;
  int64_t armed_at_us_ = -1;  // the wake-up that counts; -1: none
  int64_t hold_until_us_ = 0;
  bool dead_ = false;
  bool paused_ = false;
};

}  // namespace jangada::sim
