// Partition: one partition of a topic on this node: a Replica whose state machine gives records
// offsets from 0 without holes. Producers append batches, consumers read below the high watermark,
// and what is removed (retention, DeleteRecords) is removed by replicated decisions. Only the ready
// leader serves: it leads, and this term's no-op is committed and applied.
//
// All calls on the shard that owns it; each ends in one call of its `done`, there too, possibly
// before it returns. A `done` must not destroy the partition. Errors of all calls: kNotLeader
// (surely not done), kUnavailable (about to lead, surely not done), kShuttingDown.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/callback.h"
#include "base/result.h"
#include "server/broker.h"
#include "server/partition/hosted.h"
#include "server/partition/replica.h"
#include "server/partition/topic_config.h"

namespace jangada::server {

struct PartitionOptions {
  TopicPartition where;
  ReplicaOptions replica;
  TopicConfig config;
  int64_t retention_check_us = 5'000'000;         // how often a leader looks what retention removes
  int64_t producer_expiry_check_us = 60'000'000;  // ... and which producers were idle too long
  size_t max_producers = 10'000;  // remembered for idempotence; the same on every replica, for ever
  size_t max_fetch_waiters = 10'000;  // long polls; beyond it a fetch answers at once
};

class Partition final : public Hosted {
 public:
  /// What `context` refers to and `observer` outlive the partition.
  Partition(const PartitionOptions& options, const ReplicaContext& context,
            ReplicaObserver& observer);
  ~Partition() override;
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  // Hosted
  Status Start(const storage::GroupState& state, const raft::Membership& bootstrap) override;
  void Stop(Callback<> done) override;
  void Remove(Callback<Status> done) override;
  void UpdateConfig(const TopicConfig& config) override;
  ReplicaCounters counters() const override;
  ReplicaVitals vitals() const override;
  PartitionGauges gauges() const override;
  PartitionView View() const override;
  Replica& replica() override;
  const Replica& replica() const override;

  /// Appends one RecordBatch v2; answers once it is committed and applied. Also kCorruptRecord,
  /// kRecordTooLarge, kInvalidArgument, kUnsupportedVersion (the batch), kOutOfOrderSequence,
  /// kDuplicateSequence, kProducerFenced, kUnknownProducer (its producer), kThrottled, kDiskFull
  /// (surely not done), kTimeout (fate unknown).
  void Append(Bytes batch, Callback<Result<ProduceResult>> done);

  /// Batches from the one that holds `request.offset` on, below the high watermark. With less than
  /// `min_bytes` to give it waits up to `max_wait_us`, then answers what there is.
  /// kOffsetOutOfRange names the valid range. `request.where` is not looked at.
  void Read(FetchRequest request, Callback<Result<FetchResult>> done);

  /// Linearizable. `timestamp_ms`, or kLatestOffset (the high watermark), kEarliestOffset,
  /// kMaxTimestampOffset. Also kTimeout.
  void ListOffset(int64_t timestamp_ms, Callback<Result<ListedOffset>> done);

  /// See Broker::FindEpochEnd.
  Result<EpochEnd> FindEpochEnd(int32_t epoch) const;

  /// Records below `offset` (-1: below the high watermark) go; answers the new log start offset.
  /// kOffsetOutOfRange above the high watermark; kTimeout.
  void DeleteRecords(int64_t offset, Callback<Result<int64_t>> done);

  int64_t high_watermark() const;
  int64_t log_start_offset() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangada::server
