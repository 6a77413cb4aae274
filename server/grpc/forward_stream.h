// ForwardStream: one partition's produce requests on their way to its leader on another node, one
// behind the other without waiting: a ProduceStream to that node, marked so that it goes no
// further. Unlike single calls, which may overtake each other on the way, it keeps their order.
//
// Each request ends in one `done`: with the leader's answer; kUnavailable: it was surely not sent;
// kTimeout: it may have been done, but the stream broke, or the leader fell silent. In the order of
// the requests. Any thread; `done` runs on gRPC's threads, or within Send.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/callback.h"
#include "base/result.h"
#include "jangada/v1/log.pb.h"
#include "server/broker.h"
#include "server/grpc/cancellation.h"
#include "server/grpc/peers.h"
#include "server/grpc/timer.h"

namespace jangada::server::grpc_door {

class ForwardStream final
    : public grpc::ClientBidiReactor<v1::ProduceStreamRequest, v1::ProduceStreamResponse>,
      public std::enable_shared_from_this<ForwardStream> {
 public:
  using Done = Callback<Result<ProduceResult>>;

  /// A leader that answers nothing for so long after a request's time is over is given up, and the
  /// stream with it.
  static constexpr int64_t kGraceUs = 500'000;

  /// `cancellation`: the client has gone. The stream keeps itself alive until its end.
  static std::shared_ptr<ForwardStream> Open(std::shared_ptr<Peer> peer,
                                             std::shared_ptr<Cancellation> cancellation);

  /// The leader may try until `deadline`.
  void Send(v1::ProduceRequest request, TimePoint deadline, Done done);
  /// Nothing more is sent: the stream ends once everything has its answer. Idempotent.
  void Close();
  /// No request that is sent from here on arrives.
  bool ended() const;

 private:
  struct Item {
    int64_t number = 0;
    v1::ProduceRequest request;  // empty once it is being written
    TimePoint deadline;
    Done done;
  };

  ForwardStream(std::shared_ptr<Peer> peer, std::shared_ptr<Cancellation> cancellation);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool ok) override { OnWriteDone(ok); }
  void OnDone(const grpc::Status& status) override;

  bool Queue(v1::ProduceRequest request, TimePoint deadline, Done* done);
  void WriteOn();
  void Watch();
  void LookAtTheClock();

  // Constant after Open, or gRPC's reactions only.
  const std::shared_ptr<Peer> peer_;  // its stubs must outlive the call
  const std::shared_ptr<Cancellation> cancellation_;
  uint64_t cancel_id_ = 0;
  grpc::ClientContext context_;
  v1::ProduceStreamResponse answer_;
  std::shared_ptr<ForwardStream> self_;  // until OnDone

  // Whoever set writing_.
  v1::ProduceStreamRequest outgoing_;

  // Under mutex_.
  // 1. items_ holds what has no answer, in the order of Send; the first `written_` of them were
  // given to gRPC. 2. A hold keeps gRPC from ending the stream under a thread that is about to
  // write; it is given back once, when reads have ended and no write is under way.
  mutable std::mutex mutex_;
  std::deque<Item> items_;
  size_t written_ = 0;
  int64_t next_number_ = 0;
  bool writing_ = false;      // a request, or the half-close
  bool closing_ = false;      // no further request comes
  bool half_closed_ = false;  // and the leader was told so
  bool ended_ = false;        // no reads come any more
  bool watching_ = false;     // a timer will look at the clock
};

}  // namespace jangada::server::grpc_door
