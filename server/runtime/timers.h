// Timers: the pending timers of one executor, ordered by deadline; nothing is scanned to find the
// next. Owned by one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/callback.h"
#include "base/executor.h"

namespace jangada::server {

class Timers {
 public:
  Executor::TimerId Add(int64_t deadline_us, Callback<> task) {
    const Executor::TimerId id = ++last_id_;
    pending_.emplace(Key{deadline_us, id}, std::move(task));
    deadline_of_.emplace(id, deadline_us);
    return id;
  }

  void Cancel(Executor::TimerId id) {
    const auto found = deadline_of_.find(id);
    if (found == deadline_of_.end()) return;
    pending_.erase(Key{found->second, id});
    deadline_of_.erase(found);
  }

  /// When the next timer is due; nullopt if there is none.
  std::optional<int64_t> NextDeadline() const {
    if (pending_.empty()) return std::nullopt;
    return pending_.begin()->first.first;
  }

  /// The first timer due at `now_us`, taken out; an empty callback if none is. Equal deadlines fire
  /// in the order in which they were added.
  Callback<> TakeDue(int64_t now_us) {
    if (pending_.empty() || pending_.begin()->first.first > now_us) return nullptr;
    Callback<> task = std::move(pending_.begin()->second);
    deadline_of_.erase(pending_.begin()->first.second);
    pending_.erase(pending_.begin());
    return task;
  }

  size_t size() const { return pending_.size(); }

 private:
  using Key = std::pair<int64_t, Executor::TimerId>;  // deadline, then order of arrival

  std::map<Key, Callback<>> pending_;
  std::unordered_map<Executor::TimerId, int64_t> deadline_of_;  // the keys of pending_, by id
  Executor::TimerId last_id_ = 0;
};

}  // namespace jangada::server
