// WriteQueue: the writes of one group on their way to the store, in order. One is in flight at a
// time and what gathers behind it leaves as one, so that nothing is written that builds on a write
// which the store refused. On the group's shard.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/callback.h"
#include "base/executor.h"
#include "storage/log_store.h"

namespace jangada::server {

class WriteQueue {
 public:
  /// `on_error`: a write failed. Nothing more is written until Reset.
  WriteQueue(GroupId group, Executor& executor, storage::LogStore& store,
             Callback<const Error&> on_error);

  /// `done` (optional) once `write` and all before it are synced. Its `group` is filled in here.
  void Push(storage::GroupWrite write, Callback<> done);
  /// Forgets what was not answered: none of its callbacks run any more.
  void Reset();

  bool idle() const { return queue_.empty() && !in_flight_; }
  /// Runs `done` once nothing is queued or in flight.
  void WhenIdle(Callback<> done);
  bool failed() const { return failed_; }

 private:
  struct Item {
    storage::GroupWrite write;
    std::vector<Callback<>> done;
  };

  static constexpr size_t kMaxMergedBytes = 2 << 20;

  static bool MayMerge(const Item& first, const Item& second);
  static void Merge(Item* first, Item second);
  void Forget(std::deque<Item> items);
  void Submit();
  void OnDone(const Status& status);
  void RunIfIdle();

  // Constant after construction.
  const GroupId group_;
  Executor& executor_;
  storage::LogStore& store_;
  Callback<const Error&> on_error_;

  // 1. The front of queue_ is what is in flight.
  // 2. failed_ implies that nothing is in flight.
  std::deque<Item> queue_;
  bool in_flight_ = false;
  bool failed_ = false;
  std::vector<Callback<>> when_idle_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // a new one with each Reset
};

}  // namespace jangada::server
