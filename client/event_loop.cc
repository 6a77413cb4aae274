#include "client/event_loop.h"

#include <chrono>
#include <future>

#include "base/check.h"

namespace jangada::client {

EventLoop::EventLoop() : thread_([this] { Run(); }) {}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  CHECK(!IsCurrent());
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  // What the tasks own may post again as it dies: destroy it outside the lock.
  std::deque<Callback<>> unrun;
  {
    const std::lock_guard lock(mutex_);
    unrun.swap(posted_);
  }
  unrun.clear();
  timers_.clear();
  deferred_.clear();
}

void EventLoop::Post(Callback<> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    posted_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void EventLoop::Defer(Callback<> task) { deferred_.push_back(std::move(task)); }

Executor::TimerId EventLoop::After(int64_t delay_us, Callback<> task) {
  const TimerId timer = ++last_timer_;
  const int64_t due_us = NowUs() + delay_us;
  timers_.emplace(std::pair(due_us, timer), std::move(task));
  due_.emplace(timer, due_us);
  return timer;
}

void EventLoop::Cancel(TimerId timer) {
  const auto it = due_.find(timer);
  if (it == due_.end()) return;
  timers_.erase({it->second, timer});
  due_.erase(it);
}

int64_t EventLoop::NowUs() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t EventLoop::WallNowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool EventLoop::IsCurrent() const { return std::this_thread::get_id() == thread_.get_id(); }

bool EventLoop::RunAndWait(Callback<> task) {
  CHECK(!IsCurrent());
  bool ran = false;
  std::promise<void> promise;
  const std::future<void> finished = promise.get_future();
  Post([&ran, task = std::move(task), promise = std::move(promise)]() mutable {
    task();
    ran = true;
    promise.set_value();
  });
  finished.wait();  // a task that the loop drops breaks its promise, which wakes us too
  return ran;
}

void EventLoop::RunTimers() {
  const int64_t now_us = NowUs();
  while (!timers_.empty() && timers_.begin()->first.first <= now_us) {
    auto timer = timers_.extract(timers_.begin());
    due_.erase(timer.key().second);
    timer.mapped()();
  }
}

void EventLoop::RunDeferred() {
  std::deque<Callback<>> deferred;
  deferred.swap(deferred_);
  for (Callback<>& task : deferred) task();
}

void EventLoop::Run() {
  std::deque<Callback<>> tasks;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return stopping_ || !posted_.empty(); };
      if (!deferred_.empty()) {
        // Deferred tasks may defer again: another turn at once.
      } else if (timers_.empty()) {
        wake_.wait(lock, ready);
      } else {
        const int64_t due_us = timers_.begin()->first.first;
        wake_.wait_until(
            lock, std::chrono::steady_clock::time_point(std::chrono::microseconds(due_us)), ready);
      }
      if (stopping_) return;
      tasks.swap(posted_);
    }
    for (Callback<>& task : tasks) task();
    tasks.clear();
    RunTimers();
    RunDeferred();
  }
}

}  // namespace jangada::client
