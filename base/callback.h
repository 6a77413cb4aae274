// Callback: a function object that can be moved but not copied, so that it may own what it needs to
// finish (a buffer, a promise, another Callback). Called at most as often as its owner documents.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace jangada {

template <class Signature>
class CallbackOf;

template <class R, class... Args>
class CallbackOf<R(Args...)> {
 public:
  CallbackOf() = default;
  CallbackOf(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): reads as "no callback"

  template <class F>
  requires(!std::is_same_v<std::decay_t<F>, CallbackOf> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
      CallbackOf(F&& function)  // NOLINT(google-explicit-constructor): a lambda is a callback
      : target_(std::make_unique<Target<std::decay_t<F>>>(std::forward<F>(function))) {}

  explicit operator bool() const { return target_ != nullptr; }

  /// REQUIRES: a function is held.
  R operator()(Args... args) {
    CHECK(target_ != nullptr);
    return target_->Call(std::forward<Args>(args)...);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R Call(Args... args) = 0;
  };
  template <class F>
  struct Target final : Base {
    explicit Target(F f) : function(std::move(f)) {}
    R Call(Args... args) override { return function(std::forward<Args>(args)...); }
    F function;
  };

  std::unique_ptr<Base> target_;
};

/// Callback<A, B> takes (A, B) and returns nothing; Callback<> takes nothing.
template <class... Args>
using Callback = CallbackOf<void(Args...)>;

}  // namespace jangada
