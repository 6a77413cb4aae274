// FetchWaiters: fetches at the end of a partition that wait for records. Each is woken once: when
// enough bytes came, when its time is up, or when this replica no longer serves. Those that were
// given up are weeded out as others come. Owned by a shard.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "base/callback.h"
#include "base/executor.h"
#include "server/broker.h"

namespace jangada::server {

class FetchWaiters {
 public:
  enum class Wake : uint8_t {
    kRecords,     // what it waited for is there
    kTimeUp,      // answer what there is
    kNotServing,  // leadership was lost, or the node is stopping
  };

  FetchWaiters(Executor& executor, size_t max_waiters)
      : executor_(executor), max_waiters_(max_waiters) {}
  ~FetchWaiters();

  /// Weeds first if it seems so.
  bool full();
  bool empty() const { return waiters_.empty(); }
  size_t size() const { return waiters_.size(); }

  /// Wakes once `bytes` more than now were committed, or at `deadline_us`, or, sooner or later, if
  /// it is abandoned (may be nullptr). REQUIRES: !full().
  void Add(size_t bytes, int64_t deadline_us, std::shared_ptr<const Abandonment> abandoned,
           Callback<Wake> wake);
  /// `bytes` more are committed.
  void OnCommitted(size_t bytes);
  void WakeAll(Wake reason);

 private:
  struct Waiter {
    uint64_t wake_at_bytes = 0;
    int64_t deadline_us = 0;
    std::shared_ptr<const Abandonment> abandoned;
    Callback<Wake> wake;
  };
  using Id = uint64_t;

  static constexpr size_t kWeedAt = 64;

  void WakeOne(Id id, Wake reason);
  void Weed();
  void ArmTimer();
  void OnTimer();

  // Constant after construction.
  Executor& executor_;
  const size_t max_waiters_;

  // 1. Each waiter stands once in each of the two orders.
  std::map<Id, Waiter> waiters_;
  std::multimap<uint64_t, Id> by_bytes_;
  std::multimap<int64_t, Id> by_deadline_;
  uint64_t committed_bytes_ = 0;  // since this object was made
  Id last_id_ = 0;
  size_t weed_at_ = kWeedAt;  // so many waiters: time to look; twice what the last look left
  Executor::TimerId timer_ = 0;
  int64_t timer_at_us_ = 0;
};

}  // namespace jangada::server
