// Executor: how code on a shard (and the log writer) meets time and other threads. One executor
// runs one task at a time, so what it owns needs no lock. The real ones are threads
// (server/runtime); the simulator's is a virtual clock. It stands in base because storage and
// server both need it.
#pragma once

#include <cstdint>

#include "base/callback.h"

namespace jangada {

class Executor {
 public:
  using TimerId = uint64_t;  // 0 is no timer

  virtual ~Executor() = default;

  /// Runs `task` later on this executor, in the order of the posts from one thread. Any thread.
  /// A task posted after the executor stopped is destroyed unrun.
  virtual void Post(Callback<> task) = 0;

  // The rest belongs to the executor's own thread.

  /// Runs `task` at the end of the present turn: after the tasks that were ready when the turn
  /// began. One turn handles many messages, so what is gathered for its end is written and sent
  /// once.
  virtual void Defer(Callback<> task) = 0;

  /// Runs `task` once, no earlier than `delay_us` microseconds from now.
  virtual TimerId After(int64_t delay_us, Callback<> task) = 0;

  /// The task of a timer that has not fired is destroyed unrun. A fired or unknown id is ignored.
  virtual void Cancel(TimerId timer) = 0;

  /// Monotonic microseconds from an arbitrary origin. For every decision about time but the two
  /// below.
  virtual int64_t NowUs() const = 0;

  /// Wall clock, milliseconds since 1970 UTC. Only for record timestamps and retention: it may
  /// jump.
  virtual int64_t WallNowMs() const = 0;

  /// True on this executor's thread.
  virtual bool IsCurrent() const = 0;
};

}  // namespace jangada
