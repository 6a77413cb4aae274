// Codec: Kafka's wire encoding. A message lists its fields once, in a static Fields(message,
// visitor); Reader and Writer walk that list, each in the version that it was given:
//
//   static void Fields(auto& m, auto& v) {
//     v(m.transactional_id, {.since = 3, .nullable_since = 3});
//     v(m.acks);
//     v.Tagged(0, m.node_endpoints, {.since = 10});
//   }
//
// A field that the version lacks keeps its initial value when read and is left out when written. In
// "flexible" versions lengths are varints and every struct ends in tagged fields: a tagged field is
// a vector or an optional, and is written unless it is empty; unknown tags are skipped.
//
// Reader trusts nothing: counts are bounded by the bytes left, what the values take in memory by
// kMaxDecodedBytes, and the first thing that is wrong ends it. Payloads (records, bytes) are shared
// slices of the frame. Writer notes whether it wrote an error code. Plain values; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/coding.h"
#include "base/uuid.h"
#include "server/kafka/errors.h"

namespace jangada::server::kafka {

inline constexpr int16_t kNoVersion = std::numeric_limits<int16_t>::max();

/// The versions of a message in which a field exists, and from which on it may be null. What may be
/// null is a std::optional.
struct In {
  int16_t since = 0;
  int16_t until = kNoVersion;  // the last one
  int16_t nullable_since = kNoVersion;
};

/// What a request may unfold to in memory beside its own frame: elements of arrays take more room
/// than their bytes on the wire.
inline constexpr size_t kMaxDecodedBytes = 64 << 20;

/// Whole record batches, one after the other. As parts, so that a batch may leave as a head of its
/// own and a shared slice.
struct Records {
  std::vector<Bytes> parts;
  size_t size() const {
    size_t total = 0;
    for (const Bytes& part : parts) total += part.size();
    return total;
  }
};

template <class T, class V>
concept HasFields = requires(T& message, V& visitor) {
  T::Fields(message, visitor);
};

namespace internal {
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

template <class T>
concept Scalar = std::is_integral_v<T> || std::is_enum_v<T>;

template <Scalar T>
struct WireInt {
  using Type = T;
};
template <>
struct WireInt<bool> {
  using Type = int8_t;
};
template <Scalar T>
requires std::is_enum_v<T>
struct WireInt<T> {
  using Type = std::underlying_type_t<T>;
};
}  // namespace internal

class Reader {
 public:
  /// Reads `frame` from its beginning, as a message that is not flexible, in version 0.
  explicit Reader(Bytes frame) : frame_(std::move(frame)), in_(frame_.view()) {}

  /// How the rest is to be read.
  void SetVersion(int16_t version, bool flexible) {
    version_ = version;
    flexible_ = flexible;
  }

  bool ok() const { return why_ == nullptr; }
  /// What was wrong, for a log line. REQUIRES: !ok().
  std::string Why() const;
  size_t remaining() const { return in_.size(); }

  template <class T>
  requires HasFields<T, Reader>
  void ReadMessage(T& message) {
    T::Fields(message, *this);
    if (flexible_) ReadTags(message);
  }
  /// Skips the tagged fields of a struct of which none is known.
  void SkipTags();

  // ---- called by Fields ----

  template <class T>
  void operator()(T& field, In in = {}) {
    if (Exists(in)) Read(field, version_ >= in.nullable_since);
  }
  /// Not now: the tagged fields come after all others.
  template <class T>
  void Tagged(uint64_t, T&, In = {}) {}

 private:
  /// Finds the field with one tag, and reads it from where the reader stands.
  struct OneTag {
    Reader& reader;
    const uint64_t tag;
    bool found = false;

    template <class T>
    void operator()(T&, In = {}) {}
    template <class T>
    void Tagged(uint64_t field_tag, T& field, In in = {}) {
      if (field_tag != tag || !reader.Exists(in)) return;
      found = true;
      if constexpr (internal::kIsOptional<T>) {
        // It is there, so it has a value; only a string may say null all the same.
        if constexpr (std::is_same_v<T, std::optional<std::string>>) {
          reader.Read(field, reader.version_ >= in.nullable_since);
        } else {
          reader.Read(field.emplace(typename T::value_type()), false);
        }
      } else {
        reader.Read(field, false);
      }
    }
  };

  bool Exists(In in) const { return ok() && version_ >= in.since && version_ <= in.until; }

  template <class T>
  void ReadTags(T& message) {
    uint64_t left = UnsignedVarint();
    for (; left > 0 && ok(); --left) {
      const uint64_t tag = UnsignedVarint();
      const std::string_view body = Take(UnsignedVarint());
      if (!ok()) return;
      const std::string_view after = std::exchange(in_, body);
      OneTag one{*this, tag};
      T::Fields(message, one);
      if (one.found && ok() && !in_.empty()) Fail("a tagged field is longer than what it holds");
      if (ok()) in_ = after;
    }
  }

  template <internal::Scalar T>
  void Read(T& value, bool) {
    value = static_cast<T>(Big<typename internal::WireInt<T>::Type>());
  }
  void Read(Uuid& id, bool) { id = Uuid::FromRaw(Take(16)).value_or(Uuid()); }
  void Read(std::string& text, bool) { text = Take(Length<int16_t>(false).value_or(0)); }
  void Read(Bytes& bytes, bool) { bytes = Slice(Length<int32_t>(false).value_or(0)); }
  template <class T>
  void Read(std::vector<T>& values, bool) {
    ReadElements(values, Length<int32_t>(false).value_or(0));
  }
  template <class T>
  requires HasFields<T, Reader>
  void Read(T& message, bool) { ReadMessage(message); }

  template <class T>
  void Read(std::optional<T>& value, bool nullable) {
    value.reset();
    if constexpr (HasFields<T, Reader>) {  // a struct that may be null says so in a byte
      const bool present = !nullable || Big<int8_t>() >= 0;
      if (present && ok()) Read(value.emplace(T()), false);
    } else {
      using LengthType = std::conditional_t<std::is_same_v<T, std::string>, int16_t, int32_t>;
      const std::optional<size_t> length = Length<LengthType>(nullable);
      if (length && ok()) ReadSized(value.emplace(T()), *length);
    }
  }

  void ReadSized(std::string& text, size_t length) { text = Take(length); }
  void ReadSized(Bytes& bytes, size_t length) { bytes = Slice(length); }
  void ReadSized(Records& records, size_t length) {
    if (length > 0) records.parts.push_back(Slice(length));
  }
  template <class T>
  void ReadSized(std::vector<T>& values, size_t length) {
    ReadElements(values, length);
  }

  template <class T>
  void ReadElements(std::vector<T>& values, size_t count) {
    values.clear();
    for (; count > 0 && ok(); --count) {
      if (!Charge(sizeof(T))) return;
      Read(values.emplace_back(), false);
    }
  }

  template <class Int>
  Int Big() {
    const std::string_view bytes = Take(sizeof(Int));
    return ok() ? LoadBig<Int>(bytes.data()) : Int{};
  }
  /// The length, or number of elements, of what follows; nullopt for null. An element takes a byte
  /// at least, so there are never more than bytes left.
  template <class Int>
  std::optional<size_t> Length(bool nullable) {
    const int64_t length =
        flexible_ ? static_cast<int64_t>(UnsignedVarint()) - 1 : static_cast<int64_t>(Big<Int>());
    return CheckLength(length, nullable);
  }
  std::optional<size_t> CheckLength(int64_t length, bool nullable);
  uint64_t UnsignedVarint();  // of at most 32 bits, as all of the protocol's are
  std::string_view Take(uint64_t length);
  Bytes Slice(size_t length);
  bool Charge(size_t bytes);
  void Fail(const char* why);

  // Constant after construction.
  const Bytes frame_;

  int16_t version_ = 0;
  bool flexible_ = false;
  std::string_view in_;  // what is left, of the frame or of a tagged field
  size_t decoded_bytes_ = 0;
  const char* why_ = nullptr;
  size_t failed_at_ = 0;
};

class Writer {
 public:
  /// Begins a frame: its length comes first and is known last.
  Writer() : out_(sizeof(int32_t), '\0') {}

  void SetVersion(int16_t version, bool flexible) {
    version_ = version;
    flexible_ = flexible;
  }

  template <class T>
  requires HasFields<const T, Writer>
  void WriteMessage(const T& message) {
    std::vector<Tag> outer = std::exchange(tags_, {});
    T::Fields(message, *this);
    if (flexible_) WriteTags();
    tags_ = std::move(outer);
  }
  /// The end of a struct without tagged fields.
  void NoTags() { AppendUnsignedVarint(&out_, 0); }

  /// Whether an error code other than kNone was written.
  bool wrote_error() const { return wrote_error_; }

  /// The frame, as pieces that leave one after the other. The writer is done.
  std::vector<Bytes> Finish();

  // ---- called by Fields ----

  template <class T>
  void operator()(const T& field, In in = {}) {
    if (!Exists(in)) return;
    Write(field, version_ >= in.nullable_since);
  }
  /// REQUIRES: tags ascend within a message.
  template <class T>
  void Tagged(uint64_t tag, const T& field, In in = {}) {
    if (!flexible_ || !Exists(in)) return;
    if constexpr (internal::kIsOptional<T>) {
      if (field) AddTag(tag, *field);
    } else {
      static_assert(internal::kIsVector<T>, "a tagged field is an optional or a vector");
      if (!field.empty()) AddTag(tag, field);
    }
  }

 private:
  struct Tag {
    uint64_t tag = 0;
    std::string body;
  };

  bool Exists(In in) const { return version_ >= in.since && version_ <= in.until; }

  template <class T>
  void AddTag(uint64_t tag, const T& value) {
    DCHECK(tags_.empty() || tags_.back().tag < tag);
    std::string outer = std::exchange(out_, {});
    Write(value, false);
    tags_.push_back({tag, std::exchange(out_, std::move(outer))});
  }
  void WriteTags();

  template <internal::Scalar T>
  void Write(T value, bool) {
    if constexpr (std::is_same_v<T, Code>) wrote_error_ |= value != Code::kNone;
    AppendBig(&out_, static_cast<typename internal::WireInt<T>::Type>(value));
  }
  void Write(const Uuid& id, bool) { out_ += id.Raw(); }
  void Write(const std::string& text, bool) {
    Length<int16_t>(text.size());
    out_ += text;
  }
  void Write(const Bytes& bytes, bool) {
    Length<int32_t>(bytes.size());
    Append(bytes);
  }
  void Write(const Records& records, bool) {
    Length<int32_t>(records.size());
    for (const Bytes& part : records.parts) Append(part);
  }
  template <class T>
  void Write(const std::vector<T>& values, bool) {
    Length<int32_t>(values.size());
    for (const T& value : values) Write(value, false);
  }
  template <class T>
  requires HasFields<const T, Writer>
  void Write(const T& message, bool) { WriteMessage(message); }

  template <class T>
  void Write(const std::optional<T>& value, bool nullable) {
    if constexpr (HasFields<const T, Writer>) {
      if (nullable) AppendBig(&out_, static_cast<int8_t>(value ? 1 : -1));
      if (value) return Write(*value, false);
      CHECK(nullable);
    } else {
      if (value) return Write(*value, false);
      // In versions that know no null, nothing is the same as empty.
      if (!nullable) return Write(T{}, false);
      Null<std::conditional_t<std::is_same_v<T, std::string>, int16_t, int32_t>>();
    }
  }

  template <class Int>
  void Length(size_t length) {
    CHECK_LE(length, static_cast<size_t>(std::numeric_limits<Int>::max()));
    if (flexible_) return AppendUnsignedVarint(&out_, length + 1);
    AppendBig(&out_, static_cast<Int>(length));
  }
  template <class Int>
  void Null() {
    if (flexible_) return AppendUnsignedVarint(&out_, 0);
    AppendBig(&out_, static_cast<Int>(-1));
  }
  /// Copied where small, else a piece of its own.
  void Append(const Bytes& bytes);

  int16_t version_ = 0;
  bool flexible_ = false;
  bool wrote_error_ = false;
  std::vector<Tag> tags_;  // of the struct that is being written
  // The frame is head_ (once there are pieces), then pieces_, then out_.
  std::string head_;
  std::vector<Bytes> pieces_;
  std::string out_;
};

}  // namespace jangada::server::kafka
