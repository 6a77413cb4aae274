#include "tests/chaos/batch_numbers.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "jangada/v1/log.grpc.pb.h"
#include "storage/record_batch.h"

namespace jangada::chaos {

Result<std::vector<history::Operation>> ReadBatches(const std::string& address,
                                                    const std::string& topic, int32_t partition,
                                                    int64_t end, int64_t process) {
  const auto log =
      v1::Log::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  std::vector<history::Operation> batches;
  for (int64_t next = 0; next < end;) {
    v1::FetchRequest request;
    request.set_topic(topic);
    request.set_partition(partition);
    request.set_offset(next);
    request.set_format(v1::RECORD_FORMAT_BATCHES);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::FetchResponse response;
    const grpc::Status status = log->Fetch(&context, request, &response);
    if (!status.ok()) return Error{ErrorCode::kTimeout, status.error_message()};
    for (const std::string& bytes : response.batches()) {
      TRY_ASSIGN(const storage::BatchHeader header, storage::ReadBatchHeader(bytes));
      history::Operation batch;
      batch.process = process;
      batch.type = history::Type::kOk;
      batch.function = history::Function::kBatch;
      batch.keys = {partition,          header.base_offset,    header.record_count,
                    header.producer_id, header.producer_epoch, header.base_sequence};
      batches.push_back(std::move(batch));
      next = header.base_offset + header.record_count;
    }
    if (response.batches().empty()) return Error{ErrorCode::kTimeout, "nothing was answered"};
  }
  return batches;
}

}  // namespace jangada::chaos
