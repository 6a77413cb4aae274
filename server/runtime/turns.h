// Turns: what an executor that works in turns keeps beside its queue of tasks: timers by deadline,
// what was deferred to the end of the turn, and the hook that ends each turn. The real executor
// (Shard) is a thread around it, the simulator's is virtual time around it. Owned by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "server/runtime/timers.h"

namespace jangada::server {

class Turns {
 public:
  /// Tasks of one turn: more wait for the next, so that what a turn gathered leaves soon.
  static constexpr int kTasksPerTurn = 256;

  /// Runs at the end of every turn, after the deferred tasks.
  void SetEndOfTurn(Callback<> hook) { end_of_turn_ = std::move(hook); }

  void Defer(Callback<> task) { deferred_.push_back(std::move(task)); }
  /// Ends the turn. True: deferred tasks were left over, so the next turn must come at once.
  bool EndTurn() {
    // Deferred tasks may defer; then the turn ends all the same.
    for (int round = 0; round < kDeferRounds && !deferred_.empty(); ++round) {
      std::vector<Callback<>> now = std::exchange(deferred_, {});
      for (Callback<>& task : now) task();
    }
    if (end_of_turn_) end_of_turn_();
    return !deferred_.empty();
  }

  Timers& timers() { return timers_; }
  /// Runs the tasks of all timers that are due at `now_us`.
  void FireTimers(int64_t now_us) {
    while (Callback<> task = timers_.TakeDue(now_us)) task();
  }

 private:
  static constexpr int kDeferRounds = 16;

  Callback<> end_of_turn_;  // constant once the first turn began
  Timers timers_;
  std::vector<Callback<>> deferred_;
};

}  // namespace jangada::server
