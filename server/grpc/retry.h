// Retry: tries a call to a partition's leader again while that is safe and there is time. Safe is
// what was surely not done (no leader yet, the wrong one, a node that cannot be reached), and, for
// calls that may be repeated (reads, batches of idempotent producers), also what may have been
// done.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "base/callback.h"
#include "base/result.h"
#include "server/grpc/call_scope.h"
#include "server/grpc/timer.h"
#include "server/limits.h"

namespace jangada::server::grpc_door {

/// Surely not done, and a leader may be found by and by.
inline bool AwaitsLeader(ErrorCode code) {
  return code == ErrorCode::kNotLeader || code == ErrorCode::kUnavailable;
}
/// It may have been done; only what may be repeated is tried again.
inline bool FateUnknown(ErrorCode code) {
  return code == ErrorCode::kTimeout || code == ErrorCode::kShuttingDown;
}

/// The waits between the tries of one call.
class Backoff {
 public:
  int64_t Next() {
    const int64_t delay_us = next_us_;
    next_us_ = std::min(next_us_ * 2, kMaxBackoffUs);
    return delay_us;
  }
  void Reset() { next_us_ = kFirstBackoffUs; }

 private:
  int64_t next_us_ = kFirstBackoffUs;
};

/// Decides after a failed try, whose call began at `began`, whether another one follows.
inline bool MayTryAgain(ErrorCode code, const CallScope& scope, TimePoint began, bool repeatable) {
  if (scope.forwarded || scope.cancellation->cancelled() || scope.MicrosLeft() <= 0) return false;
  // This node may merely not have heard yet of a topic that another one has just created.
  if (code == ErrorCode::kUnknownTopic) return -MicrosUntil(began) < kUnknownTopicGraceUs;
  if (scope.no_forward) return false;
  return AwaitsLeader(code) || (repeatable && FateUnknown(code));
}

/// The error to answer when no further try follows. Once a try's fate was unknown, a later one that
/// was surely not done proves nothing about the first.
inline Error FinalError(Error last, bool an_earlier_fate_unknown) {
  if (!an_earlier_fate_unknown || FateUnknown(last.code) ||
      last.code == ErrorCode::kDuplicateSequence) {
    return last;
  }
  return {ErrorCode::kTimeout,
          "An earlier try may have been done; the last one failed: " + last.message};
}

template <class T>
class Retry : public std::enable_shared_from_this<Retry<T>> {
 public:
  using Done = Callback<Result<T>>;
  using Try = CallbackOf<void(Done)>;

  Retry(CallScope scope, bool repeatable, Try once, Done done)
      : scope_(std::move(scope)),
        repeatable_(repeatable),
        try_(std::move(once)),
        done_(std::move(done)) {}

  void Run() {
    try_(
        [self = this->shared_from_this()](Result<T> result) { self->OnResult(std::move(result)); });
  }

 private:
  void OnResult(Result<T> result) {
    const int64_t wait_us = backoff_.Next();
    // A try that could only begin after the deadline is none: the client is told in time.
    const bool again = !result.ok() && wait_us < scope_.MicrosLeft() &&
                       MayTryAgain(result.error().code, scope_, began_, repeatable_);
    if (!again) {
      try_ = nullptr;  // it may own what owns this
      Done done = std::move(done_);
      if (result.ok()) return done(std::move(result));
      return done(FinalError(result.error(), fate_unknown_));
    }
    fate_unknown_ = fate_unknown_ || FateUnknown(result.error().code);
    RunAfter(wait_us, [self = this->shared_from_this()] { self->Run(); });
  }

  const CallScope scope_;
  const TimePoint began_ = Now();
  const bool repeatable_;
  Try try_;
  Done done_;
  bool fate_unknown_ = false;  // of some try so far
  Backoff backoff_;
};

template <class T>
void WithRetry(const CallScope& scope, bool repeatable, typename Retry<T>::Try once,
               typename Retry<T>::Done done) {
  std::make_shared<Retry<T>>(scope, repeatable, std::move(once), std::move(done))->Run();
}

}  // namespace jangada::server::grpc_door
