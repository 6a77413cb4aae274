// PeerLink: everything between this node and one peer at one address. Keeps three streams dialed
// (one a lane), and tells the sink when the peer is reached, lost, gone or refuses us.
//
// Send, Flush and stub: any thread. Start, Stop and everything private: the transport's executor.
#pragma once

#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/executor.h"
#include "server/controller/cluster_image.h"
#include "server/transport/outbox.h"
#include "server/transport/peer_context.h"
#include "server/transport/peer_stream.h"
#include "server/transport/transport_stats.h"

namespace jangada::server {

class PeerLink : public std::enable_shared_from_this<PeerLink> {
 public:
  PeerLink(PeerContext& context, NodeId peer, const Endpoint& endpoint);

  void Start();
  /// No notices after this; `on_stopped` when the last stream has ended. Once.
  void Stop(Callback<> on_stopped);
  /// There is reason to believe that the peer is back: lanes that wait to be dialed are dialed now.
  void Nudge();

  void Send(Lane lane, Outgoing item);
  /// Writes what waits, on every lane that is free to.
  void Flush();

  /// For a question to the peer. An error where the last dial failed, or the peer refused us.
  Result<std::shared_ptr<v1::Peer::Stub>> stub() const;

  const Endpoint& endpoint() const { return endpoint_; }
  /// Any thread.
  PeerTraffic traffic() const;

 private:
  struct LaneState {
    explicit LaneState(Lane lane) : outbox(LaneBytes(lane)) {}

    Outbox outbox;
    mutable std::mutex mutex;
    std::shared_ptr<PeerStream> stream;  // guarded by mutex; null between two dials

    // Executor only.
    uint64_t attempt = 0;  // tells the events of this dial from those of an earlier one
    bool connected = false;
    bool refused = false;  // by either side
    int64_t connected_at_us = 0;
    int64_t backoff_us = 0;              // before the next dial
    Executor::TimerId redial_timer = 0;  // 0 unless waiting to dial
    Executor::TimerId handshake_timer = 0;
  };

  void Dial(Lane lane);
  void OnReply(Lane lane, uint64_t attempt, const v1::PeerHelloReply& reply);
  void OnEnd(Lane lane, uint64_t attempt, const grpc::Status& status);
  void OnConnected(Lane lane);
  void OnLost(Lane lane, const grpc::Status& status);
  void OnDialFailed(Lane lane, const grpc::Status& status);
  void DialLater(Lane lane, int64_t delay_us);
  Status JudgeReply(const v1::PeerHelloReply& reply);
  void NoteRefusal(const Error& reason);
  void NoteDrop();
  void SetUnavailable(std::string why);
  void SetStream(Lane lane, std::shared_ptr<PeerStream> stream);
  std::shared_ptr<PeerStream> stream(Lane lane) const;
  int64_t TakeBackoff(LaneState& state);

  LaneState& state(Lane lane) const { return *lanes_[static_cast<size_t>(lane)]; }
  std::string Where() const;  // "node 3 at 10.0.0.3:6092"

  // Constant after construction.
  PeerContext& context_;
  const NodeId peer_;
  const Endpoint endpoint_;
  PeerContext::PeerCounters& counters_;
  std::array<std::unique_ptr<LaneState>, kLaneCount> lanes_;

  std::atomic<bool> drop_notice_pending_ = false;

  mutable std::mutex stub_mutex_;
  std::shared_ptr<v1::Peer::Stub> stub_;  // on the control lane's connection
  std::string unavailable_;               // not empty: why no question can be asked just now

  // Executor only.
  int live_streams_ = 0;
  bool stopped_ = false;
  bool reached_ = true;  // as far as the log has said
  std::string last_refusal_;
  Callback<> on_stopped_;
};

}  // namespace jangada::server
