// An Executor that runs its tasks when a test says so, on the test's own thread.
#pragma once

#include <deque>
#include <utility>

#include "base/executor.h"

namespace jangada::storage {

class ManualExecutor final : public Executor {
 public:
  void Post(Callback<> task) override { tasks_.push_back({0, std::move(task)}); }
  void Defer(Callback<> task) override { Post(std::move(task)); }
  /// Due at once.
  TimerId After(int64_t, Callback<> task) override {
    tasks_.push_back({++last_timer_, std::move(task)});
    return last_timer_;
  }
  void Cancel(TimerId timer) override {
    if (timer == 0) return;
    const auto is_it = [timer](const Task& task) { return task.timer == timer; };
    std::erase_if(tasks_, is_it);
    std::erase_if(running_, is_it);
  }
  int64_t NowUs() const override { return 0; }
  int64_t WallNowMs() const override { return 0; }
  bool IsCurrent() const override { return true; }

  /// Runs what was posted before this call; returns how many tasks that was.
  size_t RunOnce() {
    size_t count = 0;
    for (running_ = std::exchange(tasks_, {}); !running_.empty(); ++count) {
      Task next = std::move(running_.front());
      running_.pop_front();
      next.run();
    }
    return count;
  }
  size_t waiting() const { return tasks_.size(); }

 private:
  struct Task {
    TimerId timer = 0;  // 0: of no timer
    Callback<> run;
  };
  std::deque<Task> tasks_;
  std::deque<Task> running_;
  TimerId last_timer_ = 0;
};

}  // namespace jangada::storage
