// Where the fields of a RecordBatch v2 stand. Kafka's protocol guide fixes them: they never change.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jangada::storage {

inline constexpr int8_t kMagicV2 = 2;
inline constexpr int16_t kLogAppendTimeBit = 8;

inline constexpr size_t kBaseOffsetAt = 0;
inline constexpr size_t kBatchLengthAt = 8;
inline constexpr size_t kLeaderEpochAt = 12;
inline constexpr size_t kMagicAt = 16;
inline constexpr size_t kCrcAt = 17;
inline constexpr size_t kAttributesAt = 21;
inline constexpr size_t kMaxTimestampAt = 35;
inline constexpr size_t kProducerIdAt = 43;
inline constexpr size_t kProducerEpochAt = 51;
inline constexpr size_t kBaseSequenceAt = 53;
/// The CRC covers all that follows it, so the fields before it may change at each hop.
inline constexpr size_t kCrcCoversFrom = kAttributesAt;
/// The length field counts the bytes after itself.
inline constexpr size_t kLengthCountsFrom = kLeaderEpochAt;

/// Length, attributes, two deltas, two lengths of -1 and a header count: a byte each.
inline constexpr size_t kSmallestRecord = 7;
/// An empty key and a null value: a byte each.
inline constexpr size_t kSmallestHeader = 2;

}  // namespace jangada::storage
