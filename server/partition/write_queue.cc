#include "server/partition/write_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace jangada::server {

WriteQueue::WriteQueue(GroupId group, Executor& executor, storage::LogStore& store,
                       Callback<const Error&> on_error)
    : group_(group), executor_(executor), store_(store), on_error_(std::move(on_error)) {}

void WriteQueue::Push(storage::GroupWrite write, Callback<> done) {
  write.group = group_;
  Item item{std::move(write), {}};
  if (done) item.done.push_back(std::move(done));
  queue_.push_back(std::move(item));
  Submit();
}

void WriteQueue::Reset() {
  alive_ = std::make_shared<bool>(true);
  in_flight_ = false;
  failed_ = false;
  Forget(std::exchange(queue_, {}));
  RunIfIdle();
}

/// In a later turn: a callback may own the last hold on the replica, and with it this queue.
void WriteQueue::Forget(std::deque<Item> items) {
  executor_.Post([items = std::move(items)] {});
}

void WriteQueue::WhenIdle(Callback<> done) {
  when_idle_.push_back(std::move(done));
  RunIfIdle();
}

void WriteQueue::RunIfIdle() {
  if (!idle()) return;
  std::vector<Callback<>> ready = std::move(when_idle_);
  when_idle_.clear();
  for (Callback<>& done : ready) done();
}

/// The steps of one GroupWrite happen in the order of its fields, so only entries and hard states
/// that follow nothing but entries and hard states may join.
bool WriteQueue::MayMerge(const Item& first, const Item& second) {
  const storage::GroupWrite& a = first.write;
  const storage::GroupWrite& b = second.write;
  if (a.checkpoint || a.trim_below != 0 || a.clear_damaged) return false;
  if (b.erase || b.install || b.checkpoint || b.trim_below != 0 || b.clear_damaged) return false;
  size_t bytes = 0;
  for (const raft::Entry& entry : a.entries) bytes += entry.size();
  return bytes < kMaxMergedBytes;
}

void WriteQueue::Merge(Item* first, Item second) {
  if (second.write.hard_state) first->write.hard_state = second.write.hard_state;
  std::vector<raft::Entry>& entries = first->write.entries;
  if (!second.write.entries.empty()) {
    const raft::Index from = second.write.entries.front().index;
    while (!entries.empty() && entries.back().index >= from) entries.pop_back();
    std::move(second.write.entries.begin(), second.write.entries.end(),
              std::back_inserter(entries));
  }
  std::move(second.done.begin(), second.done.end(), std::back_inserter(first->done));
}

void WriteQueue::Submit() {
  if (in_flight_ || failed_ || queue_.empty()) return;
  while (queue_.size() > 1 && MayMerge(queue_[0], queue_[1])) {
    Item second = std::move(queue_[1]);
    queue_.erase(queue_.begin() + 1);
    Merge(&queue_[0], std::move(second));
  }
  in_flight_ = true;
  store_.Persist(queue_.front().write, executor_,
                 [this, alive = std::weak_ptr<bool>(alive_)](const Status& status) {
                   if (!alive.expired()) OnDone(status);
                 });
}

void WriteQueue::OnDone(const Status& status) {
  in_flight_ = false;
  if (!status.ok() && status.error().code == ErrorCode::kDiskFull) {
    // Only an erasure builds on nothing that went before.
    std::deque<Item> refused;
    while (!queue_.empty() && !queue_.front().write.erase) {
      refused.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    Forget(std::move(refused));
    if (!queue_.empty()) return Submit();
  }
  if (!status.ok()) {
    failed_ = true;
    on_error_(status.error());
    return;
  }
  Item item = std::move(queue_.front());
  queue_.pop_front();
  Submit();  // first: the next write waits for nobody
  const std::weak_ptr<bool> alive = alive_;
  for (Callback<>& done : item.done) {
    done();
    if (alive.expired()) return;
  }
  RunIfIdle();
}

}  // namespace jangada::server
