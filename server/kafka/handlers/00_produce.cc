// Produce, key 0, v3 to v11 (0 to 2 are told and refused: see apis.cc). One batch for each
// partition, handed to the log as it came. acks=1 and all mean the same: a majority has synced it;
// acks=0 is not answered, and an error closes the connection, as with Kafka. From v10 on
// NOT_LEADER names the leader.
#include <atomic>
#include <memory>
#include <optional>

#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"
#include "storage/record_batch.h"

namespace jangada::server::kafka {
namespace {

constexpr int16_t kNoAck = 0;
constexpr int16_t kLeaderAck = 1;
constexpr int16_t kAllAcks = -1;
constexpr int16_t kFirstWithZstd = 7;
constexpr int16_t kFirstWithLeaderHints = 10;

struct Refusal {
  Code code = Code::kNone;
  std::string message;
};

/// What can be said before the batch reaches its partition, which checks the rest.
std::optional<Refusal> CheckBatch(const std::optional<Records>& records, int16_t version) {
  if (!records || records->size() < storage::kBatchHeaderSize) {
    return Refusal{Code::kInvalidRecord, "a partition's records must be one whole record batch"};
  }
  const std::string_view bytes = records->parts.front().view();
  const storage::BatchHeader header = storage::ReadBatchHeader(bytes).value();
  if (header.magic != 2) {
    return Refusal{Code::kInvalidRecord,
                   "the records have format " + std::to_string(header.magic) +
                       "; only record batches of format 2 (Kafka 0.11 and later) are taken"};
  }
  if (header.batch_length >= 0 && header.size() < bytes.size()) {
    return Refusal{Code::kInvalidRecord, "a partition's records must be exactly one batch"};
  }
  if (header.compression() == storage::Compression::kZstd && version < kFirstWithZstd) {
    return Refusal{Code::kUnsupportedCompressionType,
                   "zstd needs Produce in version 7 or later; use a newer client"};
  }
  return std::nullopt;
}

class ProduceWork : public std::enable_shared_from_this<ProduceWork> {
 public:
  explicit ProduceWork(Call<ProduceRequest> call) : call_(std::move(call)) {}

  void Start() {
    const ProduceRequest& request = call_.request;
    int partitions = 0;
    response_.topics.resize(request.topics.size());
    for (size_t t = 0; t < request.topics.size(); ++t) {
      response_.topics[t].name = request.topics[t].name;
      response_.topics[t].partitions.resize(request.topics[t].partitions.size());
      partitions += static_cast<int>(request.topics[t].partitions.size());
    }
    left_ = partitions + 1;  // one more: nothing is answered before all were handed over
    for (size_t t = 0; t < request.topics.size(); ++t) {
      for (size_t p = 0; p < request.topics[t].partitions.size(); ++p) ProduceOne(t, p);
    }
    DoneOne();
  }

 private:
  void ProduceOne(size_t t, size_t p) {
    ProduceRequest::Topic& topic = call_.request.topics[t];
    ProduceRequest::Partition& asked = topic.partitions[p];
    response_.topics[t].partitions[p].index = asked.index;
    const int16_t acks = call_.request.acks;
    if (acks != kNoAck && acks != kLeaderAck && acks != kAllAcks) {
      return Refuse(t, p, {Code::kInvalidRequiredAcks, "acks must be 0, 1 or -1 (all)"});
    }
    if (const auto refusal = CheckBatch(asked.records, call_.version())) {
      return Refuse(t, p, *refusal);
    }
    call_.broker().Produce({.where = {topic.name, asked.index},
                            .batch = std::move(asked.records->parts.front()),
                            .timeout_us = TimeoutUs(call_.request.timeout_ms)},
                           [work = shared_from_this(), t, p](const Result<ProduceResult>& result) {
                             work->OnProduced(t, p, result);
                           });
  }

  void OnProduced(size_t t, size_t p, const Result<ProduceResult>& result) {
    if (!result.ok()) {
      return Refuse(t, p, {CodeOf(result.error().code), result.error().message});
    }
    ProduceResponse::Partition& answer = response_.topics[t].partitions[p];
    answer.base_offset = result->base_offset;
    answer.log_append_time_ms = result->log_append_time_ms;
    answer.log_start_offset = result->log_start_offset;
    DoneOne();
  }

  void Refuse(size_t t, size_t p, Refusal refusal) {
    ProduceResponse::Partition& answer = response_.topics[t].partitions[p];
    answer.error_code = refusal.code;
    answer.error_message = std::move(refusal.message);
    failed_ = true;
    DoneOne();
  }

  void DoneOne() {
    if (left_.fetch_sub(1) == 1) End();
  }

  void End() {
    if (call_.request.acks == kNoAck) {
      if (!failed_) return call_.AnswerNothing();
      return call_.Close("a produce with acks=0 failed, and no other answer is left");
    }
    if (call_.version() >= kFirstWithLeaderHints) NameLeaders();
    call_.Answer(response_);
  }

  void NameLeaders() {
    for (ProduceResponse::Topic& topic : response_.topics) {
      for (ProduceResponse::Partition& partition : topic.partitions) {
        if (partition.error_code != Code::kNotLeaderOrFollower) continue;
        const auto hint = HintFor(call_.broker(), {topic.name, partition.index});
        if (!hint) continue;
        partition.current_leader = hint->leader;
        AddEndpoint(hint->endpoint, &response_.node_endpoints);
      }
    }
  }

  Call<ProduceRequest> call_;
  ProduceResponse response_;  // each partition's part is written by its own completion
  std::atomic<bool> failed_ = false;
  std::atomic<int> left_ = 0;
};

}  // namespace

void HandleProduce(Call<ProduceRequest> call) {
  std::make_shared<ProduceWork>(std::move(call))->Start();
}

}  // namespace jangada::server::kafka
