#include "server/grpc/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <netdb.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/check.h"
#include "server/grpc/admin_service.h"
#include "server/grpc/door.h"
#include "server/grpc/log_service.h"
#include "server/grpc/timer.h"

namespace jangada::server {
namespace {

/// gRPC says that it could not listen, and only its own log says why: the system is asked again.
std::string WhyNotListening(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "it must be HOST:PORT";
  const std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0) {
    return gai_strerror(code);
  }
  std::string why = "it could not be bound";
  const int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  if (fd >= 0) {
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0) {
      why = errno == EADDRINUSE ? "port " + port + " is in use by another process"
                                : std::strerror(errno);
    }
    close(fd);
  }
  freeaddrinfo(found);
  return why;
}

}  // namespace

struct GrpcServer::Impl {
  Impl(Broker& broker, const GrpcServerOptions& options)
      : door(broker, options), log_service(door), admin_service(door) {}

  grpc_door::Door door;
  grpc_door::LogService log_service;
  grpc_door::AdminService admin_service;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  std::thread stopper;  // gRPC's shutdown blocks
};

GrpcServer::GrpcServer(Broker& broker, const GrpcServerOptions& options)
    : impl_(std::make_unique<Impl>(broker, options)) {}

GrpcServer::~GrpcServer() { Shutdown(0); }

Status GrpcServer::Start(const std::string& address) {
  CHECK(impl_->server == nullptr);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  constexpr int kKeepaliveMs = 20'000;
  constexpr int kMinClientPingMs = 5'000;
  const auto max_message_bytes = static_cast<int>(impl_->door.options.max_message_bytes);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(max_message_bytes);
  // What a smaller limit for requests must not forbid is a response: those have bounds of their
  // own.
  builder.SetMaxSendMessageSize(
      std::max(max_message_bytes, static_cast<int>(kMaxGrpcMessageBytes)));
  // Without this a second server on a busy port starts and takes every other connection.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinClientPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &impl_->port);
  builder.RegisterService(&impl_->log_service);
  builder.RegisterService(&impl_->admin_service);
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr || impl_->port == 0) {
    impl_->server.reset();
    return Error{ErrorCode::kUnavailable,
                 "Cannot listen for gRPC clients at " + address + ": " + WhyNotListening(address) +
                     "; stop the other process or configure another address."};
  }
  SetServing(false);
  spdlog::info("listening for grpc clients address={} port={}", address, impl_->port);
  return {};
}

void GrpcServer::SetServing(bool serving) {
  auto* health = impl_->server->GetHealthCheckService();
  health->SetServingStatus(serving);  // of the node: the empty name
  health->SetServingStatus(v1::Log::service_full_name(), serving);
  health->SetServingStatus(v1::Admin::service_full_name(), serving);
}

DoorStats GrpcServer::stats() const {
  const grpc_door::Door& door = impl_->door;
  return {.methods = door.meter.Stats(),
          .produce_bytes = door.produce_bytes.used(),
          .produce_limit_bytes = door.produce_bytes.limit(),
          .throttled = door.produce_bytes.refused(),
          .forwarded = door.router.forwarded()};
}

uint16_t GrpcServer::port() const {
  CHECK(impl_->server != nullptr);
  return static_cast<uint16_t>(impl_->port);
}

void GrpcServer::BeginShutdown(int64_t grace_us) {
  if (impl_->server == nullptr || impl_->stopper.joinable()) return;
  impl_->stopper = std::thread([impl = impl_.get(), deadline = grpc_door::AfterNow(grace_us)] {
    impl->door.stopping.Cancel();
    impl->server->Shutdown(grpc_door::ToGrpc(deadline));
    impl->server->Wait();
  });
}

void GrpcServer::AwaitShutdown() {
  if (!impl_->stopper.joinable()) return;
  impl_->stopper.join();
  impl_->server.reset();
  spdlog::info("stopped listening for grpc clients port={}", impl_->port);
}

}  // namespace jangada::server
