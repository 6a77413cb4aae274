// Result<T>: a value or an Error. Operating errors travel this way; nothing of ours is thrown.
// An Error's message is one sentence for a person: what is wrong and what to do about it.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace jangada {

/// What went wrong, as a program needs to know it. Each door maps these to its own codes in one
/// place.
enum class ErrorCode {
  // The caller's mistake: repeating the call cannot help.
  kInvalidArgument,
  kNotFound,
  kUnknownTopic,
  kAlreadyExists,
  kOffsetOutOfRange,
  kRecordTooLarge,
  kCorruptRecord,       // the bytes that the client sent fail their checksum or their own counts
  kFailedPrecondition,  // valid, but not in the present state (a change is under way, a node is
                        // down)
  kPermissionDenied,    // another cluster, another disk, a node that was removed
  kUnsupportedVersion,
  // Idempotent producers.
  kOutOfOrderSequence,
  kDuplicateSequence,
  kProducerFenced,
  kUnknownProducer,
  // Surely not done; may be tried again (kNotLeader: elsewhere).
  kNotLeader,
  kUnavailable,
  kThrottled,
  kDiskFull,
  kShuttingDown,
  // Fate unknown: it may have been done, or may yet be.
  kTimeout,
  // The house is on fire.
  kIoError,
  kDataCorrupt,  // bytes of ours on the disk are damaged
  kInternal,
};

/// "NOT_LEADER" and the like: stable names for logs and for machines.
const char* ErrorCodeName(ErrorCode code);
std::ostream& operator<<(std::ostream& out, ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Error& error) {
    return out << error.code << ": " << error.message;
  }
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  /// REQUIRES: ok().
  T& value() & {
    RequireOk();
    return *std::get_if<T>(&state_);
  }
  const T& value() const& {
    RequireOk();
    return *std::get_if<T>(&state_);
  }
  T&& value() && {
    RequireOk();
    return std::move(*std::get_if<T>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// REQUIRES: !ok().
  const Error& error() const {
    CHECK(!ok());
    return *std::get_if<Error>(&state_);
  }

 private:
  void RequireOk() const {
    if (!ok()) CHECK_MSG(false, std::get_if<Error>(&state_)->message);
  }

  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error)  // NOLINT(google-explicit-constructor)
      : error_(std::move(error)), ok_(false) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  void value() const { CHECK_MSG(ok_, error_.message); }

  const Error& error() const {
    CHECK(!ok_);
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace jangada

/// TRY(expression): returns the error to the caller, or goes on.
#define TRY(expression)                                                                 \
  do {                                                                                  \
    if (auto try_result_ = (expression); !try_result_.ok()) return try_result_.error(); \
  } while (0)

#define JANGADA_CONCAT_(a, b) a##b
#define JANGADA_CONCAT(a, b) JANGADA_CONCAT_(a, b)

/// TRY_ASSIGN(auto x, expression): x is the value, or the error goes to the caller.
#define TRY_ASSIGN(declaration, expression)                                                \
  auto JANGADA_CONCAT(try_, __LINE__) = (expression);                                      \
  if (!JANGADA_CONCAT(try_, __LINE__).ok()) return JANGADA_CONCAT(try_, __LINE__).error(); \
  declaration = std::move(JANGADA_CONCAT(try_, __LINE__)).value()
