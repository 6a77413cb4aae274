// Cancellation: one end, many who want to know. A call's is pulled when its client goes, the
// server's when it stops; calls forwarded on behalf of a client hang on to it. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "base/callback.h"

namespace jangada::server::grpc_door {

class Cancellation {
 public:
  /// Runs `action` once, on the thread of Cancel; at once if that has been. The id is for Forget;
  /// 0: it ran.
  uint64_t OnCancel(Callback<> action) {
    {
      const std::lock_guard lock(mutex_);
      if (!cancelled_) {
        actions_.emplace(++last_id_, std::move(action));
        return last_id_;
      }
    }
    action();
    return 0;
  }

  /// The action is destroyed unrun, unless it has run or is running just now.
  void Forget(uint64_t id) {
    Callback<> forgotten;  // destroyed outside the lock: it may own a call
    const std::lock_guard lock(mutex_);
    if (auto it = actions_.find(id); it != actions_.end()) {
      forgotten = std::move(it->second);
      actions_.erase(it);
    }
  }

  void Cancel() {
    std::map<uint64_t, Callback<>> actions;
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      actions.swap(actions_);
    }
    for (auto& [id, action] : actions) action();
  }

  bool cancelled() const {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }

 private:
  mutable std::mutex mutex_;
  bool cancelled_ = false;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Callback<>> actions_;
};

}  // namespace jangada::server::grpc_door
