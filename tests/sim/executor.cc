#include "tests/sim/executor.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace jangada::sim {

// ---- NodeClock ----

int64_t NodeClock::GlobalOf(int64_t local_us) const {
  const int64_t ahead = local_us - base_local_us_;
  // The first moment at which Scaled() reaches it; the estimate is off by a few at most.
  int64_t global = ahead - ahead / (kMillion + ppm_) * ppm_ -
                   ahead % (kMillion + ppm_) * ppm_ / (kMillion + ppm_);
  while (Scaled(global) < ahead) ++global;
  while (Scaled(global - 1) >= ahead) --global;
  return base_us_ + global;
}

void NodeClock::Restart(int64_t local_us) {
  base_us_ = world_.now_us();
  base_local_us_ = local_us;
}

void NodeClock::SetDrift(int64_t parts_per_million) {
  base_local_us_ = NowUs();
  base_us_ = world_.now_us();
  ppm_ = parts_per_million;
}

// ---- SimExecutor ----

SimExecutor::SimExecutor(World& world, NodeClock& clock, std::string name, Latency latency)
    : world_(world),
      clock_(clock),
      name_(std::move(name)),
      number_(++world.last_executor_),
      latency_(std::move(latency)) {}

void SimExecutor::SetEndOfTurn(Callback<> hook) { turns_.SetEndOfTurn(std::move(hook)); }

void SimExecutor::Kill() {
  dead_ = true;
  paused_ = false;
  armed_at_us_ = -1;
  hold_until_us_ = 0;
  // What dies may post or cancel: swallowed, or harmless.
  std::deque<Callback<>> queue = std::exchange(queue_, {});
  server::Turns turns = std::exchange(turns_, server::Turns());
}

void SimExecutor::Arm(int64_t at_us) {
  at_us = std::max({at_us, hold_until_us_, world_.now_us()});
  if (armed_at_us_ >= 0 && armed_at_us_ <= at_us) return;
  armed_at_us_ = at_us;
  world_.Wake(this, at_us);
}

void SimExecutor::ArmForWork() {
  if (paused_ || dead_) return;
  if (!queue_.empty()) return Arm(world_.now_us() + latency_());
  if (const auto next = turns_.timers().NextDeadline()) Arm(clock_.GlobalOf(*next));
}

void SimExecutor::Pause(bool paused) {
  if (dead_) return;
  paused_ = paused;
  if (paused) {
    armed_at_us_ = -1;
  } else {
    ArmForWork();
  }
}

void SimExecutor::HoldUntil(int64_t at_us) {
  hold_until_us_ = std::max(hold_until_us_, at_us);
  if (armed_at_us_ < 0 || armed_at_us_ >= at_us) return;
  armed_at_us_ = -1;
  ArmForWork();
}

void SimExecutor::Post(Callback<> task) {
  if (dead_) return;
  queue_.push_back(std::move(task));
  if (queue_.size() == 1 && world_.current() != this && !paused_) {
    Arm(world_.now_us() + latency_());
  }
}

Executor::TimerId SimExecutor::After(int64_t delay_us, Callback<> task) {
  if (dead_) return 0;
  const int64_t due_us = clock_.NowUs() + std::max<int64_t>(0, delay_us);
  const TimerId id = turns_.timers().Add(due_us, std::move(task));
  if (world_.current() != this && !paused_) Arm(clock_.GlobalOf(due_us));
  return id;
}

bool SimExecutor::OnWake() {
  if (armed_at_us_ != world_.now_us() || dead_ || paused_) return false;
  armed_at_us_ = -1;
  TakeTurn();
  ArmForWork();
  return true;
}

void SimExecutor::RunTurnNow() {
  if (!dead_) TakeTurn();
}

void SimExecutor::TakeTurn() {
  const SimExecutor* const before = std::exchange(world_.current_, this);
  world_.Mix(number_);
  turns_.FireTimers(clock_.NowUs());
  const size_t tasks = std::min<size_t>(queue_.size(), server::Turns::kTasksPerTurn);
  for (size_t i = 0; i < tasks && !queue_.empty(); ++i) {
    Callback<> task = std::move(queue_.front());
    queue_.pop_front();
    task();
  }
  // Left-over deferred tasks ask for a turn at once, as a post does.
  if (turns_.EndTurn() && queue_.empty()) queue_.emplace_back([] {});
  world_.current_ = before;
  if (after_turn_) after_turn_();
}

}  // namespace jangada::sim
