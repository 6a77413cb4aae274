// Fixed-width and variable-length integers in byte strings. Big-endian where order on disk must
// equal numeric order (keys) or where Kafka's formats say so; varints are Kafka's (protobuf's
// zigzag). ByteReader never reads past its end: the first short read makes it fail, and it stays
// failed.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace jangada {

namespace internal {
template <class Int>
Int SwapToBig(Int value) {
  static_assert(std::endian::native == std::endian::little, "little-endian machines only");
  if constexpr (sizeof(Int) == 1) return value;
  if constexpr (sizeof(Int) == 2)
    return static_cast<Int>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(Int) == 4)
    return static_cast<Int>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(Int) == 8)
    return static_cast<Int>(__builtin_bswap64(static_cast<uint64_t>(value)));
}
}  // namespace internal

/// REQUIRES: sizeof(Int) bytes at `to`.
template <class Int>
void StoreBig(char* to, Int value) {
  value = internal::SwapToBig(value);
  std::memcpy(to, &value, sizeof value);
}

/// REQUIRES: sizeof(Int) bytes at `from`.
template <class Int>
Int LoadBig(const char* from) {
  Int value;
  std::memcpy(&value, from, sizeof value);
  return internal::SwapToBig(value);
}

template <class Int>
void AppendBig(std::string* out, Int value) {
  char buffer[sizeof(Int)];
  StoreBig(buffer, value);
  out->append(buffer, sizeof buffer);
}

inline void AppendUnsignedVarint(std::string* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

inline uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

inline void AppendVarint(std::string* out, int64_t value) {
  AppendUnsignedVarint(out, ZigZag(value));
}

inline size_t VarintSize(int64_t value) {
  uint64_t zigzag = ZigZag(value);
  size_t size = 1;
  while (zigzag >= 0x80) {
    zigzag >>= 7;
    ++size;
  }
  return size;
}

/// A length-prefixed string: unsigned varint length, then the bytes.
inline void AppendSized(std::string* out, std::string_view value) {
  AppendUnsignedVarint(out, value.size());
  out->append(value);
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}

  bool ok() const { return ok_; }
  /// All read, and nothing went wrong.
  bool AtEnd() const { return ok_ && in_.empty(); }
  size_t remaining() const { return in_.size(); }

  template <class Int>
  Int Big() {
    if (!Need(sizeof(Int))) return 0;
    const Int value = LoadBig<Int>(in_.data());
    in_.remove_prefix(sizeof(Int));
    return value;
  }

  uint64_t UnsignedVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (!Need(1)) return 0;
      const auto byte = static_cast<uint8_t>(in_.front());
      in_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;  // more than ten bytes
    return 0;
  }

  int64_t Varint() { return UnZigZag(UnsignedVarint()); }

  /// The next `length` bytes, a view into the input.
  std::string_view Take(size_t length) {
    if (!Need(length)) return {};
    const std::string_view taken = in_.substr(0, length);
    in_.remove_prefix(length);
    return taken;
  }

  std::string_view Sized() {
    const uint64_t length = UnsignedVarint();
    return Take(length);
  }

 private:
  bool Need(size_t length) {
    if (!ok_ || in_.size() < length) {
      ok_ = false;
      in_ = {};
      return false;
    }
    return true;
  }

  std::string_view in_;
  bool ok_ = true;
};

}  // namespace jangada
