// Callback: a function object that can be moved but not copied, so that it may own what it needs to
// finish (a buffer, a promise, another Callback). Called at most as often as its owner documents.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "jangada/misuse.h"

namespace jangada {

template <class Signature>
class CallbackOf;

template <class R, class... Args>
class CallbackOf<R(Args...)> {
 public:
  CallbackOf() = default;
  /// nullptr reads as "no callback". A template, so that a literal 0 does not.
  template <class Null>
  requires std::is_null_pointer_v<Null> CallbackOf(Null) {}  // NOLINT(google-explicit-constructor)

  template <class F>
  requires(!std::is_same_v<std::decay_t<F>, CallbackOf> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
      CallbackOf(F&& function)  // NOLINT(google-explicit-constructor): a lambda is a callback
      : target_(std::make_unique<Target<std::decay_t<F>>>(std::forward<F>(function))) {}

  explicit operator bool() const { return target_ != nullptr; }

  /// REQUIRES: a function is held.
  R operator()(Args... args) {
    if (target_ == nullptr) internal::Misused("call of an empty Callback");
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
