// An Executor that runs its tasks when a test says so, on the test's own thread.
#pragma once

#include <deque>
#include <utility>

#include "base/executor.h"

namespace jangada::storage {

class ManualExecutor final : public Executor {
 public:
  void Post(Callback<> task) override { tasks_.push_back(std::move(task)); }
  void Defer(Callback<> task) override { Post(std::move(task)); }
  TimerId After(int64_t, Callback<> task) override {
    Post(std::move(task));
    return 1;
  }
  void Cancel(TimerId) override {}
  int64_t NowUs() const override { return 0; }
  int64_t WallNowMs() const override { return 0; }
  bool IsCurrent() const override { return true; }

  /// Runs what was posted before this call; returns how many tasks that was.
  size_t RunOnce() {
    std::deque<Callback<>> tasks = std::exchange(tasks_, {});
    for (Callback<>& task : tasks) task();
    return tasks.size();
  }
  size_t waiting() const { return tasks_.size(); }

 private:
  std::deque<Callback<>> tasks_;
};

}  // namespace jangada::storage
