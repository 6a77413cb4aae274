// Fields: bytes of the small messages that controllers of different nodes exchange. Each message
// lists its fields once, in a static Fields(message, visitor), and both directions walk the list. A
// message begins with a version byte; an unknown version, or bytes left over, are refused. Pure;
// any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/coding.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/uuid.h"
#include "server/controller/cluster_image.h"

namespace jangada::server::fields {

inline constexpr uint8_t kVersion = 1;

template <class T, class V>
concept HasFields = requires(T& message, V& visitor) {
  T::Fields(message, visitor);
};

class Writer {
 public:
  std::string out;

  void operator()(std::string_view text) { AppendSized(&out, text); }
  void operator()(const Uuid& id) { out += id.Raw(); }
  void operator()(const Endpoint& at) { (*this)(at.host), (*this)(at.port); }
  template <class T>
  requires std::integral<T> || std::is_enum_v<T>
  void operator()(T value) { AppendVarint(&out, static_cast<int64_t>(value)); }
  template <class Tag, class Int>
  void operator()(StrongId<Tag, Int> id) {
    (*this)(id.value());
  }
  template <class T>
  void operator()(const std::optional<T>& value) {
    (*this)(value.has_value());
    if (value) (*this)(*value);
  }
  template <class T>
  void operator()(const std::vector<T>& values) {
    (*this)(values.size());
    for (const T& value : values) (*this)(value);
  }
  template <class K, class T>
  void operator()(const std::map<K, T>& values) {
    (*this)(values.size());
    for (const auto& [key, value] : values) (*this)(key), (*this)(value);
  }
  template <class T>
  requires HasFields<const T, Writer>
  void operator()(const T& message) { T::Fields(message, *this); }
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : in_(bytes) {}

  bool AtEnd() const { return good_ && in_.AtEnd(); }
  /// For a message that finds its own bytes wrong.
  void Fail() { good_ = false; }

  void operator()(std::string& text) { text = in_.Sized(); }
  void operator()(Uuid& id) { id = Uuid::FromRaw(in_.Take(16)).value_or(Uuid()); }
  void operator()(Endpoint& at) { (*this)(at.host), (*this)(at.port); }
  template <class T>
  requires std::integral<T> || std::is_enum_v<T>
  void operator()(T& value) { value = static_cast<T>(in_.Varint()); }
  template <class Tag, class Int>
  void operator()(StrongId<Tag, Int>& id) {
    Int value = 0;
    (*this)(value);
    id = StrongId<Tag, Int>(value);
  }
  template <class T>
  void operator()(std::optional<T>& value) {
    bool present = false;
    (*this)(present);
    value.reset();
    if (present) (*this)(value.emplace());
  }
  template <class T>
  void operator()(std::vector<T>& values) {
    for (size_t left = Count(); left > 0 && in_.ok(); --left) (*this)(values.emplace_back());
  }
  template <class K, class T>
  void operator()(std::map<K, T>& values) {
    for (size_t left = Count(); left > 0 && in_.ok(); --left) {
      K key{};
      (*this)(key);
      (*this)(values[std::move(key)]);
    }
  }
  template <class T>
  requires HasFields<T, Reader>
  void operator()(T& message) { T::Fields(message, *this); }

 private:
  /// A count of elements: never more than there are bytes left, since each takes one at least.
  size_t Count() {
    const auto count = static_cast<uint64_t>(in_.Varint());
    if (count <= in_.remaining()) return count;
    good_ = false;
    return 0;
  }

  ByteReader in_;
  bool good_ = true;
};

template <class T>
Bytes Encode(const T& message) {
  Writer writer;
  writer.out.push_back(static_cast<char>(kVersion));
  writer(message);
  return Bytes(std::move(writer.out));
}

template <class T>
Result<T> Decode(std::string_view bytes) {
  if (bytes.empty() || static_cast<uint8_t>(bytes.front()) != kVersion) {
    return Error{
        ErrorCode::kUnsupportedVersion,
        "another node sent a message of a version that this one doesn't know: run the same "
        "version of jangada-server on all nodes"};
  }
  Reader reader(bytes.substr(1));
  T message{};
  reader(message);
  if (!reader.AtEnd()) {
    return Error{ErrorCode::kInvalidArgument, "another node sent a message that can't be read"};
  }
  return message;
}

}  // namespace jangada::server::fields
