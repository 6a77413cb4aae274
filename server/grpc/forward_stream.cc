#include "server/grpc/forward_stream.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "server/grpc/call_scope.h"
#include "server/grpc/convert.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {
namespace {

/// How often the front request's time is looked at while the leader is silent.
constexpr int64_t kWatchUs = 200'000;
/// What a message of the stream adds to its request.
constexpr size_t kFramingBytes = 64;

Error NotSent() {
  return {ErrorCode::kUnavailable,
          "The connection to the partition's leader ended before this was sent: nothing was done; "
          "try again shortly."};
}

/// Of what was written: the stream's end says nothing of it, whatever it says of itself.
Error MayBeDone() {
  return {ErrorCode::kTimeout,
          "The partition's leader did not answer, or the connection to it broke: whether it was "
          "done is not known."};
}

Result<ProduceResult> ResultFrom(const v1::ProduceStreamResponse& answer) {
  if (answer.has_error()) return ErrorOf(answer.error());
  return FromProto(answer.ack());
}

/// A call that never met a transport has no peer but its channel's target.
bool ReachedWire(const grpc::ClientContext& context) {
  const std::string peer = context.peer();
  return peer.starts_with("ipv4:") || peer.starts_with("ipv6:") || peer.starts_with("unix:");
}

}  // namespace

std::shared_ptr<ForwardStream> ForwardStream::Open(std::shared_ptr<Peer> peer,
                                                   std::shared_ptr<Cancellation> cancellation) {
  std::shared_ptr<ForwardStream> stream(
      new ForwardStream(std::move(peer), std::move(cancellation)));
  stream->self_ = stream;
  stream->context_.AddMetadata(kForwardedKey, "1");
  stream->cancel_id_ = stream->cancellation_->OnCancel([weak = stream->weak_from_this()] {
    if (const auto live = weak.lock()) live->context_.TryCancel();
  });
  stream->peer_->log.async()->ProduceStream(&stream->context_, stream.get());
  stream->AddHold();
  stream->StartRead(&stream->answer_);
  stream->StartCall();
  return stream;
}

ForwardStream::ForwardStream(std::shared_ptr<Peer> peer, std::shared_ptr<Cancellation> cancellation)
    : peer_(std::move(peer)), cancellation_(std::move(cancellation)) {}

// ---- out ----

void ForwardStream::Send(v1::ProduceRequest request, TimePoint deadline, Done done) {
  if (request.ByteSizeLong() + kFramingBytes > peer_->max_message_bytes) {
    return done(Error{ErrorCode::kRecordTooLarge,
                      "The batch is too large to pass on to the partition's leader; send less in "
                      "one request."});
  }
  if (!Queue(std::move(request), deadline, &done)) return done(NotSent());
  WriteOn();
  Watch();
}

/// False: it is too late, and `done` was not taken.
bool ForwardStream::Queue(v1::ProduceRequest request, TimePoint deadline, Done* done) {
  const std::lock_guard lock(mutex_);
  if (ended_ || closing_) return false;
  items_.push_back({next_number_++, std::move(request), deadline, std::move(*done)});
  return true;
}

void ForwardStream::WriteOn() {
  bool half_close = false;
  grpc::WriteOptions options;
  {
    const std::lock_guard lock(mutex_);
    if (writing_ || ended_ || half_closed_) return;
    if (written_ < items_.size()) {
      Item& item = items_[written_++];
      outgoing_.Clear();
      outgoing_.set_number(item.number);
      *outgoing_.mutable_produce() = std::move(item.request);
      const int64_t left_ms = std::max<int64_t>(MicrosUntil(item.deadline) / 1000, 1);
      outgoing_.mutable_produce()->set_timeout_ms(static_cast<int32_t>(left_ms));
      if (written_ < items_.size()) options.set_buffer_hint();  // the next one follows at once
    } else if (closing_) {
      half_close = half_closed_ = true;
    } else {
      return;
    }
    writing_ = true;
  }
  if (half_close) return StartWritesDone();
  StartWrite(&outgoing_, options);
}

void ForwardStream::Close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  WriteOn();
}

bool ForwardStream::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_ || closing_;
}

void ForwardStream::OnWriteDone(bool ok) {
  bool release = false;
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    release = ended_;  // OnReadDone saw the write under way, and left it to us
  }
  if (release) return RemoveHold();
  if (ok) WriteOn();
}

// ---- in ----

void ForwardStream::OnReadDone(bool ok) {
  if (ok) {
    Done done;
    {
      const std::lock_guard lock(mutex_);
      // In the order of the requests, for they are of one partition.
      if (written_ > 0 && items_.front().number == answer_.number()) {
        done = std::move(items_.front().done);
        items_.pop_front();
        --written_;
      }
    }
    if (done) {
      done(ResultFrom(answer_));
    } else {
      context_.TryCancel();  // it answers what was not asked: nothing that it says can be believed
    }
    answer_.Clear();
    StartRead(&answer_);
    return;
  }
  bool release = false;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    release = !writing_;
  }
  if (release) RemoveHold();
}

void ForwardStream::OnDone(const grpc::Status&) {
  cancellation_->Forget(cancel_id_);
  const bool reached = ReachedWire(context_);
  std::deque<Item> left;
  size_t written = 0;
  {
    const std::lock_guard lock(mutex_);
    CHECK(ended_);
    left.swap(items_);
    written = std::exchange(written_, 0);
  }
  for (size_t i = 0; i < left.size(); ++i) {
    left[i].done(i < written && reached ? MayBeDone() : NotSent());
  }
  self_.reset();
}

// ---- the clock ----

void ForwardStream::Watch() {
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || items_.empty() || std::exchange(watching_, true)) return;
  }
  RunAfter(kWatchUs, [self = shared_from_this()] { self->LookAtTheClock(); });
}

/// The leader answers what its time is over for, in order; one that does not hangs, or its node.
void ForwardStream::LookAtTheClock() {
  bool silent = false;
  {
    const std::lock_guard lock(mutex_);
    watching_ = false;
    silent = !items_.empty() && MicrosUntil(items_.front().deadline) + kGraceUs < 0;
  }
  if (silent) context_.TryCancel();
  Watch();
}

}  // namespace jangada::server::grpc_door
