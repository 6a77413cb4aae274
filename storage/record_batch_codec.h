// The codecs of RecordBatch v2: whole buffers in, whole buffers out. Reading knows all four of
// Kafka's, writing those that we would choose. Sizes that the input declares are never believed:
// output grows as bytes really come, up to the caller's bound. Plain functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/record_batch.h"

namespace jangada::storage {

/// REQUIRES: compression is one of the enum's names. kNone copies.
/// kCorruptRecord: not that codec's bytes, or cut short. kRecordTooLarge: more than `max_bytes`
/// come out.
Result<std::string> Decompress(Compression compression, std::string_view in, size_t max_bytes);

/// kInvalidArgument for snappy, which this build only reads.
Result<std::string> Compress(Compression compression, std::string_view in);

}  // namespace jangada::storage
