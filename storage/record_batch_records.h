// The records inside a batch, walked in place: nothing is copied, nothing declared is believed
// beyond the bytes that are there. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/coding.h"
#include "base/result.h"
#include "storage/record_batch.h"

namespace jangada::storage {

/// One record of a batch; the views end with the batch's (or its decompressed) bytes.
struct RecordView {
  int32_t offset_delta = 0;
  int64_t timestamp_delta_ms = 0;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  int32_t header_count = 0;
  std::string_view headers;  // still encoded, already checked
};

class RecordWalker {
 public:
  /// `records` are the uncompressed bytes after the batch's header.
  RecordWalker(std::string_view records, int32_t declared_count);

  /// The next record; nullopt after the last. kCorruptRecord at the first thing that is not so:
  /// also when bytes are left after the declared count, or offset deltas are not 0, 1, 2...
  Result<std::optional<RecordView>> Next();

 private:
  ByteReader in_;
  int32_t left_;
  int32_t next_delta_ = 0;
  bool believable_;
};

/// REQUIRES: `view` came from RecordWalker.
std::vector<Header> DecodeHeaders(const RecordView& view);

}  // namespace jangada::storage
