#include "storage/timestamps.h"

#include "storage/record_batch.h"

namespace jangada::storage {

int64_t MaxTimestampMs(const raft::Entry& entry) {
  if (entry.type != raft::EntryType::kRecords) return -1;
  const Result<BatchHeader> header = ReadBatchHeader(entry.payload.view());
  return header.ok() ? header->max_timestamp_ms : -1;
}

Result<OffsetAndTime> FirstRecordAtOrAfter(const raft::Entry& entry, int64_t timestamp_ms) {
  if (MaxTimestampMs(entry) < timestamp_ms) return OffsetAndTime{};
  TRY_ASSIGN(const std::vector<Record> records,
             DecodeRecords(entry.payload.view(), entry.base_offset));
  for (const Record& record : records) {
    if (record.timestamp_ms >= timestamp_ms)
      return OffsetAndTime{record.offset, record.timestamp_ms};
  }
  return OffsetAndTime{};
}

}  // namespace jangada::storage
