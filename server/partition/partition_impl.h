// The inside of Partition, split over partition.cc (life, the state machine's events),
// partition_append.cc (records in), partition_read.cc (records and offsets out) and
// partition_retention.cc (what is removed). Private to these files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "server/partition/fetch_waiters.h"
#include "server/partition/partition.h"
#include "server/partition/partition_state.h"
#include "server/partition/producers.h"
#include "server/partition/replica.h"

namespace jangada::server {

using ProduceDone = Callback<Result<ProduceResult>>;
using FetchDone = Callback<Result<FetchResult>>;
using ListDone = Callback<Result<ListedOffset>>;

/// A record batch as it goes into the log, and what it says of its producer.
struct ValidBatch {
  Bytes bytes;
  int32_t record_count = 0;
  std::optional<ProducerBatch> producer;
};

struct Partition::Impl {
  /// The state machine that the replica owns: it folds, and tells the partition.
  class Machine;

  struct Fetch {
    int64_t offset = 0;
    size_t max_bytes = 0;
    bool at_least_one_batch = true;
    size_t min_bytes = 0;
    int64_t deadline_us = 0;
    std::shared_ptr<const Abandonment> abandoned;
    FetchDone done;
    bool IsAbandoned() const { return abandoned != nullptr && abandoned->IsSet(); }
  };
  /// Repetitions of a batch that is under way.
  struct Duplicates {
    std::vector<ProduceDone> waiting;
    bool orphaned = false;  // the batch's own call was answered (kTimeout); its fate is still open
  };

  Impl(const PartitionOptions& options, const ReplicaContext& context, ReplicaObserver& observer);
  ~Impl();

  // ---- the state machine's events: partition.cc ----
  void OnApplied(const raft::Entry& entry, int64_t old_log_start);
  void OnLeaderReady();
  void OnLeadershipLost();
  void WakeWaiters();

  // ---- partition_append.cc ----
  void Append(Bytes batch, ProduceDone done);
  void AppendValid(ValidBatch batch, bool confirmed, ProduceDone done);
  void ProposeBatch(ValidBatch batch, ProduceDone done);
  void OnProposalEnd(uint64_t flight, const Result<ProduceResult>& result, ProduceDone done);
  void AnswerDuplicates(uint64_t flight, const Result<ProduceResult>& result);
  void OnBatchApplied(const raft::Entry& entry);
  void ForgetFlights();

  // ---- partition_read.cc ----
  Error OutOfRange(int64_t offset) const;
  void StartFetch(Fetch fetch);
  void StartFetchBeyondEnd(Fetch fetch);
  void OnFetched(Fetch fetch, Result<std::vector<raft::Entry>> read);
  void WaitForMore(Fetch fetch, size_t missing_bytes);
  void AnswerFetch(Fetch fetch, const std::vector<raft::Entry>& entries);
  void AnswerNobody(Fetch fetch);
  void ListOffset(int64_t timestamp_ms, ListDone done);
  ListedOffset Listed(int64_t offset, int64_t timestamp_ms) const;
  void ListMaxTimestamp(ListDone done);
  void ListByTime(int64_t timestamp_ms, ListDone done);
  void ScanForTime(int64_t from_offset, int64_t timestamp_ms, ListDone done);

  // ---- partition_retention.cc ----
  void DeleteRecords(int64_t offset, Callback<Result<int64_t>> done);
  void ProposeTrim(int64_t offset, Callback<Result<int64_t>> done);
  void ArmRetention();
  void CheckRetention();
  void OnRetentionRows(const std::vector<storage::SparseRow>& rows, int64_t high_watermark);
  void ArmExpiry();
  void CheckProducers();

  /// A completion that is dropped if the partition is gone.
  template <class F>
  auto IfAlive(F function) {
    return [alive = std::weak_ptr<bool>(life),
            function = std::move(function)](auto&&... args) mutable {
      if (!alive.expired()) function(std::forward<decltype(args)>(args)...);
    };
  }

  static Error Gone();  // the partition went while the call waited

  // Constant after construction.
  const PartitionOptions options;
  const ReplicaContext context;

  TopicConfig config;
  PartitionState state;  // the machine's; above the replica, which restores it

  // Produce.
  ProducersInFlight in_flight;
  std::map<uint64_t, Duplicates> duplicates;  // by flight
  uint64_t last_flight = 0;
  uint64_t proposing = 0;  // the flight whose proposal is being made right now; 0: none

  // Fetch.
  FetchWaiters waiters;
  ReplicaCounters fetched;     // only what concerns fetches
  size_t committed_bytes = 0;  // since the waiters were last told
  bool wake_scheduled = false;

  // What is removed.
  IdleProducers idle_producers;
  Executor::TimerId retention_timer = 0;
  Executor::TimerId expiry_timer = 0;
  bool retention_under_way = false;
  int64_t retention_due_ms = 0;  // by the wall clock; before it nothing is old enough
  bool appended_since_check = true;

  std::shared_ptr<bool> life = std::make_shared<bool>(true);
  Replica replica;  // last: it calls the machine, which uses all of the above
};

}  // namespace jangada::server
