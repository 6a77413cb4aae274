#include "server/kafka/codec.h"

namespace jangada::server::kafka {
namespace {

/// A piece of its own costs an entry of the gathering write; below this a copy is cheaper.
constexpr size_t kCopyBelow = 2048;

}  // namespace

// ---- Reader ----

std::string Reader::Why() const {
  CHECK(!ok());
  return std::string(why_) + " at byte " + std::to_string(failed_at_) + " of " +
         std::to_string(frame_.size());
}

void Reader::Fail(const char* why) {
  if (!ok()) return;
  why_ = why;
  failed_at_ = static_cast<size_t>(in_.data() - frame_.data());
  in_ = {};
}

std::string_view Reader::Take(uint64_t length) {
  if (!ok() || length > in_.size()) {
    Fail("the message is cut short");
    return {};
  }
  const std::string_view taken = in_.substr(0, length);
  in_.remove_prefix(length);
  return taken;
}

Bytes Reader::Slice(size_t length) {
  const std::string_view taken = Take(length);
  if (taken.empty()) return {};
  return frame_.Slice(static_cast<size_t>(taken.data() - frame_.data()), taken.size());
}

uint64_t Reader::UnsignedVarint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    const std::string_view byte = Take(1);
    if (!ok()) return 0;
    value |= static_cast<uint64_t>(byte.front() & 0x7f) << shift;
    if ((byte.front() & 0x80) == 0) return value;
  }
  Fail("a varint has more than five bytes");
  return 0;
}

std::optional<size_t> Reader::CheckLength(int64_t length, bool nullable) {
  if (!ok()) return std::nullopt;
  if (length < 0) {
    if (length == -1 && nullable) return std::nullopt;
    Fail(length == -1 ? "null where a value must be" : "a negative length");
    return std::nullopt;
  }
  if (static_cast<uint64_t>(length) > in_.size()) {
    Fail("a length beyond the end of the message");
    return std::nullopt;
  }
  return static_cast<size_t>(length);
}

bool Reader::Charge(size_t bytes) {
  decoded_bytes_ += bytes;
  if (decoded_bytes_ > kMaxDecodedBytes) Fail("more elements than one request may have");
  return ok();
}

void Reader::SkipTags() {
  for (uint64_t left = UnsignedVarint(); left > 0 && ok(); --left) {
    UnsignedVarint();
    Take(UnsignedVarint());
  }
}

// ---- Writer ----

void Writer::WriteTags() {
  AppendUnsignedVarint(&out_, tags_.size());
  for (const Tag& tag : tags_) {
    AppendUnsignedVarint(&out_, tag.tag);
    AppendSized(&out_, tag.body);
  }
}

void Writer::Append(const Bytes& bytes) {
  if (bytes.size() < kCopyBelow) {
    out_ += bytes.view();
    return;
  }
  if (head_.empty()) {
    head_ = std::exchange(out_, {});
  } else if (!out_.empty()) {
    pieces_.emplace_back(std::exchange(out_, {}));
  }
  pieces_.push_back(bytes);
}

std::vector<Bytes> Writer::Finish() {
  if (head_.empty()) head_ = std::exchange(out_, {});
  if (!out_.empty()) pieces_.emplace_back(std::exchange(out_, {}));
  size_t size = head_.size() - sizeof(int32_t);
  for (const Bytes& piece : pieces_) size += piece.size();
  StoreBig(head_.data(), static_cast<int32_t>(size));
  pieces_.emplace(pieces_.begin(), std::move(head_));
  return std::exchange(pieces_, {});
}

}  // namespace jangada::server::kafka
