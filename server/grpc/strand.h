// Strand: runs tasks one after the other, on whichever thread brings them, so that what they touch
// needs no lock. A task that posts another does not wait for it.
#pragma once

#include <deque>
#include <mutex>
#include <utility>

#include "base/callback.h"

namespace jangada::server::grpc_door {

class Strand {
 public:
  /// Runs the task before this returns, unless another is running: then whoever runs that one goes
  /// on with this.
  void Post(Callback<> task) {
    std::unique_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    if (running_) return;
    running_ = true;
    while (!tasks_.empty()) {
      Callback<> next = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      next();
      next = nullptr;
      lock.lock();
    }
    running_ = false;
  }

 private:
  std::mutex mutex_;
  std::deque<Callback<>> tasks_;  // under mutex_
  bool running_ = false;          // the same
};

}  // namespace jangada::server::grpc_door
