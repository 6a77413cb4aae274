// Door: what all calls of one gRPC server share. Calls of the services hold a reference; the server
// outlives them, since it stops only when the last of them has been answered. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "server/broker.h"
#include "server/grpc/call_meter.h"
#include "server/grpc/cancellation.h"
#include "server/grpc/grpc_server.h"
#include "server/grpc/router.h"

namespace jangada::server::grpc_door {

/// A bound on bytes held for all clients together.
class ByteBudget {
 public:
  explicit ByteBudget(size_t limit) : limit_(limit) {}

  /// False: over the limit, and nothing was taken.
  bool Take(size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= limit_) return true;
    used_.fetch_sub(bytes);
    ++refused_;
    return false;
  }
  void Return(size_t bytes) { used_.fetch_sub(bytes); }
  size_t used() const { return used_.load(); }
  size_t limit() const { return limit_; }
  /// How often Take answered false.
  uint64_t refused() const { return refused_.load(); }

 private:
  const size_t limit_;
  std::atomic<size_t> used_ = 0;
  std::atomic<uint64_t> refused_ = 0;
};

struct Door {
  Door(Broker& its_broker, const GrpcServerOptions& its_options)
      : broker(its_broker),
        options(its_options),
        router(its_broker, its_options.max_message_bytes),
        produce_bytes(its_options.max_produce_bytes_in_flight) {}

  Broker& broker;
  const GrpcServerOptions options;
  Router router;
  ByteBudget produce_bytes;
  CallMeter meter;
  /// Turns of the calls that leave the choice of a partition to the node.
  std::atomic<uint64_t> turn = 0;
  /// Pulled when the server stops: streams end in order, their clients go elsewhere.
  Cancellation stopping;
};

inline Error Throttled() {
  return {ErrorCode::kThrottled,
          "This node holds too many unanswered produce bytes: wait for acknowledgements, then try "
          "again."};
}

inline Error Stopping() {
  return {ErrorCode::kShuttingDown, "This node is stopping: go on at another node of the cluster."};
}

}  // namespace jangada::server::grpc_door
