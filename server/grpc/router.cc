#include "server/grpc/router.h"

#include <algorithm>

#include "server/grpc/convert.h"
#include "server/grpc/forward.h"
#include "server/grpc/retry.h"

namespace jangada::server::grpc_door {
namespace {

using LogAsync = v1::Log::StubInterface::async_interface;
using AdminAsync = v1::Admin::StubInterface::async_interface;

/// Deadline of one try of a call that may be repeated elsewhere when nothing is heard.
TimePoint TryDeadline(const CallScope& scope, int64_t wait_us = 0) {
  return std::min(scope.deadline, AfterNow(wait_us + kForwardTryUs));
}

int64_t TimeLeftUs(const CallScope& scope) { return std::max<int64_t>(scope.MicrosLeft(), 1); }

/// Inside a batch of answers, an error travels as a detail.
Error ErrorFromDetail(const v1::ErrorDetail& detail) {
  v1::RpcStatus rich;
  rich.add_details()->PackFrom(detail);
  return ErrorFrom(
      grpc::Status(grpc::StatusCode::UNKNOWN, detail.message(), rich.SerializeAsString()), true);
}

Result<FetchResult> FetchResultFrom(v1::FetchResponse response) {
  FetchResult result{.batches = {},
                     .high_watermark = response.high_watermark(),
                     .log_start_offset = response.log_start_offset()};
  for (auto& bytes : *response.mutable_batches()) {
    TRY_ASSIGN(FetchedBatch batch, FetchedFrom(std::move(bytes)));
    result.batches.push_back(std::move(batch));
  }
  return result;
}

size_t StoredBytes(const FetchResult& result) {
  size_t bytes = 0;
  for (const FetchedBatch& batch : result.batches) bytes += batch.bytes.size();
  return bytes;
}

Result<ListedOffset> ListedFrom(const v1::ListOffsetsResponse& response) {
  if (response.answers_size() != 1) {
    return Error{ErrorCode::kInternal,
                 "The partition's leader answered another number of offsets than asked."};
  }
  const auto& answer = response.answers(0);
  if (answer.has_error()) return ErrorFromDetail(answer.error());
  return ListedOffset{.offset = answer.offset(),
                      .timestamp_ms = answer.timestamp_ms(),
                      .leader_epoch = answer.leader_epoch()};
}

Result<PartitionView> LeadersViewFrom(PartitionView view) {
  if (view.from_leader) return view;
  return Error{ErrorCode::kNotLeader, "No leader of the partition answered."};
}

}  // namespace

std::shared_ptr<Peer> Router::LeaderElsewhere(const TopicPartition& where, const CallScope& scope) {
  if (scope.local_only()) return nullptr;
  const std::optional<NodeId> leader = broker_.LeaderOf(where);
  if (!leader || *leader == broker_.self()) return nullptr;
  return PeerOf(*leader);
}

std::shared_ptr<Peer> Router::PeerOf(NodeId node) {
  const ClusterImagePtr image = broker_.image();
  const NodeInfo* info = image->FindNode(node);
  if (info == nullptr || info->grpc.port == 0) return nullptr;
  ++forwarded_;
  return peers_.At(node, info->grpc.ToString());
}

bool Router::IsLocal(const TopicPartition& where, const CallScope& scope) const {
  if (scope.local_only()) return true;
  return broker_.LeaderOf(where) == broker_.self();
}

void Router::Produce(ProduceRequest request, const CallScope& scope,
                     Callback<Result<ProduceResult>> done) {
  const bool repeatable = IsIdempotent(request.batch);
  WithRetry<ProduceResult>(
      scope, repeatable,
      [this, scope, request = std::move(request)](Callback<Result<ProduceResult>> tried) {
        ProduceOnce(request, scope, std::move(tried));
      },
      std::move(done));
}

void Router::ProduceOnce(ProduceRequest request, const CallScope& scope,
                         Callback<Result<ProduceResult>> done) {
  auto peer = LeaderElsewhere(request.where, scope);
  if (peer == nullptr) {
    request.timeout_us = TimeLeftUs(scope);
    return broker_.Produce(std::move(request), std::move(done));
  }
  v1::ProduceRequest forwarded;
  forwarded.set_topic(request.where.topic);
  forwarded.set_partition(request.where.partition);
  forwarded.set_batch(request.batch.data(), request.batch.size());
  const TimePoint deadline = IsIdempotent(request.batch) ? TryDeadline(scope) : scope.deadline;
  auto* stub = peer->log.async();
  Forward<LogAsync, v1::ProduceRequest, v1::ProduceResponse>(
      std::move(peer), stub, &LogAsync::Produce, std::move(forwarded), scope, deadline,
      [done = std::move(done)](Result<v1::ProduceResponse> response) mutable {
        if (!response.ok()) return done(response.error());
        done(FromProto(*response));
      });
}

void Router::Fetch(FetchRequest request, const CallScope& scope,
                   Callback<Result<FetchResult>> done) {
  WithRetry<FetchResult>(
      scope, true,
      [this, scope, request = std::move(request)](Callback<Result<FetchResult>> tried) {
        FetchOnce(request, scope, std::move(tried));
      },
      std::move(done));
}

void Router::FetchOnce(FetchRequest request, const CallScope& scope,
                       Callback<Result<FetchResult>> done) {
  request.max_wait_us = std::clamp<int64_t>(scope.MicrosLeft(), 0, request.max_wait_us);
  auto peer = LeaderElsewhere(request.where, scope);
  if (peer == nullptr) return PollHere(std::move(request), scope, std::move(done));
  v1::FetchRequest forwarded;
  forwarded.set_topic(request.where.topic);
  forwarded.set_partition(request.where.partition);
  forwarded.set_offset(request.offset);
  forwarded.set_max_bytes(static_cast<int32_t>(request.max_bytes));
  forwarded.set_min_bytes(static_cast<int32_t>(request.min_bytes));
  forwarded.set_max_wait_ms(static_cast<int32_t>(request.max_wait_us / 1000));
  forwarded.set_format(v1::RECORD_FORMAT_BATCHES);
  const TimePoint deadline = TryDeadline(scope, request.max_wait_us);
  auto* stub = peer->log.async();
  Forward<LogAsync, v1::FetchRequest, v1::FetchResponse>(
      std::move(peer), stub, &LogAsync::Fetch, std::move(forwarded), scope, deadline,
      [done = std::move(done)](Result<v1::FetchResponse> response) mutable {
        if (!response.ok()) return done(response.error());
        done(FetchResultFrom(std::move(*response)));
      });
}

void Router::PollHere(FetchRequest request, const CallScope& scope,
                      Callback<Result<FetchResult>> done) {
  FetchRequest slice = request;
  slice.max_wait_us = std::min(request.max_wait_us, kMaxPollSliceUs);
  const TimePoint until = AfterNow(request.max_wait_us);
  broker_.Fetch(std::move(slice), [this, request = std::move(request), scope, until,
                                   done = std::move(done)](Result<FetchResult> result) mutable {
    const int64_t left_us = MicrosUntil(until);
    if (!result.ok() || left_us <= 0 || scope.cancellation->cancelled() ||
        StoredBytes(*result) >= request.min_bytes) {
      return done(std::move(result));
    }
    request.max_wait_us = left_us;
    PollHere(std::move(request), scope, std::move(done));
  });
}

void Router::ListOffset(const TopicPartition& where, int64_t timestamp_ms, const CallScope& scope,
                        Callback<Result<ListedOffset>> done) {
  WithRetry<ListedOffset>(
      scope, true,
      [this, where, timestamp_ms, scope](Callback<Result<ListedOffset>> tried) {
        ListOffsetOnce(where, timestamp_ms, scope, std::move(tried));
      },
      std::move(done));
}

void Router::ListOffsetOnce(const TopicPartition& where, int64_t timestamp_ms,
                            const CallScope& scope, Callback<Result<ListedOffset>> done) {
  auto peer = LeaderElsewhere(where, scope);
  if (peer == nullptr) return broker_.ListOffset(where, timestamp_ms, std::move(done));
  v1::ListOffsetsRequest forwarded;
  auto* query = forwarded.add_queries();
  query->set_topic(where.topic);
  query->set_partition(where.partition);
  switch (timestamp_ms) {
    case kEarliestOffset: query->set_at(v1::OFFSET_AT_EARLIEST); break;
    case kLatestOffset: query->set_at(v1::OFFSET_AT_LATEST); break;
    case kMaxTimestampOffset: query->set_at(v1::OFFSET_AT_MAX_TIMESTAMP); break;
    default: query->set_timestamp_ms(timestamp_ms);
  }
  auto* stub = peer->log.async();
  Forward<LogAsync, v1::ListOffsetsRequest, v1::ListOffsetsResponse>(
      std::move(peer), stub, &LogAsync::ListOffsets, std::move(forwarded), scope,
      TryDeadline(scope),
      [done = std::move(done)](Result<v1::ListOffsetsResponse> response) mutable {
        if (!response.ok()) return done(response.error());
        done(ListedFrom(*response));
      });
}

void Router::DescribePartition(const TopicPartition& where, const CallScope& scope,
                               Callback<Result<PartitionView>> done) {
  WithRetry<PartitionView>(
      scope, true,
      [this, where, scope](Callback<Result<PartitionView>> tried) {
        DescribePartitionOnce(where, scope, std::move(tried));
      },
      std::move(done));
}

void Router::DescribePartitionOnce(const TopicPartition& where, const CallScope& scope,
                                   Callback<Result<PartitionView>> done) {
  auto peer = LeaderElsewhere(where, scope);
  if (peer == nullptr) {
    return broker_.DescribePartition(where,
                                     [done = std::move(done)](Result<PartitionView> view) mutable {
                                       if (!view.ok()) return done(view.error());
                                       done(LeadersViewFrom(std::move(*view)));
                                     });
  }
  v1::DescribePartitionsRequest forwarded;
  auto* partition = forwarded.add_partitions();
  partition->set_topic(where.topic);
  partition->set_partition(where.partition);
  auto* stub = peer->admin.async();
  Forward<AdminAsync, v1::DescribePartitionsRequest, v1::DescribePartitionsResponse>(
      std::move(peer), stub, &AdminAsync::DescribePartitions, std::move(forwarded), scope,
      TryDeadline(scope),
      [done = std::move(done)](Result<v1::DescribePartitionsResponse> response) mutable {
        if (!response.ok()) return done(response.error());
        done(LeadersViewFrom(response->partitions_size() == 1 ? FromProto(response->partitions(0))
                                                              : PartitionView()));
      });
}

void Router::DeleteRecords(const TopicPartition& where, int64_t offset, const CallScope& scope,
                           Callback<Result<int64_t>> done) {
  // Deleting below the same offset twice is deleting once; "all there is now" is not the same
  // twice.
  WithRetry<int64_t>(
      scope, offset >= 0,
      [this, where, offset, scope](Callback<Result<int64_t>> tried) {
        DeleteRecordsOnce(where, offset, scope, std::move(tried));
      },
      std::move(done));
}

void Router::DeleteRecordsOnce(const TopicPartition& where, int64_t offset, const CallScope& scope,
                               Callback<Result<int64_t>> done) {
  auto peer = LeaderElsewhere(where, scope);
  if (peer == nullptr) return broker_.DeleteRecords(where, offset, std::move(done));
  v1::DeleteRecordsRequest forwarded;
  forwarded.set_topic(where.topic);
  forwarded.set_partition(where.partition);
  forwarded.set_before_offset(offset);
  auto* stub = peer->admin.async();
  Forward<AdminAsync, v1::DeleteRecordsRequest, v1::DeleteRecordsResponse>(
      std::move(peer), stub, &AdminAsync::DeleteRecords, std::move(forwarded), scope,
      scope.deadline, [done = std::move(done)](Result<v1::DeleteRecordsResponse> response) mutable {
        if (!response.ok()) return done(response.error());
        done(response->log_start_offset());
      });
}

void Router::TransferLeadership(const TopicPartition& where, NodeId to, const CallScope& scope,
                                Callback<Status> done) {
  WithRetry<bool>(
      scope, false,
      [this, where, to, scope](Callback<Result<bool>> tried) {
        TransferLeadershipOnce(where, to, scope, std::move(tried));
      },
      [done = std::move(done)](Result<bool> result) mutable {
        done(result.ok() ? Status() : Status(result.error()));
      });
}

void Router::TransferLeadershipOnce(const TopicPartition& where, NodeId to, const CallScope& scope,
                                    Callback<Result<bool>> done) {
  auto peer = LeaderElsewhere(where, scope);
  if (peer == nullptr) {
    return broker_.TransferLeadership(where, to, [done = std::move(done)](Status status) mutable {
      if (!status.ok()) return done(status.error());
      done(true);
    });
  }
  v1::TransferLeadershipRequest forwarded;
  forwarded.set_topic(where.topic);
  forwarded.set_partition(where.partition);
  forwarded.set_to_node_id(to.value());
  auto* stub = peer->admin.async();
  Forward<AdminAsync, v1::TransferLeadershipRequest, v1::TransferLeadershipResponse>(
      std::move(peer), stub, &AdminAsync::TransferLeadership, std::move(forwarded), scope,
      scope.deadline,
      [done = std::move(done)](Result<v1::TransferLeadershipResponse> response) mutable {
        if (!response.ok()) return done(response.error());
        done(true);
      });
}

}  // namespace jangada::server::grpc_door
