// A produce stream over gRPC's callback API. gRPC's threads meet the client's loop here: writes
// come from the loop, answers are posted to it. CallsUnderWay owns the reactor until gRPC's OnDone.
#include <algorithm>
#include <deque>
#include <utility>

#include "client/grpc_calls.h"
#include "jangada/v1/log.grpc.pb.h"

namespace jangada::client {
namespace {

constexpr int64_t kMostProduceMs = 120'000;  // that nodes take (log.proto)

class StreamReactor final
    : public std::enable_shared_from_this<StreamReactor>,
      public grpc::ClientBidiReactor<v1::ProduceStreamRequest, v1::ProduceStreamResponse> {
 public:
  StreamReactor(std::string node, CallsUnderWay& calls, Executor& events,
                ProduceStreamEvents callbacks)
      : node_(std::move(node)), calls_(calls), events_(events), callbacks_(std::move(callbacks)) {}

  void Start(const std::shared_ptr<grpc::Channel>& channel) {
    stub_ = v1::Log::NewStub(channel);
    ForbidForwarding(&context_);
    calls_.Add(&context_, shared_from_this());
    stub_->async()->ProduceStream(&context_, this);
    AddHold();  // writes start outside of reactions; released when the stream ends
    StartRead(&response_);
    StartCall();
  }

  void Send(v1::ProduceStreamRequest request) {
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;  // on_broken is on its way
      waiting_.push_back(std::move(request));
      if (writing_) return;
      TakeNext();
      AddHold();  // over the start of this write: the stream may end on another thread meanwhile
    }
    StartWrite(&current_);
    RemoveHold();
  }

  /// On the loop: no callback from now on.
  void Abandon() {
    abandoned_ = true;
    context_.TryCancel();
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (!ok || ended_ || waiting_.empty()) return;  // !ok: the read fails too and ends the stream
      TakeNext();
    }
    StartWrite(&current_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      {
        const std::lock_guard lock(mutex_);
        ended_ = true;
      }
      RemoveHold();
      return;
    }
    events_.Post([self = shared_from_this(), response = std::move(response_)]() mutable {
      self->Answer(std::move(response));
    });
    response_ = {};
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    Failure failure;
    if (status.ok()) {
      failure = {.error = {ErrorCode::kUnavailable, "node " + node_ + " closed the stream"},
                 .fate_unknown = true,
                 .retriable = true,
                 .disconnected = true};
    } else {
      failure = FailureOf(status, node_);
    }
    events_.Post([self = shared_from_this(), failure = std::move(failure)]() mutable {
      if (!self->abandoned_) self->callbacks_.on_broken(std::move(failure));
    });
    calls_.Remove(&context_);  // after this the Wire may go, and this with it
  }

 private:
  /// REQUIRES: mutex_ is held, waiting_ is not empty and no write is under way.
  void TakeNext() {
    writing_ = true;
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
  }

  void Answer(v1::ProduceStreamResponse response) {
    if (abandoned_) return;
    if (response.has_ack()) {
      callbacks_.on_answer(response.number(),
                           ProduceAck{.base_offset = response.ack().base_offset(),
                                      .duplicate = response.ack().duplicate()});
    } else {
      callbacks_.on_answer(response.number(), FailureOf(response.error()));
    }
  }

  // Constant after Start.
  const std::string node_;
  CallsUnderWay& calls_;
  Executor& events_;
  std::unique_ptr<v1::Log::Stub> stub_;

  // The loop's.
  ProduceStreamEvents callbacks_;
  bool abandoned_ = false;

  // gRPC's reactions'; they come one after the other for reads, and for writes.
  grpc::ClientContext context_;
  v1::ProduceStreamResponse response_;

  // Shared, under mutex_. `current_` belongs to gRPC while writing_.
  std::mutex mutex_;
  std::deque<v1::ProduceStreamRequest> waiting_;
  v1::ProduceStreamRequest current_;
  bool writing_ = false;
  bool ended_ = false;
};

class GrpcProduceStream final : public ProduceStream {
 public:
  explicit GrpcProduceStream(std::shared_ptr<StreamReactor> reactor)
      : reactor_(std::move(reactor)) {}
  ~GrpcProduceStream() override { reactor_->Abandon(); }

  void Send(int64_t number, const TopicPartition& where, const Bytes& batch,
            int64_t timeout_ms) override {
    v1::ProduceStreamRequest request;
    request.set_number(number);
    v1::ProduceRequest* produce = request.mutable_produce();
    produce->set_topic(where.topic);
    produce->set_partition(where.partition);
    produce->set_batch(batch.data(), batch.size());
    produce->set_timeout_ms(static_cast<int32_t>(std::min(timeout_ms, kMostProduceMs)));
    reactor_->Send(std::move(request));
  }

 private:
  std::shared_ptr<StreamReactor> reactor_;
};

}  // namespace

std::unique_ptr<ProduceStream> OpenGrpcProduceStream(const std::shared_ptr<grpc::Channel>& channel,
                                                     const std::string& node, CallsUnderWay& calls,
                                                     Executor& events,
                                                     ProduceStreamEvents callbacks) {
  auto reactor = std::make_shared<StreamReactor>(node, calls, events, std::move(callbacks));
  reactor->Start(channel);
  return std::make_unique<GrpcProduceStream>(std::move(reactor));
}

}  // namespace jangada::client
