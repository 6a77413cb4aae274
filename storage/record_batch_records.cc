#include "storage/record_batch_records.h"

#include <limits>
#include <string>
#include <utility>

#include "storage/record_batch_layout.h"

namespace jangada::storage {
namespace {

Error Corrupt(const char* what) {
  return {ErrorCode::kCorruptRecord,
          std::string("the batch is damaged: ") + what + "; send it again"};
}

/// A varint that Kafka's format gives 32 bits. Out of range fails the caller's check: no length is
/// so large.
int32_t Varint32(ByteReader& in) {
  const int64_t value = in.Varint();
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    return std::numeric_limits<int32_t>::min();
  }
  return static_cast<int32_t>(value);
}

/// A nullable field: length -1 is null. False if its bytes are not there.
bool TakeNullable(ByteReader& in, std::optional<std::string_view>* field) {
  const int32_t length = Varint32(in);
  if (!in.ok() || length < -1) return false;
  if (length == -1) {
    field->reset();
    return true;
  }
  *field = in.Take(static_cast<size_t>(length));
  return in.ok();
}

bool SkipHeaders(ByteReader& in, int32_t count) {
  if (count < 0 || static_cast<size_t>(count) > in.remaining() / kSmallestHeader) return false;
  std::optional<std::string_view> field;
  for (int32_t i = 0; i < count; ++i) {
    if (!TakeNullable(in, &field) || !field.has_value())
      return false;  // a header's key is never null
    if (!TakeNullable(in, &field)) return false;
  }
  return true;
}

}  // namespace

RecordWalker::RecordWalker(std::string_view records, int32_t declared_count)
    : in_(records),
      left_(declared_count),
      believable_(declared_count > 0 &&
                  static_cast<size_t>(declared_count) <= records.size() / kSmallestRecord) {}

Result<std::optional<RecordView>> RecordWalker::Next() {
  if (!believable_) return Corrupt("it declares more records than its bytes can hold");
  if (left_ == 0) {
    if (!in_.AtEnd()) return Corrupt("bytes are left after its last record");
    return std::optional<RecordView>();
  }
  const int32_t length = Varint32(in_);
  if (!in_.ok() || length < 0) return Corrupt("a record's length is not valid");
  const std::string_view body = in_.Take(static_cast<size_t>(length));
  if (!in_.ok()) return Corrupt("a record is longer than the batch");

  ByteReader record(body);
  RecordView view;
  (void)record.Big<int8_t>();  // attributes: none are defined
  view.timestamp_delta_ms = record.Varint();
  view.offset_delta = Varint32(record);
  if (!record.ok() || view.offset_delta != next_delta_) {
    return Corrupt("a record's offset delta is not the next one");
  }
  if (!TakeNullable(record, &view.key)) return Corrupt("a record's key is longer than the record");
  if (!TakeNullable(record, &view.value)) {
    return Corrupt("a record's value is longer than the record");
  }
  view.header_count = Varint32(record);
  view.headers = body.substr(body.size() - record.remaining());
  if (!record.ok() || !SkipHeaders(record, view.header_count) || !record.AtEnd()) {
    return Corrupt("a record's headers do not end where the record does");
  }
  --left_;
  ++next_delta_;
  return std::optional<RecordView>(view);
}

std::vector<Header> DecodeHeaders(const RecordView& view) {
  std::vector<Header> headers;
  headers.reserve(static_cast<size_t>(view.header_count));
  ByteReader in(view.headers);
  std::optional<std::string_view> field;
  for (int32_t i = 0; i < view.header_count; ++i) {
    Header header;
    CHECK(TakeNullable(in, &field) && field.has_value());
    header.key = *field;
    CHECK(TakeNullable(in, &field));
    if (field.has_value()) header.value = std::string(*field);
    headers.push_back(std::move(header));
  }
  return headers;
}

}  // namespace jangada::storage
