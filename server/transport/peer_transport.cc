#include "server/transport/peer_transport.h"

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "server/listen/front_door.h"
#include "server/runtime/shard.h"
#include "server/transport/peer_calls.h"
#include "server/transport/peer_context.h"
#include "server/transport/peer_link.h"
#include "server/transport/raft_service.h"

namespace jangada::server {
namespace {

/// A message that no Flush() took leaves after this.
constexpr int64_t kFlushAnywayUs = 2'000;
/// Each peer has one stream a connection, and asks a question now and then.
constexpr int kMaxStreamsOfConnection = 1024;

using Links = std::map<NodeId, std::shared_ptr<PeerLink>>;

FrontDoor::Options PeerPort() {
  return {.name = "peer",
          .answer =
              "this port is for the other nodes of a Jangada cluster; gRPC clients go to a "
              "node's grpc.listen, Kafka clients to its kafka.listen",
          .waits_for_admission = true,
          .strangers = 4 * PeerTransport::kMaxStrangersOfAddress,
          .strangers_of_address = PeerTransport::kMaxStrangersOfAddress,
          // A hello takes milliseconds; dialers give up after two seconds.
          .patience_us = 5'000'000};
}

}  // namespace

struct PeerTransport::Impl {
  Impl(const PeerIdentity& identity, PeerSink& sink)
      : context(identity, sink, executor),
        service(context, {.on_admitted = [this](NodeId peer) { OnAdmitted(peer); },
                          .on_known = [this](const std::string& far) { door.OnAdmitted(far); }}) {}

  std::shared_ptr<const Links> links() const {
    const std::lock_guard lock(mutex);
    return links_now;
  }

  std::shared_ptr<PeerLink> FindLink(NodeId node) const {
    const std::shared_ptr<const Links> all = links();
    const auto found = all->find(node);
    return found == all->end() ? nullptr : found->second;
  }

  /// A peer that dials us is there: no reason to wait before we dial it.
  void OnAdmitted(NodeId peer) {
    if (const auto link = FindLink(peer)) {
      executor.Post([link] { link->Nudge(); });
    }
  }

  void Queue(NodeId to, Lane lane, Outgoing item) {
    const auto link = FindLink(to);
    if (link == nullptr) {
      ++context.messages_dropped;
      return;
    }
    link->Send(lane, std::move(item));
    waiting = true;
    if (flush_armed.exchange(true)) return;
    executor.Post([this] {
      executor.After(kFlushAnywayUs, [this] {
        flush_armed = false;
        Flush();
      });
    });
  }

  void Flush() {
    if (!waiting.load(std::memory_order_relaxed) || !waiting.exchange(false)) return;
    const std::shared_ptr<const Links> all = links();
    for (const auto& [peer, link] : *all) link->Flush();
  }

  std::shared_ptr<PeerLink> MakeLink(NodeId peer, const Endpoint& endpoint) {
    auto link = std::make_shared<PeerLink>(context, peer, endpoint);
    ++live_links;
    executor.Post([link] { link->Start(); });
    return link;
  }

  void StopLink(const std::shared_ptr<PeerLink>& link) {
    executor.Post([this, link] {
      link->Stop([this] {
        const std::lock_guard lock(mutex);
        if (--live_links == 0) no_links.notify_all();
      });
    });
  }

  Shard executor{"peers"};
  PeerContext context;
  FrontDoor door{PeerPort()};
  RaftService service;
  PeerCalls calls{context};
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;

  std::atomic<bool> waiting = false;      // something was queued since the last flush
  std::atomic<bool> flush_armed = false;  // a flush of our own will come
  std::atomic<bool> stopping = false;

  mutable std::mutex mutex;
  std::shared_ptr<const Links> links_now = std::make_shared<Links>();  // replaced, never changed
  size_t live_links = 0;  // those in links_now, and those that are being stopped
  std::condition_variable no_links;
};

PeerTransport::PeerTransport(const PeerIdentity& identity, PeerSink& sink)
    : impl_(std::make_unique<Impl>(identity, sink)) {
  impl_->executor.Start();
}

PeerTransport::~PeerTransport() { Shutdown(); }

Status PeerTransport::Start(const Endpoint& listen) {
  CHECK(impl_->server == nullptr);
  if (const Status opened = impl_->door.Open(listen.host, listen.port); !opened.ok()) {
    return Error{opened.error().code,
                 "cannot listen for peers on " + listen.ToString() + " (" + opened.error().message +
                     "); stop the process that holds the port, or set another one"};
  }
  grpc::ServerBuilder builder;
  for (const auto& [name, value] : CommonChannelArguments())
    builder.AddChannelArgument(name, value);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfConnection);
  using External = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  impl_->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      External::FROM_FD, grpc::InsecureServerCredentials());
  builder.RegisterService(&impl_->service);
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr) {
    return Error{ErrorCode::kInternal, "gRPC could not start a server for the peers"};
  }
  impl_->door.Start([impl = impl_.get()](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    impl->acceptor->HandleNewConnection(&connection);
  });
  spdlog::info("listening for peers address={}:{}", listen.host, port());
  return {};
}

uint16_t PeerTransport::port() const {
  CHECK(impl_->server != nullptr);
  return impl_->door.port();
}

size_t PeerTransport::strangers() const { return impl_->door.strangers(); }

void PeerTransport::Shutdown() {
  if (impl_->stopping.exchange(true)) return;
  impl_->door.Stop();
  SetPeers({});
  {
    std::unique_lock lock(impl_->mutex);
    impl_->no_links.wait(lock, [this] { return impl_->live_links == 0; });
  }
  impl_->calls.Shutdown();
  if (impl_->server != nullptr) impl_->server->Shutdown(std::chrono::system_clock::now());
  impl_->executor.Stop();
}

void PeerTransport::SetIdentity(const PeerIdentity& identity) {
  CHECK_EQ(identity.node, impl_->context.self);
  impl_->context.SetIdentity(identity);
  impl_->service.JudgeAgain();
}

void PeerTransport::SetPeers(const std::map<NodeId, Endpoint>& peers) {
  {
    const std::lock_guard lock(impl_->mutex);
    const Links& before = *impl_->links_now;
    auto after = std::make_shared<Links>();
    for (const auto& [peer, endpoint] : peers) {
      if (peer == impl_->context.self || impl_->stopping) continue;
      const auto known = before.find(peer);
      const bool stays = known != before.end() && known->second->endpoint() == endpoint;
      after->emplace(peer, stays ? known->second : impl_->MakeLink(peer, endpoint));
    }
    for (const auto& [peer, link] : before) {
      const auto kept = after->find(peer);
      if (kept == after->end() || kept->second != link) impl_->StopLink(link);
    }
    impl_->links_now = std::move(after);
  }
  impl_->service.JudgeAgain();
}

void PeerTransport::Send(GroupId group, raft::Message message) {
  if (impl_->stopping) return;
  const NodeId to = message.to;
  if (to == impl_->context.self)
    return impl_->context.sink.OnPeerMessage(group, std::move(message));
  const Lane lane = LaneOf(message);
  impl_->Queue(to, lane, Outgoing{group, std::move(message)});
}

void PeerTransport::Flush() { impl_->Flush(); }

void PeerTransport::SendStatus(NodeId to, const NodeStatus& status) {
  if (impl_->stopping) return;
  if (to == impl_->context.self) return impl_->context.sink.OnPeerStatus(status);
  impl_->Queue(to, Lane::kControl, Outgoing{GroupId(), status});
}

void PeerTransport::SendPulse(NodeId to, Pulse pulse) {
  if (impl_->stopping) return;
  impl_->Queue(to, Lane::kControl, Outgoing{GroupId(), std::move(pulse)});
}

void PeerTransport::Call(NodeId to, PeerCall call, int64_t timeout_us,
                         Callback<Result<Bytes>> done) {
  if (to == impl_->context.self) {
    return impl_->calls.AskSelf(std::move(call), timeout_us, std::move(done));
  }
  if (impl_->stopping) {
    return done(Error{ErrorCode::kShuttingDown, "this node is shutting down"});
  }
  const auto link = impl_->FindLink(to);
  if (link == nullptr) {
    return done(Error{ErrorCode::kUnavailable,
                      "node " + std::to_string(to.value()) + " is not a node that this one knows"});
  }
  Result<std::shared_ptr<v1::Peer::Stub>> stub = link->stub();
  if (!stub.ok()) return done(stub.error());
  impl_->calls.Ask(*std::move(stub), to, std::move(call), timeout_us, std::move(done));
}

TransportStats PeerTransport::stats() const {
  const PeerContext& context = impl_->context;
  TransportStats stats{.frames_sent = context.frames_sent,
                       .messages_sent = context.messages_sent,
                       .messages_received = context.messages_received,
                       .messages_dropped = context.messages_dropped,
                       .messages_malformed = context.messages_malformed,
                       .peers = {}};
  const std::shared_ptr<const Links> all = impl_->links();
  for (const auto& [peer, link] : *all) stats.peers[peer] = link->traffic();
  return stats;
}

}  // namespace jangada::server
