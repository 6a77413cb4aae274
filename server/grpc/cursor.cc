#include "server/grpc/cursor.h"

#include <limits>
#include <set>

#include "server/grpc/convert.h"
#include "server/limits.h"

namespace jangada::server::grpc_door {
namespace {

Cursor CursorFor(const v1::ConsumePartition& asked, int32_t partition, bool stop_at_current_end) {
  Cursor cursor;
  cursor.where = {asked.topic(), partition};
  if (asked.has_offset()) {
    cursor.next_offset = asked.offset();
  } else if (asked.has_timestamp_ms()) {
    cursor.start_at = asked.timestamp_ms();
  } else {
    cursor.start_at = asked.at() == v1::OFFSET_AT_LATEST ? kLatestOffset : kEarliestOffset;
  }
  if (asked.has_end_offset()) cursor.end_offset = asked.end_offset();
  cursor.find_end = stop_at_current_end;
  return cursor;
}

}  // namespace

Result<v1::ConsumeResponse> CutResponse(Cursor* cursor, v1::RecordFormat format) {
  v1::ConsumeResponse response;
  response.set_topic(cursor->where.topic);
  response.set_partition(cursor->where.partition);
  const int64_t limit = cursor->end_offset.value_or(std::numeric_limits<int64_t>::max());
  size_t plain_bytes = 0;
  while (!cursor->fetched.empty() && plain_bytes < kPlainResponseBytes) {
    const FetchedBatch& batch = cursor->fetched.front();
    TRY_ASSIGN(const int64_t end, EndOffsetOf(batch));
    if (batch.base_offset >= limit) {
      cursor->next_offset = limit;
    } else if (end > cursor->next_offset) {
      if (format == v1::RECORD_FORMAT_BATCHES) {
        response.add_batches(ServedBytes(batch));
        cursor->next_offset = std::min(end, limit);
      } else {
        TRY_ASSIGN(const Appended appended,
                   AppendRecords(batch, cursor->next_offset, limit,
                                 kPlainResponseBytes - plain_bytes, response.mutable_records()));
        plain_bytes += appended.bytes;
        cursor->next_offset = appended.next_offset;
      }
    }
    // What is left of a batch that unfolds to more than one response waits for the next one.
    if (cursor->next_offset >= end || cursor->next_offset >= limit) cursor->fetched.pop_front();
  }
  if (cursor->AtEnd()) {
    cursor->fetched.clear();
    cursor->ended = true;
  }
  response.set_next_offset(cursor->next_offset);
  response.set_high_watermark(cursor->high_watermark);
  response.set_log_start_offset(cursor->log_start_offset);
  response.set_end_reached(cursor->ended);
  return response;
}

Result<std::deque<Cursor>> CursorsFrom(const v1::ConsumeRequest& request,
                                       const ClusterImage& image) {
  std::deque<Cursor> cursors;
  std::set<TopicPartition> seen;
  for (const auto& asked : request.partitions()) {
    const auto topic = image.FindTopic(asked.topic());
    const auto count = topic == nullptr ? 0 : static_cast<int32_t>(topic->partitions.size());
    if (asked.has_partition() ? asked.partition() >= count : count == 0) {
      return Error{ErrorCode::kUnknownTopic,
                   count == 0 ? "There is no topic \"" + asked.topic() + "\" to consume."
                              : "Topic \"" + asked.topic() + "\" has no partition " +
                                    std::to_string(asked.partition()) + "."};
    }
    const int32_t first = asked.has_partition() ? asked.partition() : 0;
    const int32_t last = asked.has_partition() ? first : count - 1;
    for (int32_t partition = first; partition <= last; ++partition) {
      if (!seen.insert({asked.topic(), partition}).second) {
        return Error{ErrorCode::kInvalidArgument, "Partition " + std::to_string(partition) +
                                                      " of topic \"" + asked.topic() +
                                                      "\" is named twice: name it once."};
      }
      cursors.push_back(CursorFor(asked, partition, request.stop_at_current_end()));
    }
    if (cursors.size() > kMaxConsumePartitions) {
      return Error{ErrorCode::kInvalidArgument, "One call consumes at most " +
                                                    std::to_string(kMaxConsumePartitions) +
                                                    " partitions: open several."};
    }
  }
  return cursors;
}

}  // namespace jangada::server::grpc_door
