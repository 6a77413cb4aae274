#include "server/grpc/produce_stream.h"

#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "server/grpc/arguments.h"
#include "server/grpc/convert.h"
#include "server/grpc/produce_lane.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {
namespace {

/// A stream without a deadline lasts as long as its client likes.
constexpr int64_t kUnboundedUs = int64_t{10} * 365 * 24 * 3600 * 1'000'000;

class ProduceStreamCall final
    : public grpc::ServerBidiReactor<v1::ProduceStreamRequest, v1::ProduceStreamResponse>,
      public std::enable_shared_from_this<ProduceStreamCall> {
 public:
  ProduceStreamCall(Door& door, const grpc::CallbackServerContext& context)
      : door_(door), scope_(ScopeOf(context, kUnboundedUs, std::make_shared<Cancellation>())) {
    door_.meter.Began(Method::kProduceStream);
  }

  void Begin(std::shared_ptr<ProduceStreamCall> self) {
    self_ = std::move(self);
    stopping_id_ = door_.stopping.OnCancel([weak = weak_from_this()] {
      if (auto call = weak.lock()) call->Stop();
    });
    StartRead(&read_);
  }

 private:
  /// A request between its reading and the writing of its ack.
  struct Ticket {
    int64_t number = 0;
    size_t bytes = 0;
    bool budgeted = false;  // its bytes are taken from the node's budget
    TimePoint read_at = Now();
    TopicPartition where;
  };
  struct Lane {
    std::shared_ptr<ProduceLane> lane;
    size_t unanswered = 0;
  };
  struct Ack {
    v1::ProduceStreamResponse message;
    size_t bytes = 0;
  };

  // gRPC's callbacks.
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override {
    door_.stopping.Forget(stopping_id_);
    self_.reset();
  }

  void Take(Ticket ticket, TimePoint began, uint64_t turn);
  void Append(Ticket ticket, int64_t timeout_us);
  void Answer(Ticket ticket, Result<ProduceResult> result);
  void Stop();

  void Taken();
  void ReadOn();
  void WriteOn();
  void DropAcks();
  void FinishIfOver();

  Door& door_;
  const CallScope scope_;
  std::shared_ptr<ProduceStreamCall> self_;
  uint64_t stopping_id_ = 0;
  v1::ProduceStreamRequest read_;  // belongs to the read, then to Take, never to both

  // Under mutex_.
  std::mutex mutex_;
  std::map<TopicPartition, Lane> lanes_;
  std::deque<Ack> acks_;  // the front is being written if writing_
  size_t requests_ = 0;   // read, ack not written
  size_t bytes_ = 0;      // of those
  bool reading_ = true;   // a read is under way, or its request is being taken
  bool writing_ = false;
  bool half_closed_ = false;  // no further request comes
  bool stopped_ = false;      // the node stops: no further request is read
  bool gone_ = false;         // nobody hears us any more
  bool finished_ = false;
};

void ProduceStreamCall::OnReadDone(bool ok) {
  if (!ok) {
    {
      const std::lock_guard lock(mutex_);
      reading_ = false;
      half_closed_ = true;
    }
    return FinishIfOver();
  }
  Ticket ticket;
  ticket.number = read_.number();
  ticket.bytes = read_.ByteSizeLong();
  {
    const std::lock_guard lock(mutex_);
    if (finished_)
      return;  // it came too late: the status that left says that it may not have been done
    ++requests_;
    bytes_ += ticket.bytes;
  }
  ticket.where = {read_.produce().topic(), read_.produce().partition()};
  const Status checked = CheckProduce(read_.produce());
  ticket.budgeted = checked.ok() && door_.produce_bytes.Take(ticket.bytes);
  if (ticket.budgeted) return Take(std::move(ticket), Now(), door_.turn++);
  Answer(std::move(ticket), checked.ok() ? Throttled() : checked.error());
  Taken();
}

/// Finds the request's partition. A topic that is not known yet holds up the reading for a moment,
/// since without its partition the request's place in the order is not known either.
void ProduceStreamCall::Take(Ticket ticket, TimePoint began, uint64_t turn) {
  const Result<int32_t> partition = PartitionFor(read_.produce(), *door_.broker.image(), turn);
  if (partition.ok()) {
    ticket.where.partition = *partition;
    Append(std::move(ticket),
           *WaitOf("timeout_ms", read_.produce().timeout_ms(), kDefaultCallUs, kMaxCallUs));
    return Taken();
  }
  if (!MayTryAgain(partition.error().code, scope_, began, false)) {
    Answer(std::move(ticket), partition.error());
    return Taken();
  }
  RunAfter(kMaxBackoffUs / 4, [self = shared_from_this(), ticket = std::move(ticket), began,
                               turn]() mutable { self->Take(std::move(ticket), began, turn); });
}

void ProduceStreamCall::Append(Ticket ticket, int64_t timeout_us) {
  Result<Bytes> batch = read_.produce().batch().empty()
                            ? BatchFrom(read_.produce(), WallNowMs())
                            : Bytes(std::move(*read_.mutable_produce()->mutable_batch()));
  if (!batch.ok()) return Answer(std::move(ticket), batch.error());
  std::shared_ptr<ProduceLane> lane;
  {
    const std::lock_guard lock(mutex_);
    Lane& entry = lanes_[ticket.where];
    if (entry.lane == nullptr)
      entry.lane = std::make_shared<ProduceLane>(door_.router, ticket.where, scope_);
    ++entry.unanswered;
    lane = entry.lane;
  }
  lane->Add(std::move(*batch), AfterNow(timeout_us),
            [self = shared_from_this(), ticket](Result<ProduceResult> result) mutable {
              {
                const std::lock_guard lock(self->mutex_);
                auto entry = self->lanes_.find(ticket.where);
                if (--entry->second.unanswered == 0) self->lanes_.erase(entry);
              }
              self->Answer(std::move(ticket), std::move(result));
            });
}

void ProduceStreamCall::Answer(Ticket ticket, Result<ProduceResult> result) {
  Ack ack;
  ack.bytes = ticket.bytes;
  ack.message.set_number(ticket.number);
  if (result.ok()) {
    ToProto(*result, ticket.where.partition, ack.message.mutable_ack());
  } else {
    *ack.message.mutable_error() = DetailOf(result.error(), &ticket.where, door_.broker);
  }
  if (ticket.budgeted) door_.produce_bytes.Return(ticket.bytes);
  door_.meter.Answered(Method::kProduceStream, -MicrosUntil(ticket.read_at));
  {
    const std::lock_guard lock(mutex_);
    acks_.push_back(std::move(ack));
    if (gone_ && !writing_) DropAcks();
  }
  WriteOn();
  FinishIfOver();
}

void ProduceStreamCall::Taken() {
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
  }
  ReadOn();
}

/// Reads the next request, if there is room for it and somebody to answer to.
void ProduceStreamCall::ReadOn() {
  // Begun under the lock: never after the call was finished.
  const std::lock_guard lock(mutex_);
  const bool room =
      bytes_ < door_.options.max_stream_bytes_in_flight && requests_ < kMaxStreamRequestsInFlight;
  if (reading_ || half_closed_ || stopped_ || gone_ || finished_ || !room) return;
  reading_ = true;
  StartRead(&read_);
}

void ProduceStreamCall::WriteOn() {
  grpc::WriteOptions options;
  const v1::ProduceStreamResponse* message = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (writing_ || finished_ || gone_ || acks_.empty()) return;
    writing_ = true;
    message = &acks_.front().message;
    if (acks_.size() > 1) options.set_buffer_hint();  // the next one follows at once
  }
  StartWrite(message, options);
}

void ProduceStreamCall::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    bytes_ -= acks_.front().bytes;
    --requests_;
    acks_.pop_front();
    if (!ok) gone_ = true;
    if (gone_) DropAcks();
  }
  WriteOn();
  ReadOn();
  FinishIfOver();
}

void ProduceStreamCall::OnCancel() {
  scope_.cancellation->Cancel();
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    if (!writing_) DropAcks();
  }
  FinishIfOver();
}

void ProduceStreamCall::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  FinishIfOver();
}

/// REQUIRES: mutex_ held, gone_, nothing being written.
void ProduceStreamCall::DropAcks() {
  requests_ -= acks_.size();
  acks_.clear();
}

/// Ends the call once every request that was read has its answer written, or has nobody to hear it.
void ProduceStreamCall::FinishIfOver() {
  grpc::Status status = grpc::Status::OK;
  {
    const std::lock_guard lock(mutex_);
    if (finished_ || writing_ || requests_ > 0 || !(half_closed_ || stopped_ || gone_)) return;
    finished_ = true;
    if (gone_) {
      status = grpc::Status::CANCELLED;
    } else if (!half_closed_) {
      status = StatusOf(Stopping(), nullptr, door_.broker);
    }
  }
  door_.meter.Ended(Method::kProduceStream, status.error_code());
  Finish(status);
}

}  // namespace

grpc::ServerBidiReactor<v1::ProduceStreamRequest, v1::ProduceStreamResponse>* StartProduceStream(
    Door& door, const grpc::CallbackServerContext& context) {
  auto call = std::make_shared<ProduceStreamCall>(door, context);
  call->Begin(call);
  return call.get();
}

}  // namespace jangada::server::grpc_door
