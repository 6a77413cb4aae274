// OffsetForLeaderEpoch, key 23, v2 to v4, at the leader of each partition: where the records of a
// term end. A term that wrote nothing is answered with the last one before it that did. One older
// than the oldest known is answered with itself and the log start offset, never as undefined:
// Java's consumers would reset their position then.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

struct OffsetForLeaderEpochWork {
  explicit OffsetForLeaderEpochWork(Call<OffsetForLeaderEpochRequest> its_call)
      : call(std::move(its_call)) {}
  Call<OffsetForLeaderEpochRequest> call;
  OffsetForLeaderEpochResponse response;
};

}  // namespace

void HandleOffsetForLeaderEpoch(Call<OffsetForLeaderEpochRequest> call) {
  auto work = std::make_shared<OffsetForLeaderEpochWork>(std::move(call));
  const std::vector<OffsetForLeaderEpochRequest::Topic>& topics = work->call.request.topics;
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
      const OffsetForLeaderEpochRequest::Partition& asked = topics[t].partitions[p];
      const TopicPartition where{topics[t].name, asked.index};
      OffsetForLeaderEpochResponse::Partition* answer = &work->response.topics[t].partitions[p];
      answer->index = asked.index;
      answer->error_code = CheckLeaderEpoch(work->call.broker(), where, asked.current_leader_epoch);
      if (answer->error_code != Code::kNone) {
        left->Done();
        continue;
      }
      work->call.broker().FindEpochEnd(where, asked.leader_epoch,
                                       [work, left, answer](const Result<EpochEnd>& end) {
                                         if (end.ok()) {
                                           answer->leader_epoch = end->epoch;
                                           answer->end_offset = end->end_offset;
                                         } else {
                                           answer->error_code = CodeOf(end.error().code);
                                         }
                                         left->Done();
                                       });
    }
  }
  left->Done();
}

}  // namespace jangada::server::kafka
