// Countdown: runs a task when the last of several answers has come. Any thread.
#pragma once

#include <atomic>
#include <utility>

#include "base/callback.h"
#include "base/check.h"

namespace jangada {

class Countdown {
 public:
  /// REQUIRES: count > 0.
  Countdown(int count, Callback<> done) : left_(count), done_(std::move(done)) {
    CHECK_GT(count, 0);
  }

  /// Called `count` times in all; what was written before each is seen by the task.
  void Done() {
    if (left_.fetch_sub(1) == 1) done_();
  }

 private:
  std::atomic<int> left_;
  Callback<> done_;
};

}  // namespace jangada
