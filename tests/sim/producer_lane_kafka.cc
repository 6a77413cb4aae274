// Producers that come by the Kafka door: the same batches in frames of that protocol, each request
// in a version that changes from one to the next.
#include <utility>

#include "server/kafka/handlers/handlers.h"
#include "tests/sim/clients.h"
#include "tests/sim/kafka_call.h"

namespace jangada::sim {
namespace {

using server::kafka::Code;
using server::kafka::InitProducerIdRequest;
using server::kafka::InitProducerIdResponse;
using server::kafka::ProduceRequest;
using server::kafka::ProduceResponse;
using server::kafka::Records;

constexpr int16_t kAllAcks = -1;
constexpr uint64_t kLowestProduce = 3;
constexpr uint64_t kHighestProduce = 11;
constexpr uint64_t kHighestInitProducerId = 4;
constexpr int64_t kIdentityPatienceUs = 5'000'000;

/// What a client takes the code for: whether the batch surely was not written, above all.
Error ErrorOf(const ProduceResponse::Partition& answer) {
  const std::string message =
      answer.error_message.value_or("code " + std::to_string(static_cast<int>(answer.error_code)));
  switch (answer.error_code) {
    case Code::kNotLeaderOrFollower: return {ErrorCode::kNotLeader, message};
    case Code::kNotEnoughReplicas: return {ErrorCode::kThrottled, message};
    case Code::kKafkaStorageError: return {ErrorCode::kDiskFull, message};
    case Code::kUnknownTopicOrPartition: return {ErrorCode::kUnknownTopic, message};
    case Code::kRequestTimedOut: return {ErrorCode::kTimeout, message};
    case Code::kOutOfOrderSequence: return {ErrorCode::kOutOfOrderSequence, message};
    case Code::kUnknownProducerId: return {ErrorCode::kUnknownProducer, message};
    default: return {ErrorCode::kInternal, message};
  }
}

}  // namespace

void ProducerLane::ProduceByKafka(NodeId to, const Batch& batch, Answered done) {
  ProduceRequest request;
  request.acks = kAllAcks;
  request.timeout_ms = static_cast<int32_t>(context_.swarm.call_timeout_us / 1000);
  ProduceRequest::Partition partition;
  partition.index = options_.where.partition;
  partition.records = Records{{batch.bytes}};
  request.topics = {{.name = options_.where.topic, .partitions = {partition}}};
  const auto version = static_cast<int16_t>(random_.Between(kLowestProduce, kHighestProduce));
  AskKafka<ProduceRequest>(
      context_.door, to, context_.swarm.call_timeout_us, "producer", version, request,
      [this, done = std::move(done)](const Result<ProduceResponse>& response) {
        if (!response.ok()) {
          if (response.error().code == ErrorCode::kDataCorrupt) {
            context_.judge.Fail("kafka-frames", response.error().message);
          }
          return done(response.error(), std::nullopt);
        }
        const ProduceResponse::Partition& answer = response->topics.at(0).partitions.at(0);
        if (answer.error_code == Code::kNone) {
          return done(server::ProduceResult{.base_offset = answer.base_offset}, std::nullopt);
        }
        std::optional<NodeId> hint;
        if (answer.current_leader) hint = NodeId(answer.current_leader->leader_id);
        done(ErrorOf(answer), hint);
      });
}

void ProducerLane::AskForIdentityByKafka() {
  const auto version = static_cast<int16_t>(random_.Below(kHighestInitProducerId + 1));
  AskKafka<InitProducerIdRequest>(
      context_.door, leader_.Get(), kIdentityPatienceUs, "producer", version, {},
      [this](const Result<InitProducerIdResponse>& response) {
        if (!response.ok()) return OnIdentity(response.error());
        if (response->error_code != Code::kNone) {
          return OnIdentity(Error{ErrorCode::kUnavailable, "no identity just now"});
        }
        OnIdentity(server::ProducerIdentity{.producer_id = response->producer_id,
                                            .epoch = response->producer_epoch});
      });
}

}  // namespace jangada::sim
