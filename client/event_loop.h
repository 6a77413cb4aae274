// EventLoop: the one thread on which the client's own state lives, with its timers. Producers,
// consumers and the metadata cache are touched only here, so they need no locks; gRPC's threads and
// the user's post to it.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/executor.h"

namespace jangada::client {

class EventLoop final : public Executor {
 public:
  EventLoop();
  ~EventLoop() override;

  /// No task runs after this returns; what is queued is destroyed unrun. Not from the loop's own
  /// thread.
  void Stop();

  void Post(Callback<> task) override;
  void Defer(Callback<> task) override;
  TimerId After(int64_t delay_us, Callback<> task) override;
  void Cancel(TimerId timer) override;
  int64_t NowUs() const override;
  int64_t WallNowMs() const override;
  bool IsCurrent() const override;

  /// Runs `task` on the loop and waits for it. Not from the loop's own thread.
  /// False: the loop has stopped and the task was not run.
  bool RunAndWait(Callback<> task);

 private:
  void Run();
  /// Runs the timers that are due; how long to sleep for the next, or nothing where there is none.
  void RunTimers();
  void RunDeferred();

  // Shared, under mutex_.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Callback<>> posted_;
  bool stopping_ = false;

  // The loop's own.
  std::map<std::pair<int64_t, TimerId>, Callback<>> timers_;  // by due time
  std::map<TimerId, int64_t> due_;
  std::deque<Callback<>> deferred_;
  TimerId last_timer_ = 0;

  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace jangada::client
