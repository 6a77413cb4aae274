// ThreadExecutor: an Executor that is one dedicated thread, for work that blocks: the log writer
// and the readers of cold entries. Tasks run in the order of their posts; timers run when due.
//
// Threads: Post from any; the rest on the executor's own. Stop (or the destructor) finishes the
// task that runs, destroys the waiting ones unrun and joins.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"

namespace jangada::storage {

class ThreadExecutor final : public Executor {
 public:
  /// `name` is shown by ps and top; at most 15 characters are kept.
  explicit ThreadExecutor(const std::string& name);
  ~ThreadExecutor() override;

  /// Idempotent. REQUIRES: not called on the executor's own thread.
  void Stop();

  void Post(Callback<> task) override;
  void Defer(Callback<> task) override;
  TimerId After(int64_t delay_us, Callback<> task) override;
  void Cancel(TimerId timer) override;
  int64_t NowUs() const override;
  int64_t WallNowMs() const override;
  bool IsCurrent() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangada::storage
