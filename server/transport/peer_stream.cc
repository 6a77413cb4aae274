#include "server/transport/peer_stream.h"

#include <utility>
#include <vector>

namespace jangada::server {
namespace {

/// A frame of up to this much is written by whoever kicks: it costs less than waking a thread.
constexpr size_t kSmallFrameBytes = 32 << 10;

}  // namespace

std::shared_ptr<PeerStream> PeerStream::Dial(std::shared_ptr<grpc::Channel> channel,
                                             const v1::PeerHello& hello, Outbox& outbox,
                                             PeerContext& context,
                                             PeerContext::PeerCounters& counters, Events events) {
  std::shared_ptr<PeerStream> stream(
      new PeerStream(std::move(channel), outbox, context, counters, std::move(events)));
  stream->self_ = stream;
  *stream->frame_.mutable_hello() = hello;
  stream->stub_->async()->Connect(&stream->client_context_, stream.get());
  stream->AddHold();
  stream->StartWrite(&stream->frame_);
  stream->StartRead(&stream->reply_);
  stream->StartCall();
  return stream;
}

PeerStream::PeerStream(std::shared_ptr<grpc::Channel> channel, Outbox& outbox, PeerContext& context,
                       PeerContext::PeerCounters& counters, Events events)
    : stub_(v1::Peer::NewStub(channel)),
      outbox_(outbox),
      context_(context),
      counters_(counters),
      events_(std::move(events)) {}

void PeerStream::Admit() {
  {
    const std::lock_guard lock(mutex_);
    admitted_ = true;
  }
  Kick();
}

void PeerStream::Refuse(const std::string& sentence) {
  {
    const std::lock_guard lock(mutex_);
    refusal_ = sentence;
    if (writing_ || ended_) return;  // OnWriteDone goes on with it
    writing_ = true;
  }
  WriteRefusal();
}

void PeerStream::Kick() {
  if (outbox_.bytes() <= kSmallFrameBytes) return WriteWaiting();
  {
    const std::lock_guard lock(mutex_);
    if (!admitted_ || writing_ || ended_ || posted_) return;
    posted_ = true;
  }
  context_.executor.Post([self = shared_from_this()] { self->WriteWaiting(); });
}

void PeerStream::WriteWaiting() {
  std::vector<Outgoing> batch;
  {
    const std::lock_guard lock(mutex_);
    posted_ = false;
    if (!admitted_ || writing_ || ended_) return;
    batch = outbox_.Take(kFrameBytes);
    if (batch.empty()) return;
    writing_ = true;
  }
  WriteBatch(batch);
}

void PeerStream::WriteBatch(const std::vector<Outgoing>& batch) {
  frame_.Clear();
  wire::EncodeFrame(batch, &frame_);
  ++context_.frames_sent;
  context_.messages_sent += batch.size();
  counters_.sent_bytes += frame_.ByteSizeLong();
  StartWrite(&frame_);
}

void PeerStream::WriteRefusal() {
  frame_.Clear();
  frame_.set_refusal(refusal_);
  StartWriteLast(&frame_, grpc::WriteOptions());
}

void PeerStream::OnReadDone(bool ok) {
  if (ok) {
    if (!std::exchange(replied_, true)) {
      context_.executor.Post(
          [self = self_, reply = std::move(reply_)] { self->events_.on_reply(reply); });
      reply_.Clear();
    }
    StartRead(&reply_);  // nothing more is said on this side; its failure is the stream's end
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

void PeerStream::OnWriteDone(bool ok) {
  std::vector<Outgoing> batch;
  bool refuse = false;
  bool release = false;
  {
    const std::lock_guard lock(mutex_);
    if (ok && !ended_) {
      refuse = !refusal_.empty() && frame_.refusal().empty();
      if (!refuse && admitted_) batch = outbox_.Take(kFrameBytes);
    }
    writing_ = refuse || !batch.empty();
    release = !writing_ && ended_;
  }
  if (refuse) WriteRefusal();
  if (!batch.empty()) WriteBatch(batch);
  if (release) RemoveHold();
}

void PeerStream::OnDone(const grpc::Status& status) {
  context_.executor.Post([self = std::move(self_), status] { self->events_.on_end(status); });
}

}  // namespace jangada::server
