// The producers of clients.h.
#include <algorithm>

#include "base/check.h"
#include "server/partition/producers.h"
#include "storage/record_batch.h"
#include "tests/sim/clients.h"

namespace jangada::sim {
namespace {

using history::Function;
using history::Type;
using server::Broker;
using server::ProduceResult;

constexpr int64_t kRetryUs = 100'000;
constexpr int64_t kIdentityPatienceUs = 5'000'000;
constexpr int64_t kEpochs = 1 << 16;
constexpr size_t kCrowd = 1'000;  // more producers than that has no run

bool IsSurelyNotDone(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotLeader:
    case ErrorCode::kUnavailable:
    case ErrorCode::kThrottled:
    case ErrorCode::kDiskFull:
    case ErrorCode::kUnknownTopic: return true;
    default: return false;
  }
}

}  // namespace

ProducerLane::ProducerLane(ClientContext& context, Options options)
    : context_(context),
      options_(std::move(options)),
      random_(context.world.Stream(0x6c616e65'00 + options_.number)),
      leader_(context.swarm.nodes, Random(random_.Next())) {
  const int window = options_.idempotent ? context.swarm.window : 1;
  for (int i = 0; i < window; ++i) processes_.push_back(context.recorder.NewProcess());
}

void ProducerLane::Think() {
  const auto most = static_cast<uint64_t>(2 * context_.swarm.think_us);
  context_.world.After(static_cast<int64_t>(random_.Below(most)), [this] {
    if (finishing_) return;
    MaybeBeginAnew();
    if (!processes_.empty() && Span() < server::Producers::kWindow) MakeBatch();
    Think();
  });
}

/// As a program that is started again would: with an identity of its own. Not where the cluster
/// keeps so few of them that it might forget one that is needed.
void ProducerLane::MaybeBeginAnew() {
  if (!identity_ || !batches_.empty() || context_.swarm.base.max_producers < 1'000) return;
  if (!random_.Chance(1, 50)) return;
  identity_.reset();
  next_sequence_ = 0;
  acknowledged_at_us_ = 0;
}

/// From the oldest batch whose fate is open to the newest: no more may be sent after it than the
/// cluster remembers.
uint64_t ProducerLane::Span() const {
  return batches_.empty() ? 0 : next_number_ - batches_.front().number;
}

void ProducerLane::MakeBatch() {
  if (options_.idempotent && !identity_) return AskForIdentity();
  Batch batch;
  batch.process = processes_.front();
  processes_.pop_front();
  batch.sequence = next_sequence_;
  batch.number = next_number_++;
  batch.deadline_us = context_.world.now_us() + context_.swarm.patience_us;
  storage::BatchBuilder builder;
  if (identity_) {
    batch.producer = (identity_->producer_id + 1) * kEpochs + identity_->epoch;
    builder.SetProducer(identity_->producer_id, identity_->epoch, batch.sequence);
  }
  const uint64_t records = 1 + random_.Below(static_cast<uint64_t>(context_.swarm.max_records));
  for (uint64_t i = 0; i < records; ++i) {
    batch.values.push_back(context_.recorder.NewValue());
    const auto padding = random_.Below(static_cast<uint64_t>(context_.swarm.max_value_bytes));
    builder.Add({.offset = 0,
                 .timestamp_ms = context_.NowMs(),
                 .key = std::nullopt,
                 .value = std::to_string(batch.values.back()) + ":" + std::string(padding, 'x'),
                 .headers = {}});
  }
  next_sequence_ += static_cast<int32_t>(records);
  batch.bytes = builder.Build().value();
  batches_.push_back(std::move(batch));
  context_.recorder.Add(OperationOf(batches_.back(), Type::kInvoke));
  if (!retry_armed_) SendOne(batches_.back());
}

history::Operation ProducerLane::OperationOf(const Batch& batch, Type type) const {
  history::Operation operation;
  operation.process = batch.process;
  operation.type = type;
  operation.function = Function::kSend;
  operation.producer = batch.producer;
  for (const history::Value value : batch.values) {
    operation.sends.push_back({context_.recorder.KeyOf(options_.where), value, std::nullopt});
  }
  return operation;
}

void ProducerLane::SendAll() {
  for (Batch& batch : batches_) {
    if (!batch.under_way) SendOne(batch);
  }
}

/// Whoever finds a new leader at once writes there while the one before it still believes to lead;
/// whoever then comes back to that one knows more than it does.
NodeId ProducerLane::Target() {
  if (context_.swarm.informed_producers && random_.Chance(3, 4)) {
    if (const auto leader = context_.newest_leader(options_.where)) return *leader;
  }
  return leader_.Get();
}

void ProducerLane::SendOne(Batch& batch) {
  batch.under_way = true;
  batch.first_when_sent = &batch == &batches_.front();
  const uint64_t attempt = batch.tries = ++attempts_;
  const NodeId to = Target();
  const Answered done = [this, sequence = batch.sequence, attempt, to](const Answer& answer,
                                                                       std::optional<NodeId> hint) {
    OnAnswer(sequence, attempt, to, answer, hint);
  };
  options_.by_kafka ? ProduceByKafka(to, batch, done) : Produce(to, batch, done);
}

void ProducerLane::Produce(NodeId to, const Batch& batch, Answered done) {
  auto hint = std::make_shared<std::optional<NodeId>>();
  context_.door.Ask<ProduceResult>(
      to, context_.swarm.call_timeout_us,
      [where = options_.where, bytes = batch.bytes, hint,
       timeout_us = context_.swarm.call_timeout_us](Broker& broker,
                                                    Callback<Result<ProduceResult>> reply) {
        broker.Produce(
            {.where = where, .batch = bytes, .timeout_us = timeout_us},
            [&broker, where, hint, reply = std::move(reply)](Result<ProduceResult> result) mutable {
              if (!result.ok()) *hint = broker.LeaderOf(where);
              reply(std::move(result));
            });
      },
      [hint, done = std::move(done)](const Answer& answer) { done(answer, *hint); });
}

void ProducerLane::OnAnswer(int32_t sequence, uint64_t attempt, NodeId asked, const Answer& answer,
                            std::optional<NodeId> hint) {
  const auto batch = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& each) {
    return each.sequence == sequence && each.tries == attempt;
  });
  if (batch == batches_.end()) return;  // given up since
  batch->under_way = false;
  if (answer.ok()) {
    OnAcknowledged(*batch, asked, *answer);
    batches_.erase(batch);
    return;
  }
  OnError(*batch, asked, answer.error(), hint);
}

void ProducerLane::OnAcknowledged(Batch& batch, NodeId asked, const ProduceResult& result) {
  if (result.duplicate) {
    context_.reached.Count(Rare::kDuplicateAnswered);
    if (batch.tried_at && *batch.tried_at != asked) {
      context_.reached.Count(Rare::kDuplicateAfterFailover);
    }
    if (Span() == server::Producers::kWindow && &batch == &batches_.front()) {
      context_.reached.Count(Rare::kDuplicateAtWindowsEdge);
    }
    if (!batch.unknown) {
      context_.judge.Fail("producer", "a batch that was sent once was called a duplicate");
    }
  }
  const int64_t end = result.base_offset + static_cast<int64_t>(batch.values.size());
  if (end > context_.committed_end(options_.where)) {
    context_.judge.Fail("ack-before-commit",
                        options_.where.topic + "/" + std::to_string(options_.where.partition) +
                            ": records up to offset " + std::to_string(end) +
                            " are acknowledged, and no quorum has synced them");
  }
  history::Operation operation = OperationOf(batch, Type::kOk);
  int64_t offset = result.base_offset;
  for (history::Send& send : operation.sends) send.offset = offset++;
  context_.recorder.Add(std::move(operation));
  processes_.push_back(batch.process);
  ++acknowledged_;
  acknowledged_at_us_ = context_.world.now_us();
}

/// So lately, and in so small a crowd, that it must be remembered.
bool ProducerLane::WasBusy() const {
  const bool crowded = context_.swarm.base.max_producers < kCrowd;
  return !crowded && next_sequence_ > 0 && acknowledged_at_us_ > 0 &&
         context_.world.now_us() - acknowledged_at_us_ < context_.swarm.patience_us;
}

void ProducerLane::OnError(Batch& batch, NodeId asked, const Error& error,
                           std::optional<NodeId> hint) {
  last_error_ = error.message;
  leader_.OnRefused(hint);
  if (error.code == ErrorCode::kDiskFull) context_.reached.Count(Rare::kDiskFullRefusal);
  const bool surely_not = IsSurelyNotDone(error.code);
  if (!surely_not) {
    batch.unknown = true;
    batch.tried_at = asked;
  }
  switch (error.code) {
    case ErrorCode::kNotLeader:
    case ErrorCode::kUnavailable:
    case ErrorCode::kThrottled:
    case ErrorCode::kDiskFull:
    case ErrorCode::kUnknownTopic:
    case ErrorCode::kShuttingDown:
    case ErrorCode::kTimeout: break;
    case ErrorCode::kOutOfOrderSequence:
      // An earlier batch is still to come; the first one has none before it.
      if (!batch.first_when_sent) break;
      context_.judge.Fail("producer",
                          "the oldest batch under way is out of order: " + error.message);
      return;
    case ErrorCode::kUnknownProducer:
      // An earlier batch is still to come, with which its producer becomes known; or it was idle
      // for so long that it was forgotten, or too many others came.
      if (!batch.first_when_sent) break;
      if (WasBusy()) {
        context_.judge.Fail("producer",
                            "was forgotten while it was busy at " + options_.where.topic + "/" +
                                std::to_string(options_.where.partition) + ": " + error.message);
        return;
      }
      return GiveUp(error.message);
    default:
      context_.judge.Fail("producer", "a producer that does everything right was told " +
                                          std::string(ErrorCodeName(error.code)) + ": " +
                                          error.message);
      return;
  }
  if (!options_.idempotent) {
    history::Operation operation = OperationOf(batch, batch.unknown ? Type::kInfo : Type::kFail);
    operation.error = ErrorCodeName(error.code);
    context_.recorder.Add(std::move(operation));
    processes_.push_back(batch.unknown ? context_.recorder.NewProcess() : batch.process);
    batches_.clear();
    return;
  }
  if (context_.world.now_us() >= batches_.front().deadline_us) return GiveUp("patience ended");
  RetryLater();
}

/// Once none is under way any more all are sent again, in order.
void ProducerLane::RetryLater() {
  if (std::exchange(retry_armed_, true)) return;
  context_.world.After(static_cast<int64_t>(random_.Below(kRetryUs)), [this] {
    retry_armed_ = false;
    const bool busy = std::any_of(batches_.begin(), batches_.end(),
                                  [](const Batch& batch) { return batch.under_way; });
    if (busy) return RetryLater();
    SendAll();
  });
}

/// Nobody will ever know of what is under way; a new identity goes on.
void ProducerLane::GiveUp(const std::string& why) {
  for (const Batch& batch : batches_) {
    const bool unknown = batch.unknown || batch.under_way;
    history::Operation operation = OperationOf(batch, unknown ? Type::kInfo : Type::kFail);
    operation.error = why;
    context_.recorder.Add(std::move(operation));
    processes_.push_back(unknown ? context_.recorder.NewProcess() : batch.process);
  }
  batches_.clear();
  identity_.reset();
  next_sequence_ = 0;
  acknowledged_at_us_ = 0;
}

void ProducerLane::AskForIdentity() {
  if (std::exchange(asking_identity_, true)) return;
  if (options_.by_kafka) return AskForIdentityByKafka();
  context_.door.Ask<server::ProducerIdentity>(
      leader_.Get(), kIdentityPatienceUs,
      [](Broker& broker, Callback<Result<server::ProducerIdentity>> reply) {
        broker.InitProducer(std::move(reply));
      },
      [this](const Result<server::ProducerIdentity>& identity) { OnIdentity(identity); });
}

void ProducerLane::OnIdentity(const Result<server::ProducerIdentity>& identity) {
  asking_identity_ = false;
  if (identity.ok()) {
    identity_ = *identity;
  } else {
    leader_.OnRefused(std::nullopt);
  }
}

std::string ProducerLane::Describe() const {
  std::string text = options_.where.topic + " " + std::to_string(options_.where.partition) +
                     (options_.idempotent ? " idempotent" : " plain") + ", asks node " +
                     std::to_string(leader_.Get().value()) + ", batches " +
                     std::to_string(batches_.size());
  if (!last_error_.empty()) text += ", was told last: " + last_error_;
  return text;
}

}  // namespace jangada::sim
