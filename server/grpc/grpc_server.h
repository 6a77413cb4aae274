// GrpcServer: the door for gRPC clients: the services Log and Admin over one address, in front of a
// Broker. Bad input, slow readers, vanished clients and missing leaders end here. The protocol,
// with every error, is in docs/grpc-api.md. The methods belong to one thread; the calls run on
// gRPC's own threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/grpc/door_stats.h"
#include "server/limits.h"

namespace jangada::server {

class Broker;

/// One option that the node runs with, for DescribeConfig.
struct NodeOption {
  std::string key;
  std::string value;          // as one would write it in the file
  std::string default_value;  // empty: none
  std::string unit;
  std::string help;
};

/// Between two looks at how far a node's consumer groups are behind, for its metrics.
inline constexpr int64_t kGroupLagEveryUs = 10'000'000;

struct GrpcServerOptions {
  size_t max_message_bytes = kMaxGrpcMessageBytes;
  size_t max_produce_bytes_in_flight = kMaxProduceBytesInFlight;  // of the node
  size_t max_stream_bytes_in_flight = kMaxStreamBytesInFlight;    // of one ProduceStream
  /// How often the lag of the groups that the node coordinates is looked at; 0: never.
  int64_t group_lag_every_us = 0;
  std::vector<NodeOption> config;  // in the order in which they are described
  /// One sentence for whoever connects and speaks something else than gRPC.
  std::string answer_to_others =
      "this is the gRPC port of a Jangada node, without TLS: gRPC clients and the jangada command "
      "line go here";
};

class GrpcServer {
 public:
  /// `broker` outlives this.
  explicit GrpcServer(Broker& broker, const GrpcServerOptions& options = {});
  /// Shuts down without grace if that was not done before.
  ~GrpcServer();

  /// Listens at "host:port"; port 0 takes a free one. kUnavailable: the port is busy, or the
  /// address is not this machine's.
  Status Start(const std::string& address);

  /// The port listened on. REQUIRES: Start succeeded.
  uint16_t port() const;

  /// What grpc.health.v1 answers, for the node and for each service of ours: SERVING, or (false, as
  /// it is after Start) NOT_SERVING. Calls are served all the same. REQUIRES: Start succeeded. Any
  /// thread.
  void SetServing(bool serving);

  /// Any thread.
  DoorStats stats() const;

  /// Takes no new calls, lets unary calls and unacknowledged produces finish for `grace_us`, ends
  /// streams with SHUTTING_DOWN, cancels the rest. Returns at once.
  void BeginShutdown(int64_t grace_us);
  /// Waits until the last call has ended. What the broker was given, it must have answered: it goes
  /// on answering until then (stopping replicas does that).
  void AwaitShutdown();
  void Shutdown(int64_t grace_us) {
    BeginShutdown(grace_us);
    AwaitShutdown();
  }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangada::server
