// AskAnyNode: a question that every node can answer, tried on one after the other until it is
// answered, refused for good, or out of time. On the client's loop.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "client/core.h"
#include "client/wire.h"

namespace jangada::client {

template <class T>
class AnyNodeCall : public std::enable_shared_from_this<AnyNodeCall<T>> {
 public:
  /// One try at `node`.
  using Try = std::function<void(const std::string& node, int64_t timeout_ms, Done<T> done)>;
  /// `maybe_done`: an earlier try may have been carried out, though it failed for us.
  using Finish = Callback<Reply<T>, bool>;

  struct Limits {
    int64_t deadline_us = 0;
    int64_t try_timeout_ms = 0;
  };

  AnyNodeCall(Core& core, Limits limits, Try attempt, Finish finish)
      : core_(core), limits_(limits), try_(std::move(attempt)), finish_(std::move(finish)) {}

  void Start() {
    const std::string node = core_.nodes.Next();
    const int64_t left_ms = (limits_.deadline_us - core_.loop.NowUs()) / 1000;
    try_(node, std::clamp<int64_t>(left_ms, 1, limits_.try_timeout_ms),
         [self = this->shared_from_this(), node](Reply<T> reply) {
           self->OnReply(node, std::move(reply));
         });
  }

 private:
  void OnReply(const std::string& node, Reply<T> reply) {
    if (reply.ok() || !reply.failure().disconnected) core_.nodes.Answered(node);
    if (reply.ok()) return finish_(std::move(reply), maybe_done_);
    const Failure& failure = reply.failure();
    const int64_t now_us = core_.loop.NowUs();
    if (!failure.retriable || now_us >= limits_.deadline_us) {
      return finish_(std::move(reply), maybe_done_);
    }
    maybe_done_ = maybe_done_ || failure.fate_unknown;
    core_.nodes.Failed(node);  // also where the node answered: another may know better
    if (!core_.nodes.AllFailed()) return Start();
    if (now_us + backoff_us_ >= limits_.deadline_us) {
      return finish_(std::move(reply), maybe_done_);
    }
    core_.loop.After(backoff_us_, [self = this->shared_from_this()] { self->Start(); });
    backoff_us_ = std::min(backoff_us_ * 2, core_.options.max_retry_backoff_ms * 1000);
  }

  Core& core_;
  const Limits limits_;
  const Try try_;
  Finish finish_;
  bool maybe_done_ = false;
  int64_t backoff_us_ = core_.options.retry_backoff_ms * 1000;
};

}  // namespace jangada::client
