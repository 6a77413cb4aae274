#include "server/grpc/log_service.h"

#include <algorithm>
#include <memory>

#include "base/countdown.h"
#include "server/grpc/arguments.h"
#include "server/grpc/consume_call.h"
#include "server/grpc/convert.h"
#include "server/grpc/produce_stream.h"
#include "server/grpc/retry.h"
#include "server/grpc/unary_call.h"

namespace jangada::server::grpc_door {
namespace {

/// Fills a response with what was fetched. Plain records end at about kPlainResponseBytes, batches
/// where the fetch ended; next_offset says where.
Status FillFetch(const v1::FetchRequest& request, const FetchResult& result,
                 v1::FetchResponse* response) {
  int64_t next = request.offset();
  size_t plain_bytes = 0;
  for (const FetchedBatch& batch : result.batches) {
    if (plain_bytes >= kPlainResponseBytes) break;
    TRY_ASSIGN(const int64_t end, EndOffsetOf(batch));
    if (end <= request.offset()) continue;
    if (request.format() == v1::RECORD_FORMAT_BATCHES) {
      response->add_batches(ServedBytes(batch));
      next = end;
      continue;
    }
    TRY_ASSIGN(const Appended appended,
               AppendRecords(batch, request.offset(), end, kPlainResponseBytes - plain_bytes,
                             response->mutable_records()));
    plain_bytes += appended.bytes;
    next = appended.next_offset;
  }
  response->set_next_offset(next);
  response->set_high_watermark(result.high_watermark);
  response->set_log_start_offset(result.log_start_offset);
  return {};
}

int64_t TimestampOf(const v1::ListOffsetsRequest::Query& query) {
  if (query.has_timestamp_ms()) return query.timestamp_ms();
  switch (query.at()) {
    case v1::OFFSET_AT_EARLIEST: return kEarliestOffset;
    case v1::OFFSET_AT_MAX_TIMESTAMP: return kMaxTimestampOffset;
    default: return kLatestOffset;
  }
}

void FillAnswer(const Door& door, const TopicPartition& where, const Result<ListedOffset>& listed,
                v1::ListOffsetsResponse::Answer* answer) {
  answer->set_topic(where.topic);
  answer->set_partition(where.partition);
  if (!listed.ok()) {
    *answer->mutable_error() = DetailOf(listed.error(), &where, door.broker);
    return;
  }
  answer->set_offset(listed->offset);
  answer->set_timestamp_ms(listed->timestamp_ms);
  answer->set_leader_epoch(listed->leader_epoch);
}

void ProduceTo(UnaryCall* call, TopicPartition where, const v1::ProduceRequest& request,
               Callback<Result<ProduceResult>> done) {
  auto batch = BatchFrom(request, WallNowMs());
  if (!batch.ok()) return done(batch.error());
  ProduceRequest produce{.where = std::move(where), .batch = std::move(*batch)};
  call->door().router.Produce(std::move(produce), call->scope(), std::move(done));
}

}  // namespace

grpc::ServerUnaryReactor* LogService::InitProducer(grpc::CallbackServerContext* context,
                                                   const v1::InitProducerRequest*,
                                                   v1::InitProducerResponse* response) {
  auto* call = new UnaryCall(door_, Method::kInitProducer, *context, kDefaultCallUs);
  // An id that nobody hears of harms nobody, so asking again is safe.
  WithRetry<ProducerIdentity>(
      call->scope(), true,
      [this](Callback<Result<ProducerIdentity>> tried) {
        door_.broker.InitProducer(std::move(tried));
      },
      [call, response](Result<ProducerIdentity> identity) {
        if (!identity.ok()) return call->Fail(identity.error());
        response->set_producer_id(identity->producer_id);
        response->set_producer_epoch(identity->epoch);
        call->Answer();
      });
  return call;
}

grpc::ServerUnaryReactor* LogService::Produce(grpc::CallbackServerContext* context,
                                              const v1::ProduceRequest* request,
                                              v1::ProduceResponse* response) {
  const auto limit_us = WaitOf("timeout_ms", request->timeout_ms(), kDefaultCallUs, kMaxCallUs);
  auto* call = new UnaryCall(door_, Method::kProduce, *context, limit_us.ok() ? *limit_us : 0);
  if (const Status checked = CheckProduce(*request); !checked.ok()) {
    call->Fail(checked.error());
    return call;
  }
  const size_t bytes = request->ByteSizeLong();
  if (!door_.produce_bytes.Take(bytes)) {
    call->Fail(Throttled());
    return call;
  }
  auto finish = [this, call, bytes, response](const TopicPartition& where,
                                              const Result<ProduceResult>& result) {
    door_.produce_bytes.Return(bytes);
    if (!result.ok()) return call->Fail(result.error(), where);
    ToProto(*result, where.partition, response);
    call->Answer();
  };
  WithRetry<int32_t>(
      call->scope(), false,
      [this, request, turn = door_.turn++](Callback<Result<int32_t>> tried) {
        tried(PartitionFor(*request, *door_.broker.image(), turn));
      },
      [call, request, finish](Result<int32_t> partition) mutable {
        if (!partition.ok())
          return finish({request->topic(), request->partition()}, partition.error());
        const TopicPartition where{request->topic(), *partition};
        ProduceTo(call, where, *request,
                  [where, finish](Result<ProduceResult> result) { finish(where, result); });
      });
  return call;
}

grpc::ServerBidiReactor<v1::ProduceStreamRequest, v1::ProduceStreamResponse>*
LogService::ProduceStream(grpc::CallbackServerContext* context) {
  return StartProduceStream(door_, *context);
}

grpc::ServerWriteReactor<v1::ConsumeResponse>* LogService::Consume(
    grpc::CallbackServerContext* context, const v1::ConsumeRequest* request) {
  return StartConsume(door_, *context, *request);
}

grpc::ServerUnaryReactor* LogService::Fetch(grpc::CallbackServerContext* context,
                                            const v1::FetchRequest* request,
                                            v1::FetchResponse* response) {
  const int64_t wait_us = int64_t{std::max(request->max_wait_ms(), 0)} * 1000;
  auto* call = new UnaryCall(door_, Method::kFetch, *context, kDefaultCallUs + wait_us);
  if (const Status checked = CheckFetch(*request); !checked.ok()) {
    call->Fail(checked.error());
    return call;
  }
  const TopicPartition where{request->topic(), request->partition()};
  server::FetchRequest fetch{.where = where,
                             .offset = request->offset(),
                             .max_bytes = *FetchBytesOf("max_bytes", request->max_bytes()),
                             .min_bytes = static_cast<size_t>(request->min_bytes()),
                             .max_wait_us = wait_us};
  fetch.min_bytes = std::min(fetch.min_bytes, fetch.max_bytes);
  door_.router.Fetch(std::move(fetch), call->scope(),
                     [call, request, response, where](Result<FetchResult> result) mutable {
                       if (!result.ok()) return call->Fail(result.error(), where);
                       // Decoding and copying megabytes is not for the thread that answers for a
                       // shard.
                       RunAfter(0, [call, request, response, where, result = std::move(*result)] {
                         const Status filled = FillFetch(*request, result, response);
                         filled.ok() ? call->Answer() : call->Fail(filled.error(), where);
                       });
                     });
  return call;
}

grpc::ServerUnaryReactor* LogService::ListOffsets(grpc::CallbackServerContext* context,
                                                  const v1::ListOffsetsRequest* request,
                                                  v1::ListOffsetsResponse* response) {
  auto* call = new UnaryCall(door_, Method::kListOffsets, *context, kDefaultCallUs);
  if (const Status checked = CheckListOffsets(*request); !checked.ok()) {
    call->Fail(checked.error());
    return call;
  }
  for (int i = 0; i < request->queries_size(); ++i) response->add_answers();
  auto countdown = std::make_shared<Countdown>(request->queries_size(), [call] { call->Answer(); });
  for (int i = 0; i < request->queries_size(); ++i) {
    const auto& query = request->queries(i);
    const TopicPartition where{query.topic(), query.partition()};
    door_.router.ListOffset(where, TimestampOf(query), call->scope(),
                            [this, where, countdown,
                             answer = response->mutable_answers(i)](Result<ListedOffset> listed) {
                              FillAnswer(door_, where, listed, answer);
                              countdown->Done();
                            });
  }
  return call;
}

}  // namespace jangada::server::grpc_door
