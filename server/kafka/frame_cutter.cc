#include "server/kafka/frame_cutter.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/coding.h"

namespace jangada::server::kafka {
namespace {

/// Taken on the word of a length alone; most frames are smaller.
constexpr size_t kFirstPiece = 64 << 10;
/// Less space than this is not worth a read of its own.
constexpr size_t kLeastSpace = 16 << 10;

/// Who probably speaks, for the person who reads the log: the first bytes of others' protocols make
/// lengths that can't be.
std::string WhoSpeaks(std::string_view head) {
  constexpr std::pair<std::string_view, const char*> kStrangers[] = {
      {"GET ", "HTTP"}, {"POST", "HTTP"}, {"PUT ", "HTTP"},   {"HEAD", "HTTP"},
      {"OPTI", "HTTP"}, {"PRI ", "gRPC"}, {"\x16\x03", "TLS"}};
  for (const auto& [start, protocol] : kStrangers) {
    if (!head.starts_with(start)) continue;
    return std::string(": it looks like ") + protocol + "; this port speaks Kafka's protocol";
  }
  return "";
}

}  // namespace

std::span<char> FrameCutter::Space() {
  if (buffer_ == nullptr || failure_) return {};
  if (filled_ == capacity_) Grow();
  if (capacity_ - filled_ < kLeastSpace) return {};
  return {buffer_.get() + filled_, capacity_ - filled_};
}

void FrameCutter::OnFilled(size_t bytes) {
  CHECK_LE(bytes, capacity_ - filled_);
  filled_ += bytes;
  EndIfWhole();
}

void FrameCutter::Append(std::string_view bytes) {
  while (!bytes.empty() && !failure_) {
    if (head_bytes_ < sizeof head_) {
      const size_t taken = std::min(bytes.size(), sizeof head_ - head_bytes_);
      std::memcpy(head_ + head_bytes_, bytes.data(), taken);
      head_bytes_ += taken;
      bytes.remove_prefix(taken);
      if (head_bytes_ == sizeof head_) OnHead();
      continue;
    }
    if (filled_ == capacity_) Grow();
    const size_t taken = std::min(bytes.size(), capacity_ - filled_);
    std::memcpy(buffer_.get() + filled_, bytes.data(), taken);
    filled_ += taken;
    bytes.remove_prefix(taken);
    EndIfWhole();
  }
}

std::optional<Bytes> FrameCutter::Next() {
  if (whole_.empty()) return std::nullopt;
  Bytes frame = std::move(whole_.front());
  whole_.pop_front();
  return frame;
}

size_t FrameCutter::missing() const {
  if (!in_frame()) return 0;
  return head_bytes_ < sizeof head_ ? sizeof head_ - head_bytes_ : length_ - filled_;
}

void FrameCutter::OnHead() {
  const auto length = LoadBig<int32_t>(head_);
  if (length <= 0 || static_cast<size_t>(length) > max_frame_bytes_) {
    failure_ = "a request claims " + std::to_string(length) + " bytes; the largest allowed has " +
               std::to_string(max_frame_bytes_) + WhoSpeaks(std::string_view(head_, sizeof head_));
    return;
  }
  length_ = static_cast<size_t>(length);
  capacity_ = std::min(length_, kFirstPiece);
  buffer_ = std::make_shared_for_overwrite<char[]>(capacity_);
  filled_ = 0;
}

void FrameCutter::Grow() {
  const size_t capacity = std::min(length_, capacity_ * 2);
  auto buffer = std::make_shared_for_overwrite<char[]>(capacity);
  std::memcpy(buffer.get(), buffer_.get(), filled_);
  buffer_ = std::move(buffer);
  capacity_ = capacity;
}

void FrameCutter::EndIfWhole() {
  if (filled_ < length_) return;
  const std::string_view view(buffer_.get(), length_);
  whole_.emplace_back(std::shared_ptr<const void>(std::exchange(buffer_, nullptr)), view);
  head_bytes_ = length_ = capacity_ = filled_ = 0;
}

}  // namespace jangada::server::kafka
