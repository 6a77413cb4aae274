#include "server/grpc/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <thread>

#include "base/check.h"
#include "server/grpc/admin_service.h"
#include "server/grpc/door.h"
#include "server/grpc/group_lag_watch.h"
#include "server/grpc/group_service.h"
#include "server/grpc/log_service.h"
#include "server/grpc/timer.h"
#include "server/listen/front_door.h"

namespace jangada::server {
namespace {

struct HostAndPort {
  std::string host;  // without the brackets of an IPv6 address
  uint16_t port = 0;
};

std::optional<HostAndPort> Parse(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  HostAndPort parsed{.host = address.substr(0, colon)};
  if (parsed.host.starts_with('[') && parsed.host.ends_with(']')) {
    parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  }
  const char* const last = address.data() + address.size();
  const auto port = std::from_chars(address.data() + colon + 1, last, parsed.port);
  if (port.ec != std::errc() || port.ptr != last) return std::nullopt;
  return parsed;
}

Status OpenAt(const std::string& address, FrontDoor* door) {
  const auto parsed = Parse(address);
  Status opened = Error{ErrorCode::kUnavailable, "it must be HOST:PORT"};
  if (parsed) opened = door->Open(parsed->host, parsed->port);
  if (opened.ok()) return {};
  return Error{ErrorCode::kUnavailable,
               "Cannot listen for gRPC clients at " + address + ": " + opened.error().message +
                   "; stop the other process or configure another address."};
}

}  // namespace

struct GrpcServer::Impl {
  Impl(Broker& broker, const GrpcServerOptions& options)
      : door(broker, options),
        log_service(door),
        admin_service(door),
        group_service(door),
        front({.name = "grpc", .answer = options.answer_to_others}) {}

  grpc_door::Door door;
  grpc_door::LogService log_service;
  grpc_door::AdminService admin_service;
  grpc_door::GroupService group_service;
  FrontDoor front;
  std::unique_ptr<grpc_door::GroupLagWatch> lag_watch;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;
  std::thread stopper;  // gRPC's shutdown blocks
};

GrpcServer::GrpcServer(Broker& broker, const GrpcServerOptions& options)
    : impl_(std::make_unique<Impl>(broker, options)) {}

GrpcServer::~GrpcServer() { Shutdown(0); }

Status GrpcServer::Start(const std::string& address) {
  CHECK(impl_->server == nullptr);
  TRY(OpenAt(address, &impl_->front));
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
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinClientPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  using External = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  impl_->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      External::FROM_FD, grpc::InsecureServerCredentials());
  builder.RegisterService(&impl_->log_service);
  builder.RegisterService(&impl_->admin_service);
  builder.RegisterService(&impl_->group_service);
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr) {
    return Error{ErrorCode::kInternal, "gRPC could not start a server for its clients"};
  }
  impl_->front.Start([impl = impl_.get()](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    impl->acceptor->HandleNewConnection(&connection);
  });
  SetServing(false);
  if (const int64_t every_us = impl_->door.options.group_lag_every_us; every_us > 0) {
    impl_->lag_watch = std::make_unique<grpc_door::GroupLagWatch>(impl_->door, every_us);
  }
  spdlog::info("listening for grpc clients address={} port={}", address, port());
  return {};
}

void GrpcServer::SetServing(bool serving) {
  auto* health = impl_->server->GetHealthCheckService();
  health->SetServingStatus(serving);  // of the node: the empty name
  health->SetServingStatus(v1::Log::service_full_name(), serving);
  health->SetServingStatus(v1::Admin::service_full_name(), serving);
  health->SetServingStatus(v1::ConsumerGroup::service_full_name(), serving);
}

DoorStats GrpcServer::stats() const {
  const grpc_door::Door& door = impl_->door;
  return {.methods = door.meter.Stats(),
          .produce_bytes = door.produce_bytes.used(),
          .produce_limit_bytes = door.produce_bytes.limit(),
          .throttled = door.produce_bytes.refused(),
          .forwarded = door.router.forwarded(),
          .groups = impl_->lag_watch ? impl_->lag_watch->stats() : std::vector<GroupLagStats>()};
}

uint16_t GrpcServer::port() const {
  CHECK(impl_->server != nullptr);
  return impl_->front.port();
}

void GrpcServer::BeginShutdown(int64_t grace_us) {
  if (impl_->server == nullptr || impl_->stopper.joinable()) return;
  impl_->stopper = std::thread([impl = impl_.get(), deadline = grpc_door::AfterNow(grace_us)] {
    impl->front.Stop();
    impl->door.stopping.Cancel();
    impl->server->Shutdown(grpc_door::ToGrpc(deadline));
    impl->server->Wait();
  });
}

void GrpcServer::AwaitShutdown() {
  if (!impl_->stopper.joinable()) return;
  impl_->lag_watch.reset();
  impl_->stopper.join();
  impl_->server.reset();
  spdlog::info("stopped listening for grpc clients port={}", impl_->front.port());
}

}  // namespace jangada::server
