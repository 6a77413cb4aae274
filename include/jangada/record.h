// Record: what is produced and consumed. Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jangada {

/// How the records of a batch are packed. The numbers are Kafka's.
enum class Compression : uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

struct RecordHeader {
  std::string key = {};
  std::optional<std::string> value = {};  // nullopt: without a value, which is not an empty one
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

struct Record {
  int64_t offset = 0;        // set by the log; ignored in a produce
  int64_t timestamp_ms = 0;  // since 1970 UTC; 0 in a produce: now
  /// nullopt: no key. An empty key is a key: its records always share a partition.
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};  // nullopt: a tombstone
  std::vector<RecordHeader> headers = {};
  friend bool operator==(const Record&, const Record&) = default;
};

}  // namespace jangada
