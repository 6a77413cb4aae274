// Result<T>: a value or an Error. Operating errors travel this way; nothing of ours is thrown.
// An Error's message is one sentence for a person: what is wrong and what to do about it. Values;
// whoever takes the value of an error ends the process.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <variant>

#include "jangada/misuse.h"

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
  /// By value, so that a loop over what a call answered does not run over what is gone.
  T value() && {
    RequireOk();
    return std::move(*std::get_if<T>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// REQUIRES: !ok().
  const Error& error() const {
    if (ok()) internal::Misused("error() of a Result that holds a value");
    return *std::get_if<Error>(&state_);
  }

 private:
  void RequireOk() const {
    if (!ok()) internal::Misused(std::get_if<Error>(&state_)->message);
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
  void value() const {
    if (!ok_) internal::Misused(error_.message);
  }

  const Error& error() const {
    if (ok_) internal::Misused("error() of a Result that holds a value");
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace jangada
