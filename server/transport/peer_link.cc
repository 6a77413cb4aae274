#include "server/transport/peer_link.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace jangada::server {
namespace {

constexpr int64_t kHandshakeTimeoutUs = 2'000'000;
constexpr int64_t kFirstBackoffUs = 20'000;
constexpr int64_t kLongestBackoffUs = 500'000;  // a peer that returns is connected within a second
constexpr int64_t kRefusedBackoffUs = 1'000'000;
/// A stream that lived this long is dialed again at once; one that breaks faster waits its backoff.
constexpr int64_t kStableUs = 1'000'000;
/// Drops are told of once in this time: the notice reaches every group.
constexpr int64_t kDropNoticeDelayUs = 250'000;

/// The peer's machine answered that nobody listens on the port. gRPC has no code for it, only the
/// words of the system (strerror(ECONNREFUSED)) at the end of its own.
bool IsConnectionRefused(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         status.error_message().find("Connection refused") != std::string::npos;
}

/// What gRPC's name resolver makes of the address; IPv6 literals need brackets.
std::string Target(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  const std::string host =
      ipv6 && !endpoint.host.starts_with('[') ? "[" + endpoint.host + "]" : endpoint.host;
  return host + ":" + std::to_string(endpoint.port);
}

}  // namespace

PeerLink::PeerLink(PeerContext& context, NodeId peer, const Endpoint& endpoint)
    : context_(context), peer_(peer), endpoint_(endpoint), counters_(context.CountersOf(peer)) {
  for (Lane lane : kLanes) {
    lanes_[static_cast<size_t>(lane)] = std::make_unique<LaneState>(lane);
  }
}

void PeerLink::Start() {
  for (Lane lane : kLanes) Dial(lane);
}

void PeerLink::Stop(Callback<> on_stopped) {
  CHECK(!stopped_);
  stopped_ = true;
  SetUnavailable(Where() + " is no peer of this node any more");
  for (Lane lane : kLanes) {
    LaneState& lane_state = state(lane);
    context_.executor.Cancel(std::exchange(lane_state.redial_timer, 0));
    context_.executor.Cancel(std::exchange(lane_state.handshake_timer, 0));
    context_.messages_dropped += lane_state.outbox.Close();
    if (const auto live = stream(lane)) live->Cancel();
  }
  if (live_streams_ == 0) {
    on_stopped();
  } else {
    on_stopped_ = std::move(on_stopped);
  }
}

void PeerLink::Nudge() {
  if (stopped_) return;
  for (Lane lane : kLanes) {
    if (state(lane).redial_timer == 0 || state(lane).refused) continue;
    context_.executor.Cancel(std::exchange(state(lane).redial_timer, 0));
    Dial(lane);
  }
}

void PeerLink::Send(Lane lane, Outgoing item) {
  const bool too_large = WireBytes(item) > kMaxMessageBytes;
  const Outbox::Pushed pushed =
      too_large ? Outbox::Pushed::kFull : state(lane).outbox.Push(std::move(item));
  if (pushed == Outbox::Pushed::kQueued) return;
  ++context_.messages_dropped;
  // While the control lane is down, every failed dial tells of it.
  if (pushed == Outbox::Pushed::kFull || lane != Lane::kControl) NoteDrop();
}

void PeerLink::NoteDrop() {
  if (drop_notice_pending_.exchange(true)) return;
  context_.executor.Post([self = shared_from_this()] {
    self->context_.executor.After(kDropNoticeDelayUs, [self] {
      self->drop_notice_pending_ = false;
      if (!self->stopped_) self->context_.sink.OnPeerUnreachable(self->peer_, false);
    });
  });
}

void PeerLink::Flush() {
  for (Lane lane : kLanes) {
    if (const auto live = stream(lane)) live->Kick();
  }
}

Result<std::shared_ptr<v1::Peer::Stub>> PeerLink::stub() const {
  const std::lock_guard lock(stub_mutex_);
  if (!unavailable_.empty()) return Error{ErrorCode::kUnavailable, unavailable_};
  if (stub_ == nullptr) return Error{ErrorCode::kUnavailable, Where() + " was not dialed yet"};
  return stub_;
}

void PeerLink::Dial(Lane lane) {
  LaneState& lane_state = state(lane);
  CHECK(stream(lane) == nullptr);
  const uint64_t attempt = ++lane_state.attempt;
  lane_state.refused = false;
  auto channel = grpc::CreateCustomChannel(Target(endpoint_), grpc::InsecureChannelCredentials(),
                                           DialerArguments());
  if (lane == Lane::kControl) {
    const std::lock_guard lock(stub_mutex_);
    stub_ = v1::Peer::NewStub(channel);
  }
  v1::PeerHello hello;
  wire::EncodeIdentity(context_.identity(), hello.mutable_from());
  hello.set_to(peer_.value());
  hello.set_lane(wire::EncodeLane(lane));
  const auto self = shared_from_this();
  PeerStream::Events events{
      .on_reply = [self, lane, attempt](const auto& reply) { self->OnReply(lane, attempt, reply); },
      .on_end = [self, lane, attempt](const auto& status) { self->OnEnd(lane, attempt, status); }};
  ++live_streams_;
  const auto dialed = PeerStream::Dial(std::move(channel), hello, lane_state.outbox, context_,
                                       counters_, std::move(events));
  SetStream(lane, dialed);
  lane_state.handshake_timer =
      context_.executor.After(kHandshakeTimeoutUs, [dialed] { dialed->Cancel(); });
}

void PeerLink::OnReply(Lane lane, uint64_t attempt, const v1::PeerHelloReply& reply) {
  LaneState& lane_state = state(lane);
  if (stopped_ || attempt != lane_state.attempt) return;
  const auto live = stream(lane);
  if (live == nullptr) return;
  context_.executor.Cancel(std::exchange(lane_state.handshake_timer, 0));
  const Status judged = JudgeReply(reply);
  if (judged.ok()) {
    OnConnected(lane);
    live->Admit();
    return;
  }
  lane_state.refused = true;
  NoteRefusal(judged.error());
  // A peer that refused us ends the stream itself; one that we refuse is told why, and should it
  // not end the stream then, this does.
  if (reply.refusal().empty()) live->Refuse(judged.error().message);
  lane_state.handshake_timer =
      context_.executor.After(kHandshakeTimeoutUs, [live] { live->Cancel(); });
}

Status PeerLink::JudgeReply(const v1::PeerHelloReply& reply) {
  if (!reply.refusal().empty()) return Error{ErrorCode::kPermissionDenied, reply.refusal()};
  const std::optional<PeerIdentity> peer = wire::DecodeIdentity(reply.identity());
  if (!peer) {
    return Error{ErrorCode::kUnsupportedVersion,
                 "what answers at " + endpoint_.ToString() + " does not say which node it is"};
  }
  if (peer->protocol_version == context_.identity().protocol_version && peer->node != peer_) {
    return Error{ErrorCode::kPermissionDenied, "at " + endpoint_.ToString() + " answers node " +
                                                   std::to_string(peer->node.value()) +
                                                   ", not node " + std::to_string(peer_.value()) +
                                                   "; check the peers' addresses"};
  }
  return context_.Judge(*peer);
}

void PeerLink::NoteRefusal(const Error& reason) {
  const std::string event = Where() + ": " + reason.message;
  if (const uint64_t times = context_.notices.Note(event, context_.executor.NowUs())) {
    spdlog::warn("no connection to peer={} address={} times={} code={} reason=\"{}\"",
                 peer_.value(), endpoint_.ToString(), times, ErrorCodeName(reason.code),
                 reason.message);
  }
  if (reason.message == last_refusal_) return;  // the sink knows; it is tried every second
  last_refusal_ = reason.message;
  context_.sink.OnPeerRefused(peer_, reason);
}

void PeerLink::OnConnected(Lane lane) {
  LaneState& lane_state = state(lane);
  lane_state.connected = true;
  ++counters_.lanes;
  ++counters_.connections;
  lane_state.connected_at_us = context_.executor.NowUs();
  lane_state.outbox.Open();
  if (lane != Lane::kControl) return;
  reached_ = true;
  last_refusal_.clear();
  SetUnavailable("");
  spdlog::info("peer connected peer={} address={}", peer_.value(), endpoint_.ToString());
  // The other lanes need not wait for their turn, and what is sent on them from here on waits for
  // them.
  for (Lane other : kLanes) state(other).outbox.Open();
  Nudge();
  context_.sink.OnPeerConnected(peer_);
}

void PeerLink::OnEnd(Lane lane, uint64_t attempt, const grpc::Status& status) {
  LaneState& lane_state = state(lane);
  CHECK_EQ(attempt, lane_state.attempt);  // a lane is dialed again only after this
  SetStream(lane, nullptr);
  context_.executor.Cancel(std::exchange(lane_state.handshake_timer, 0));
  --live_streams_;
  if (lane_state.connected) --counters_.lanes;
  if (stopped_) {
    if (live_streams_ == 0) on_stopped_();
    return;
  }
  if (std::exchange(lane_state.connected, false)) {
    OnLost(lane, status);
  } else {
    OnDialFailed(lane, status);
  }
}

void PeerLink::OnLost(Lane lane, const grpc::Status& status) {
  LaneState& lane_state = state(lane);
  spdlog::info("peer stream lost peer={} lane={} reason=\"{}\"", peer_.value(), LaneName(lane),
               status.error_message());
  // What waits belongs to a conversation that has a gap now; what comes from here on waits for the
  // next.
  context_.messages_dropped += lane_state.outbox.Close();
  lane_state.outbox.Open();
  if (context_.executor.NowUs() - lane_state.connected_at_us >= kStableUs) {
    lane_state.backoff_us = 0;
    Dial(lane);  // at once: a refusal tells that the process is gone
  } else {
    DialLater(lane, TakeBackoff(lane_state));
  }
  context_.sink.OnPeerUnreachable(peer_, false);
}

void PeerLink::OnDialFailed(Lane lane, const grpc::Status& status) {
  LaneState& lane_state = state(lane);
  context_.messages_dropped += lane_state.outbox.Close();
  DialLater(lane, lane_state.refused ? kRefusedBackoffUs : TakeBackoff(lane_state));
  if (lane != Lane::kControl) return;
  const bool gone = IsConnectionRefused(status);
  if (!lane_state.refused) {
    SetUnavailable(Where() + " cannot be reached: " + status.error_message());
    if (std::exchange(reached_, false)) {
      spdlog::warn("peer unreachable peer={} address={} refused={} reason=\"{}\"", peer_.value(),
                   endpoint_.ToString(), gone, status.error_message());
    }
  }
  context_.sink.OnPeerUnreachable(peer_, gone);
}

void PeerLink::DialLater(Lane lane, int64_t delay_us) {
  state(lane).redial_timer = context_.executor.After(delay_us, [self = shared_from_this(), lane] {
    self->state(lane).redial_timer = 0;
    self->Dial(lane);
  });
}

int64_t PeerLink::TakeBackoff(LaneState& state) {
  state.backoff_us = std::clamp(state.backoff_us * 2, kFirstBackoffUs, kLongestBackoffUs);
  return state.backoff_us;
}

void PeerLink::SetUnavailable(std::string why) {
  const std::lock_guard lock(stub_mutex_);
  unavailable_ = std::move(why);
}

void PeerLink::SetStream(Lane lane, std::shared_ptr<PeerStream> stream) {
  LaneState& lane_state = state(lane);
  const std::lock_guard lock(lane_state.mutex);
  lane_state.stream.swap(stream);  // the old one dies after the mutex is free
}

std::shared_ptr<PeerStream> PeerLink::stream(Lane lane) const {
  LaneState& lane_state = state(lane);
  const std::lock_guard lock(lane_state.mutex);
  return lane_state.stream;
}

PeerTraffic PeerLink::traffic() const {
  PeerTraffic traffic{.lanes = counters_.lanes,
                      .sent_bytes = counters_.sent_bytes,
                      .received_bytes = counters_.received_bytes,
                      .connections = counters_.connections};
  for (const Lane lane : kLanes) traffic.queued_bytes += state(lane).outbox.bytes();
  return traffic;
}

std::string PeerLink::Where() const {
  return "node " + std::to_string(peer_.value()) + " at " + endpoint_.ToString();
}

}  // namespace jangada::server
