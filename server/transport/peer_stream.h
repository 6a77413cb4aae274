// PeerStream: one stream that we dialed, from the hello to its end. Takes what waits in its lane's
// outbox and writes it, one frame at a time: what queues while a frame is on its way leaves as the
// next frame. gRPC encodes and sends on the thread that gives it a frame, which for a megabyte
// takes longer than a shard may be away: whoever kicks writes a small frame itself, and leaves a
// large one to the transport's executor.
//
// Kick, Admit, Refuse and Cancel may come from any thread; the events come on gRPC's threads,
// `on_reply` at most once, `on_end` exactly once and last.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <string>

#include "base/callback.h"
#include "jangada/v1/peer.grpc.pb.h"
#include "server/transport/outbox.h"
#include "server/transport/peer_context.h"

namespace jangada::server {

class PeerStream final : public grpc::ClientBidiReactor<v1::PeerFrame, v1::PeerHelloReply>,
                         public std::enable_shared_from_this<PeerStream> {
 public:
  struct Events {
    Callback<const v1::PeerHelloReply&> on_reply;
    Callback<const grpc::Status&> on_end;
  };

  /// Dials and says hello. `outbox` and `context` outlive the stream's end; the stream keeps itself
  /// alive until then.
  static std::shared_ptr<PeerStream> Dial(std::shared_ptr<grpc::Channel> channel,
                                          const v1::PeerHello& hello, Outbox& outbox,
                                          PeerContext& context, PeerContext::PeerCounters& counters,
                                          Events events);

  /// The reply was good: from here on the outbox flows.
  void Admit();
  /// The reply was not: the peer is told why, and the stream ends.
  void Refuse(const std::string& sentence);
  /// Writes what waits, now or on the executor, if no frame is on its way and the peer was
  /// admitted.
  void Kick();
  void Cancel() { client_context_.TryCancel(); }

 private:
  PeerStream(std::shared_ptr<grpc::Channel> channel, Outbox& outbox, PeerContext& context,
             PeerContext::PeerCounters& counters, Events events);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  void WriteWaiting();
  /// REQUIRES: writing_ was set by the caller.
  void WriteBatch(const std::vector<Outgoing>& batch);
  void WriteRefusal();

  // Constant after construction.
  const std::unique_ptr<v1::Peer::Stub> stub_;
  Outbox& outbox_;
  PeerContext& context_;
  PeerContext::PeerCounters& counters_;

  // gRPC's reactions only.
  grpc::ClientContext client_context_;
  v1::PeerHelloReply reply_;
  bool replied_ = false;
  std::shared_ptr<PeerStream> self_;  // until OnDone

  // Executor only.
  Events events_;

  // Whoever set writing_.
  v1::PeerFrame frame_;

  // One hold keeps gRPC from ending the stream under a thread that is about to write. It is given
  // back when the reads have ended and no write is under way: at that moment, by whoever sees both.
  std::mutex mutex_;
  bool admitted_ = false;
  bool writing_ = true;  // the hello
  bool posted_ = false;  // WriteWaiting will run
  bool ended_ = false;   // no reads come any more
  std::string refusal_;  // waits to be written
};

}  // namespace jangada::server
