#include "storage/thread_executor.h"

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace jangada::storage {

struct ThreadExecutor::Impl {
  // Shared, under `mutex`.
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Callback<>> posted;
  bool stopping = false;

  // The thread's own.
  std::deque<Callback<>> deferred;
  std::map<std::pair<int64_t, TimerId>, Callback<>> timers;  // by due time
  TimerId next_timer = 1;

  std::thread thread;

  void Run();
  /// Waits for something to do; false: stop.
  bool TakeTurn(std::deque<Callback<>>* turn);
  void RunDueTimers();
};

namespace {
int64_t MonotonicUs() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
}  // namespace

bool ThreadExecutor::Impl::TakeTurn(std::deque<Callback<>>* turn) {
  std::unique_lock lock(mutex);
  const auto ready = [this] { return stopping || !posted.empty(); };
  if (timers.empty()) {
    wake.wait(lock, ready);
  } else {
    const auto due = std::chrono::steady_clock::time_point(
        std::chrono::microseconds(timers.begin()->first.first));
    wake.wait_until(lock, due, ready);
  }
  turn->swap(posted);
  return !stopping;
}

void ThreadExecutor::Impl::RunDueTimers() {
  const int64_t now = MonotonicUs();
  while (!timers.empty() && timers.begin()->first.first <= now) {
    Callback<> task = std::move(timers.begin()->second);
    timers.erase(timers.begin());
    task();
  }
}

void ThreadExecutor::Impl::Run() {
  std::deque<Callback<>> turn;
  while (TakeTurn(&turn)) {
    RunDueTimers();
    for (Callback<>& task : turn) task();
    turn.clear();
    while (!deferred.empty()) {
      Callback<> task = std::move(deferred.front());
      deferred.pop_front();
      task();
    }
  }
}

ThreadExecutor::ThreadExecutor(const std::string& name) : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->Run(); });
  pthread_setname_np(impl_->thread.native_handle(), name.substr(0, 15).c_str());
}

ThreadExecutor::~ThreadExecutor() { Stop(); }

void ThreadExecutor::Stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_one();
  if (impl_->thread.joinable()) impl_->thread.join();
  std::deque<Callback<>> unrun;
  {
    const std::lock_guard lock(impl_->mutex);
    unrun.swap(impl_->posted);
  }
  impl_->timers.clear();
  impl_->deferred.clear();
}

void ThreadExecutor::Post(Callback<> task) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return;
    impl_->posted.push_back(std::move(task));
  }
  impl_->wake.notify_one();
}

void ThreadExecutor::Defer(Callback<> task) {
  CHECK(IsCurrent());
  impl_->deferred.push_back(std::move(task));
}

Executor::TimerId ThreadExecutor::After(int64_t delay_us, Callback<> task) {
  CHECK(IsCurrent());
  const TimerId id = impl_->next_timer++;
  impl_->timers.emplace(std::pair(MonotonicUs() + delay_us, id), std::move(task));
  return id;
}

void ThreadExecutor::Cancel(TimerId timer) {
  CHECK(IsCurrent());
  std::erase_if(impl_->timers, [timer](const auto& item) { return item.first.second == timer; });
}

int64_t ThreadExecutor::NowUs() const { return MonotonicUs(); }

int64_t ThreadExecutor::WallNowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool ThreadExecutor::IsCurrent() const {
  return impl_->thread.get_id() == std::this_thread::get_id();
}

}  // namespace jangada::storage
