// DeleteRecords, key 21, v0 to v2, at the leader of each partition. -1 means the high watermark.
// The answer is the new log start offset.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

struct DeleteRecordsWork {
  explicit DeleteRecordsWork(Call<DeleteRecordsRequest> its_call) : call(std::move(its_call)) {}
  Call<DeleteRecordsRequest> call;
  DeleteRecordsResponse response;
};

}  // namespace

void HandleDeleteRecords(Call<DeleteRecordsRequest> call) {
  auto work = std::make_shared<DeleteRecordsWork>(std::move(call));
  const std::vector<DeleteRecordsRequest::Topic>& topics = work->call.request.topics;
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
      const DeleteRecordsRequest::Partition& asked = topics[t].partitions[p];
      DeleteRecordsResponse::Partition* answer = &work->response.topics[t].partitions[p];
      answer->index = asked.index;
      work->call.broker().DeleteRecords({topics[t].name, asked.index}, asked.offset,
                                        [work, left, answer](const Result<int64_t>& log_start) {
                                          if (log_start.ok()) {
                                            answer->low_watermark = *log_start;
                                          } else {
                                            answer->error_code = CodeOf(log_start.error().code);
                                          }
                                          left->Done();
                                        });
    }
  }
  left->Done();
}

}  // namespace jangada::server::kafka
