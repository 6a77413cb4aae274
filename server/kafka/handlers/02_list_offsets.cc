// ListOffsets, key 2, v1 to v7. -1: the high watermark, which is the last stable offset too, since
// there are no transactions; -2: the log start offset; -3 (from v7 on): the record with the
// greatest timestamp; a time: the first record at or after it. Every answer is confirmed with a
// quorum.
#include <utility>

#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/each_partition.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

constexpr int16_t kFirstWithMaxTimestamp = 7;

Code Check(const Call<ListOffsetsRequest>& call, const TopicPartition& where,
           const ListOffsetsRequest::Partition& asked) {
  if (asked.timestamp < kMaxTimestampOffset) return Code::kInvalidRequest;
  if (asked.timestamp == kMaxTimestampOffset && call.version() < kFirstWithMaxTimestamp) {
    return Code::kUnsupportedVersion;
  }
  return CheckLeaderEpoch(call.broker(), where, asked.current_leader_epoch);
}

void Take(const Result<ListedOffset>& listed, ListOffsetsResponse::Partition* answer) {
  if (!listed.ok()) {
    answer->error_code = CodeOf(listed.error().code);
    return;
  }
  answer->timestamp = listed->timestamp_ms;
  answer->offset = listed->offset;
  if (listed->offset >= 0) answer->leader_epoch = listed->leader_epoch;
}

}  // namespace

void HandleListOffsets(Call<ListOffsetsRequest> call) {
  AnswerEachPartition<ListOffsetsResponse>(
      std::move(call), [](const Call<ListOffsetsRequest>& call, const TopicPartition& where,
                          const ListOffsetsRequest::Partition& asked,
                          ListOffsetsResponse::Partition* answer, Callback<> done) {
        answer->error_code = Check(call, where, asked);
        if (answer->error_code != Code::kNone) return done();
        call.broker().ListOffset(
            where, asked.timestamp,
            [answer, done = std::move(done)](const Result<ListedOffset>& listed) mutable {
              Take(listed, answer);
              done();
            });
      });
}

}  // namespace jangada::server::kafka
