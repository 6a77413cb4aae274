#include "tests/server/partition/virtual_world.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::testing {

// ---- VirtualWorld ----

void VirtualWorld::After(int64_t delay_us, VirtualExecutor* executor, Callback<> task) {
  const uint64_t id = ++last_timer_;
  const int64_t due_us = now_us_ + std::max<int64_t>(0, delay_us);
  timers_[{due_us, id}] = {executor, std::move(task)};
  due_[id] = due_us;
}

bool VirtualWorld::Step(int64_t limit_us) {
  for (size_t i = 0; i < executors_.size(); ++i) {
    VirtualExecutor* executor = executors_[(next_executor_ + i) % executors_.size()];
    if (!executor->HasWork()) continue;
    next_executor_ = (next_executor_ + i + 1) % executors_.size();
    executor->RunTurn();
    return true;
  }
  if (timers_.empty() || timers_.begin()->first.first > limit_us) return false;
  now_us_ = std::max(now_us_, timers_.begin()->first.first);
  while (!timers_.empty() && timers_.begin()->first.first <= now_us_) {
    auto node = timers_.extract(timers_.begin());
    due_.erase(node.key().second);
    node.mapped().executor->ready_.push_back(std::move(node.mapped().task));
  }
  return true;
}

void VirtualWorld::RunFor(int64_t duration_us) {
  const int64_t end_us = now_us_ + duration_us;
  while (Step(end_us)) {
  }
  now_us_ = end_us;
}

bool VirtualWorld::RunUntil(const std::function<bool()>& condition, int64_t limit_us) {
  const int64_t end_us = now_us_ + limit_us;
  while (!condition()) {
    if (!Step(end_us)) {
      now_us_ = end_us;
      return condition();
    }
  }
  return true;
}

// ---- VirtualExecutor ----

VirtualExecutor::VirtualExecutor(VirtualWorld& world, int64_t post_delay_us)
    : world_(world), post_delay_us_(post_delay_us) {
  world_.executors_.push_back(this);
}

VirtualExecutor::~VirtualExecutor() {
  Kill();
  std::erase(world_.executors_, this);
}

void VirtualExecutor::Kill() {
  ready_.clear();
  deferred_.clear();
  for (auto it = world_.timers_.begin(); it != world_.timers_.end();) {
    if (it->second.executor != this) {
      ++it;
      continue;
    }
    world_.due_.erase(it->first.second);
    it = world_.timers_.erase(it);
  }
}

void VirtualExecutor::Post(Callback<> task) {
  if (post_delay_us_ == 0) {
    ready_.push_back(std::move(task));
  } else {
    world_.After(post_delay_us_, this, std::move(task));
  }
}

Executor::TimerId VirtualExecutor::After(int64_t delay_us, Callback<> task) {
  world_.After(delay_us, this, std::move(task));
  return world_.last_timer_;
}

void VirtualExecutor::Cancel(TimerId timer) {
  const auto it = world_.due_.find(timer);
  if (it == world_.due_.end()) return;
  world_.timers_.erase({it->second, timer});
  world_.due_.erase(it);
}

void VirtualExecutor::RunTurn() {
  for (size_t left = ready_.size(); left > 0 && !ready_.empty(); --left) {
    Callback<> task = std::move(ready_.front());
    ready_.pop_front();
    task();
  }
  constexpr int kDeferRounds = 16;  // as a real shard does
  for (int round = 0; round < kDeferRounds && !deferred_.empty(); ++round) {
    for (Callback<>& task : std::exchange(deferred_, {})) task();
  }
}

}  // namespace jangada::testing
