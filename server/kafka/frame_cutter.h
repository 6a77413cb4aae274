// FrameCutter: cuts the bytes of one connection into frames (a length of four bytes, then as many).
// Memory is taken as bytes arrive, never as a length claims; each frame is an allocation of its
// own, so that a slice of it that is kept (records in the cache) pins nothing else. Owned by one
// thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace jangada::server::kafka {

class FrameCutter {
 public:
  explicit FrameCutter(size_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  /// Where the next bytes should be read to, if a large frame is under way; else empty.
  std::span<char> Space();
  /// `bytes` were read into Space(). REQUIRES: bytes <= Space().size().
  void OnFilled(size_t bytes);
  /// Bytes that were read elsewhere.
  void Append(std::string_view bytes);

  /// The next whole frame, without its length.
  std::optional<Bytes> Next();

  /// What is wrong with the stream, if anything is: nothing more comes out of it.
  const std::optional<std::string>& failure() const { return failure_; }
  /// Some bytes of a frame are here, others not.
  bool in_frame() const { return head_bytes_ > 0; }
  /// Of the frame under way; 0 as long as it is not known.
  size_t frame_bytes() const { return length_; }
  /// Bytes that the frame under way, or as yet its length, still lacks; 0 where none is under way.
  size_t missing() const;
  /// Memory taken for the frame under way.
  size_t held_bytes() const { return capacity_; }

 private:
  void OnHead();
  void Grow();
  void EndIfWhole();

  const size_t max_frame_bytes_;
  std::deque<Bytes> whole_;
  std::optional<std::string> failure_;
  // The frame under way.
  char head_[4] = {};
  size_t head_bytes_ = 0;
  size_t length_ = 0;
  std::shared_ptr<char[]> buffer_;
  size_t capacity_ = 0;  // <= length_
  size_t filled_ = 0;    // <= capacity_
};

}  // namespace jangada::server::kafka
