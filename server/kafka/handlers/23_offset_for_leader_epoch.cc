// OffsetForLeaderEpoch, key 23, v2 to v4, at the leader of each partition: where the records of a
// term end. A term that wrote nothing is answered with the last one before it that did. One older
// than the oldest known is answered with itself and the log start offset, never as undefined:
// Java's consumers would reset their position then.
#include <utility>

#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/each_partition.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleOffsetForLeaderEpoch(Call<OffsetForLeaderEpochRequest> call) {
  AnswerEachPartition<OffsetForLeaderEpochResponse>(
      std::move(call),
      [](const Call<OffsetForLeaderEpochRequest>& call, const TopicPartition& where,
         const OffsetForLeaderEpochRequest::Partition& asked,
         OffsetForLeaderEpochResponse::Partition* answer, Callback<> done) {
        answer->error_code = CheckLeaderEpoch(call.broker(), where, asked.current_leader_epoch);
        if (answer->error_code != Code::kNone) return done();
        call.broker().FindEpochEnd(
            where, asked.leader_epoch,
            [answer, done = std::move(done)](const Result<EpochEnd>& end) mutable {
              if (end.ok()) {
                answer->leader_epoch = end->epoch;
                answer->end_offset = end->end_offset;
              } else {
                answer->error_code = CodeOf(end.error().code);
              }
              done();
            });
      });
}

}  // namespace jangada::server::kafka
