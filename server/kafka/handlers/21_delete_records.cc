// DeleteRecords, key 21, v0 to v2, at the leader of each partition. -1 means the high watermark.
// The answer is the new log start offset.
#include <utility>

#include "server/kafka/handlers/each_partition.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleDeleteRecords(Call<DeleteRecordsRequest> call) {
  AnswerEachPartition<DeleteRecordsResponse>(
      std::move(call), [](const Call<DeleteRecordsRequest>& call, const TopicPartition& where,
                          const DeleteRecordsRequest::Partition& asked,
                          DeleteRecordsResponse::Partition* answer, Callback<> done) {
        call.broker().DeleteRecords(
            where, asked.offset,
            [answer, done = std::move(done)](const Result<int64_t>& log_start) mutable {
              if (log_start.ok()) {
                answer->low_watermark = *log_start;
              } else {
                answer->error_code = CodeOf(log_start.error().code);
              }
              done();
            });
      });
}

}  // namespace jangada::server::kafka
