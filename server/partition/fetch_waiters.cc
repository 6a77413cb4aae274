#include "server/partition/fetch_waiters.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"

namespace jangada::server {
namespace {

template <class Key>
void EraseOne(std::multimap<Key, uint64_t>* index, Key key, uint64_t id) {
  auto [it, end] = index->equal_range(key);
  while (it != end && it->second != id) ++it;
  CHECK(it != end);
  index->erase(it);
}

}  // namespace

FetchWaiters::~FetchWaiters() { executor_.Cancel(timer_); }

bool FetchWaiters::full() {
  if (waiters_.size() >= max_waiters_) Weed();
  return waiters_.size() >= max_waiters_;
}

void FetchWaiters::Add(size_t bytes, int64_t deadline_us,
                       std::shared_ptr<const Abandonment> abandoned, Callback<Wake> wake) {
  if (waiters_.size() >= weed_at_) Weed();
  CHECK(!full());
  const Id id = ++last_id_;
  const uint64_t wake_at_bytes = committed_bytes_ + bytes;
  waiters_[id] = {wake_at_bytes, deadline_us, std::move(abandoned), std::move(wake)};
  by_bytes_.emplace(wake_at_bytes, id);
  by_deadline_.emplace(deadline_us, id);
  ArmTimer();
}

void FetchWaiters::WakeOne(Id id, Wake reason) {
  auto node = waiters_.extract(id);
  EraseOne(&by_bytes_, node.mapped().wake_at_bytes, id);
  EraseOne(&by_deadline_, node.mapped().deadline_us, id);
  node.mapped().wake(reason);  // last: it may add
}

void FetchWaiters::Weed() {
  std::vector<Id> given_up;
  for (const auto& [id, waiter] : waiters_) {
    if (waiter.abandoned != nullptr && waiter.abandoned->IsSet()) given_up.push_back(id);
  }
  for (const Id id : given_up) WakeOne(id, Wake::kTimeUp);
  weed_at_ = std::max(kWeedAt, 2 * waiters_.size());
}

void FetchWaiters::OnCommitted(size_t bytes) {
  committed_bytes_ += bytes;
  while (!by_bytes_.empty() && by_bytes_.begin()->first <= committed_bytes_) {
    WakeOne(by_bytes_.begin()->second, Wake::kRecords);
  }
}

void FetchWaiters::WakeAll(Wake reason) {
  const Id last = last_id_;  // those that are added meanwhile stay
  while (!waiters_.empty() && waiters_.begin()->first <= last) {
    WakeOne(waiters_.begin()->first, reason);
  }
}

void FetchWaiters::ArmTimer() {
  if (by_deadline_.empty()) return;
  const int64_t due_us = by_deadline_.begin()->first;
  if (timer_ != 0 && timer_at_us_ <= due_us) return;
  executor_.Cancel(timer_);
  timer_at_us_ = due_us;
  timer_ = executor_.After(std::max<int64_t>(0, due_us - executor_.NowUs()), [this] { OnTimer(); });
}

void FetchWaiters::OnTimer() {
  timer_ = 0;
  const int64_t now_us = executor_.NowUs();
  while (!by_deadline_.empty() && by_deadline_.begin()->first <= now_us) {
    WakeOne(by_deadline_.begin()->second, Wake::kTimeUp);
  }
  ArmTimer();
}

}  // namespace jangada::server
