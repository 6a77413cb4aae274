// AskKafka: a call through the Kafka door as a client makes it: the request is encoded to a frame,
// the product's own dispatcher takes that apart and serves it, and the frame that comes back is
// decoded. Only the sockets are missing. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/kafka/dispatcher.h"
#include "server/kafka/protocol.h"
#include "tests/sim/door.h"

namespace jangada::sim {

/// Without its length. REQUIRES: not ApiVersions, whose header is never flexible.
template <class Request>
Bytes EncodeFrame(const Request& request, int16_t version, const std::string& client_id) {
  server::kafka::Writer writer;
  writer.WriteMessage(server::kafka::RequestHeader{
      .key = Request::kKey, .version = version, .correlation_id = 1, .client_id = client_id});
  const bool flexible = version >= Request::kFlexibleSince;
  writer.SetVersion(version, flexible);
  if (flexible) writer.NoTags();
  writer.WriteMessage(request);
  std::string frame;
  for (const Bytes& piece : writer.Finish()) frame += piece.view();
  return Bytes(frame.substr(sizeof(int32_t)));
}

/// `frame`: with its length, as one piece. kDataCorrupt if it is no answer to such a request.
template <class Request>
Result<typename Request::Response> DecodeFrame(const Bytes& frame, int16_t version) {
  constexpr size_t kHead = 2 * sizeof(int32_t);  // its length, the correlation id
  if (frame.size() < kHead) return Error{ErrorCode::kDataCorrupt, "a frame without a head"};
  server::kafka::Reader reader(frame.Slice(kHead, frame.size() - kHead));
  const bool flexible = version >= Request::kFlexibleSince;
  reader.SetVersion(version, flexible);
  if (flexible) reader.SkipTags();
  typename Request::Response response;
  reader.ReadMessage(response);
  if (!reader.ok()) return Error{ErrorCode::kDataCorrupt, reader.Why()};
  if (reader.remaining() > 0) return Error{ErrorCode::kDataCorrupt, "a frame that is too long"};
  return response;
}

/// `done`: once. Errors are the door's: kUnavailable, kTimeout; kDataCorrupt where one of both
/// sides doesn't understand the other.
template <class Request>
void AskKafka(ClientDoor& door, NodeId to, int64_t timeout_us, const std::string& client_id,
              int16_t version, const Request& request,
              std::function<void(Result<typename Request::Response>)> done) {
  // When nobody waits any more the connection is closed.
  auto gone = std::make_shared<server::Abandonment>();
  door.AskNode<Bytes>(
      to, timeout_us,
      [frame = EncodeFrame(request, version, client_id), gone](SimNode& node,
                                                               Callback<Result<Bytes>> reply) {
        node.kafka().Dispatch(
            frame, gone,
            [reply = std::move(reply)](server::kafka::Reply answer) mutable {
              if (answer.close) {
                const bool dropped = *answer.close == "a request was not answered";
                return reply(
                    Error{dropped ? ErrorCode::kTimeout : ErrorCode::kDataCorrupt, *answer.close});
              }
              std::string bytes;
              for (const Bytes& piece : answer.frame) bytes += piece.view();
              reply(Bytes(std::move(bytes)));
            },
            "10.0.0.1");
      },
      [gone, version, done = std::move(done)](const Result<Bytes>& frame) {
        gone->Set();
        if (!frame.ok()) return done(frame.error());
        done(DecodeFrame<Request>(*frame, version));
      },
      /*outlives_caller=*/true);
}

}  // namespace jangada::sim
