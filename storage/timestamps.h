// What the store reads of a record batch's times: the newest, for sparse rows, and the first record
// at or after a given time, for lookups. Plain functions; any thread.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "raft/types.h"
#include "storage/log_store.h"

namespace jangada::storage {

/// The newest record's time; -1 for entries without records or with bytes that are no batch.
int64_t MaxTimestampMs(const raft::Entry& entry);

/// The first record in `entry` at or after `timestamp_ms`; offset -1 if there is none.
/// kCorruptRecord if the batch cannot be read.
Result<OffsetAndTime> FirstRecordAtOrAfter(const raft::Entry& entry, int64_t timestamp_ms);

}  // namespace jangada::storage
