// Records in: what a batch must satisfy, whether it was here before, and what its producer is told.
#include <utility>

#include "server/partition/partition_impl.h"
#include "storage/record_batch.h"

namespace jangada::server {

void Partition::Impl::Append(Bytes batch, ProduceDone done) {
  if (const Status ready = replica.CheckReadyLeader(); !ready.ok()) return done(ready.error());
  const auto header = storage::ValidateBatch(
      batch.view(), {.max_batch_bytes = static_cast<size_t>(config.max_message_bytes)},
      /*decompress=*/true);
  if (!header.ok()) return done(header.error());
  ValidBatch valid{std::move(batch), header->record_count, std::nullopt};
  if (header->producer_id != storage::kNoProducerId) {
    valid.producer = ProducerBatch{header->producer_id, header->producer_epoch,
                                   header->base_sequence, header->record_count};
  }
  AppendValid(std::move(valid), /*confirmed=*/false, std::move(done));
}

/// A leader that was replaced without knowing it yet would refuse what its successor has long been
/// waiting for, and a producer takes such a refusal for final. So it is given only once it is
/// `confirmed` that this replica leads, and has applied everything that went before.
void Partition::Impl::AppendValid(ValidBatch batch, bool confirmed, ProduceDone done) {
  if (batch.producer) {
    const Result<BatchVerdict> verdict = in_flight.Check(state.producers(), *batch.producer);
    if (!verdict.ok() && confirmed) return done(verdict.error());
    if (!verdict.ok()) {
      return replica.ReadBarrier([this, alive = std::weak_ptr<bool>(life), batch = std::move(batch),
                                  done = std::move(done)](const Status& leads) mutable {
        if (!leads.ok()) return done(leads.error());
        if (alive.expired()) return done(Gone());
        AppendValid(std::move(batch), /*confirmed=*/true, std::move(done));
      });
    }
    if (const auto* in_log = std::get_if<BatchIsInLog>(&*verdict)) {
      const bool stamped = config.timestamp_type == TimestampType::kLogAppendTime;
      return done(ProduceResult{.base_offset = in_log->where.base_offset,
                                .log_append_time_ms = stamped ? in_log->where.timestamp_ms : -1,
                                .log_start_offset = state.log_start_offset(),
                                .duplicate = true});
    }
    if (const auto* under_way = std::get_if<BatchIsInFlight>(&*verdict)) {
      duplicates[under_way->flight].waiting.push_back(std::move(done));
      return;
    }
  }
  // After the duplicates: those need no room.
  if (!context.store.usage().accepts_produce) {
    return done(
        Error{ErrorCode::kDiskFull,
              "this node's disk has less free space than storage.min_free_bytes; free some, or "
              "lower the topic's retention"});
  }
  ProposeBatch(std::move(batch), std::move(done));
}

void Partition::Impl::ProposeBatch(ValidBatch valid, ProduceDone done) {
  auto& [batch, count, producer] = valid;
  int64_t append_time_ms = -1;
  if (config.timestamp_type == TimestampType::kLogAppendTime) {
    append_time_ms = context.executor.WallNowMs();
    Result<std::string> stamped = storage::WithAppendTime(batch.view(), append_time_ms);
    if (!stamped.ok()) return done(stamped.error());
    batch = Bytes(std::move(*stamped));
  }
  const uint64_t flight = ++last_flight;
  if (producer) in_flight.OnProposed(*producer, flight);
  proposing = flight;
  replica.Propose(raft::EntryType::kRecords, std::move(batch), count,
                  IfAlive([this, flight, producer = producer, append_time_ms,
                           done = std::move(done)](const Result<Proposed>& proposed) mutable {
                    if (proposed.ok()) {
                      return OnProposalEnd(
                          flight,
                          ProduceResult{.base_offset = proposed->base_offset,
                                        .log_append_time_ms = append_time_ms,
                                        .log_start_offset = state.log_start_offset(),
                                        .duplicate = false},
                          std::move(done));
                    }
                    if (producer && proposing == flight) in_flight.OnRefused(*producer);
                    OnProposalEnd(flight, proposed.error(), std::move(done));
                  }));
  proposing = 0;
}

void Partition::Impl::OnProposalEnd(uint64_t flight, const Result<ProduceResult>& result,
                                    ProduceDone done) {
  AnswerDuplicates(flight, result);
  // While this replica leads, the batch may still be applied: whoever repeats it waits for that.
  if (!result.ok() && result.error().code == ErrorCode::kTimeout && replica.IsReadyLeader()) {
    duplicates[flight].orphaned = true;
  }
  done(result);
}

void Partition::Impl::AnswerDuplicates(uint64_t flight, const Result<ProduceResult>& result) {
  auto node = duplicates.extract(flight);
  if (node.empty()) return;
  Result<ProduceResult> answer = result;
  if (answer.ok()) answer->duplicate = true;
  for (ProduceDone& done : node.mapped().waiting) done(answer);
}

/// The calls of batches that are still waited for are answered by Replica once this entry is noted
/// as applied; only those whose own call gave up are answered here.
void Partition::Impl::OnBatchApplied(const raft::Entry& entry) {
  const std::optional<ProducerBatch> batch = PartitionState::ProducerOf(entry);
  if (!batch) return;
  const std::optional<uint64_t> flight = in_flight.OnApplied(*batch);
  if (!flight) return;
  const auto it = duplicates.find(*flight);
  if (it == duplicates.end() || !it->second.orphaned) return;
  const Producers::Appended& there = state.producers().Find(batch->producer_id)->window.back();
  const bool stamped = config.timestamp_type == TimestampType::kLogAppendTime;
  AnswerDuplicates(*flight, ProduceResult{.base_offset = entry.base_offset,
                                          .log_append_time_ms = stamped ? there.timestamp_ms : -1,
                                          .log_start_offset = state.log_start_offset(),
                                          .duplicate = true});
}

/// Leadership was lost: the applied state will say what became of the batches under way. Calls that
/// still wait learn it through their proposals.
void Partition::Impl::ForgetFlights() {
  in_flight.Clear();
  std::vector<uint64_t> orphaned;
  for (const auto& [flight, waiting] : duplicates) {
    if (waiting.orphaned) orphaned.push_back(flight);
  }
  for (const uint64_t flight : orphaned) {
    AnswerDuplicates(flight,
                     Error{ErrorCode::kTimeout,
                           "the leadership changed before the outcome was known; the records may "
                           "or may not have been appended"});
  }
}

}  // namespace jangada::server
