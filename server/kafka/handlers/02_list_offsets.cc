// ListOffsets, key 2, v1 to v7. -1: the high watermark, which is the last stable offset too, since
// there are no transactions; -2: the log start offset; -3 (from v7 on): the record with the
// greatest timestamp; a time: the first record at or after it. Every answer is confirmed with a
// quorum.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

constexpr int16_t kFirstWithMaxTimestamp = 7;

struct ListOffsetsWork {
  explicit ListOffsetsWork(Call<ListOffsetsRequest> its_call) : call(std::move(its_call)) {}
  Call<ListOffsetsRequest> call;
  ListOffsetsResponse response;
};

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
  auto work = std::make_shared<ListOffsetsWork>(std::move(call));
  const std::vector<ListOffsetsRequest::Topic>& topics = work->call.request.topics;
  int partitions = 0;
  work->response.topics.resize(topics.size());
  for (size_t t = 0; t < topics.size(); ++t) {
    work->response.topics[t].name = topics[t].name;
    work->response.topics[t].partitions.resize(topics[t].partitions.size());
    partitions += static_cast<int>(topics[t].partitions.size());
  }
  auto left =
      std::make_shared<Countdown>(partitions + 1, [work] { work->call.Answer(work->response); });
  for (size_t t = 0; t < topics.size(); ++t) {
    for (size_t p = 0; p < topics[t].partitions.size(); ++p) {
      const ListOffsetsRequest::Partition& asked = topics[t].partitions[p];
      const TopicPartition where{topics[t].name, asked.index};
      ListOffsetsResponse::Partition* answer = &work->response.topics[t].partitions[p];
      answer->index = asked.index;
      answer->error_code = Check(work->call, where, asked);
      if (answer->error_code != Code::kNone) {
        left->Done();
        continue;
      }
      work->call.broker().ListOffset(where, asked.timestamp,
                                     [work, left, answer](const Result<ListedOffset>& listed) {
                                       Take(listed, answer);
                                       left->Done();
                                     });
    }
  }
  left->Done();
}

}  // namespace jangada::server::kafka
