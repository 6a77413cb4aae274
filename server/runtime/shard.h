// Shard: one thread with one Asio io_context; the real Executor. It owns its replicas entirely:
// calls come in by Post, completions go out by Post, so nothing below the listeners needs a lock.
//
// The thread works in turns: it runs what is ready (at most Turns::kTasksPerTurn tasks), then what
// was deferred to the turn's end, then the end-of-turn hook. What one turn gathers is written and
// sent once.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <ctime>
#include <memory>
#include <string>
#include <thread>

#include "base/executor.h"
#include "server/runtime/shard_stats.h"
#include "server/runtime/turns.h"

namespace jangada::server {

class Shard final : public Executor {
 public:
  /// `name` names the thread ("shard-0").
  explicit Shard(std::string name);
  ~Shard() override;  // stops, if Stop was not called
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// REQUIRES: before Start. Runs at the end of every turn, after the deferred tasks.
  void SetEndOfTurn(Callback<> hook);
  void Start();
  /// Ends the thread after the running task; what is still posted is destroyed unrun. Not on the
  /// shard's own thread. Idempotent.
  void Stop();

  void Post(Callback<> task) override;
  void Defer(Callback<> task) override;
  TimerId After(int64_t delay_us, Callback<> task) override;
  void Cancel(TimerId timer) override;
  int64_t NowUs() const override;
  int64_t WallNowMs() const override;
  bool IsCurrent() const override;

  /// Any thread.
  ShardStats stats() const;

  /// For the edges that need Asio itself (the Kafka listener).
  boost::asio::io_context& io() { return io_; }

 private:
  /// On the shard's thread, or after the thread has ended: then whoever takes the house down owns
  /// it.
  bool MayTouch() const { return IsCurrent() || !thread_.joinable(); }

  void Run();
  void ArmTimer();
  void FireTimers();

  int64_t ThreadCpuUs() const;

  const std::string name_;
  boost::asio::io_context io_{1};
  std::thread thread_;
  clockid_t cpu_clock_{};  // of the thread; constant after Start

  std::atomic<uint64_t> posted_ = 0;
  std::atomic<uint64_t> run_ = 0;  // written by the shard's thread alone

  // Owned by the shard's thread.
  boost::asio::steady_timer wakeup_{io_};
  int64_t armed_for_us_ = -1;  // the deadline that wakeup_ waits for; -1: none
  Turns turns_;
};

}  // namespace jangada::server
