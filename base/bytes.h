// Bytes: an immutable, shared, sliceable run of bytes. Copying or slicing one shares the memory and
// copies nothing, so that a batch is encoded once and appended, sent, cached and fetched as it is.
// Safe to share between threads: the bytes never change after construction.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace jangada {

class Bytes {
 public:
  Bytes() = default;

  /// Takes over a string's memory without a copy.
  explicit Bytes(std::string value) {
    auto owner = std::make_shared<const std::string>(std::move(value));
    view_ = *owner;
    owner_ = std::move(owner);
  }

  /// Shares memory that `owner` keeps alive.
  /// REQUIRES: `view` stays valid and unchanged for as long as `owner` lives.
  Bytes(std::shared_ptr<const void> owner, std::string_view view)
      : owner_(std::move(owner)), view_(view) {}

  static Bytes Copy(std::string_view view) { return Bytes(std::string(view)); }

  const char* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  std::string_view view() const { return view_; }
  std::string ToString() const { return std::string(view_); }

  /// The part [offset, offset + length), sharing the memory.
  /// REQUIRES: offset + length <= size().
  Bytes Slice(size_t offset, size_t length) const {
    CHECK_LE(offset, size());
    CHECK_LE(length, size() - offset);
    return Bytes(owner_, view_.substr(offset, length));
  }

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view_ == b.view_; }

 private:
  std::shared_ptr<const void> owner_;
  std::string_view view_;
};

}  // namespace jangada
