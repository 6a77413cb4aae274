// Cursor: where a Consume call stands in one partition, what it has fetched and not yet written,
// and how responses are cut from that. Not synchronised: its call's mutex guards it.
#pragma once

#include <deque>
#include <optional>

#include "base/result.h"
#include "jangada/v1/log.pb.h"
#include "server/broker.h"

namespace jangada::server::grpc_door {

struct Cursor {
  TopicPartition where;
  // Until resolved: start_at is the timestamp or name to look up; nullopt: next_offset is known.
  std::optional<int64_t> start_at;
  int64_t next_offset = 0;            // the next record to write
  std::optional<int64_t> end_offset;  // it ends before this
  bool find_end = false;              // end_offset is still to be lowered to the present end

  std::deque<FetchedBatch> fetched;
  int64_t high_watermark = 0;
  int64_t log_start_offset = 0;
  bool ended = false;  // end_reached was put into a response

  bool AtEnd() const { return end_offset && next_offset >= *end_offset; }
};

/// Cuts the next response from what the cursor has fetched, and moves it on. Plain records end at
/// about kPlainResponseBytes; batches at the fetch's end. kDataCorrupt, kCorruptRecord.
Result<v1::ConsumeResponse> CutResponse(Cursor* cursor, v1::RecordFormat format);

/// The cursors of a checked request, with whole topics unfolded. kUnknownTopic, kInvalidArgument
/// for too many or for one named twice.
Result<std::deque<Cursor>> CursorsFrom(const v1::ConsumeRequest& request,
                                       const ClusterImage& image);

}  // namespace jangada::server::grpc_door
