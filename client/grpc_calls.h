// What every gRPC call of the client shares: a channel per node, the set of calls under way, and
// the one map grpc::Status -> Failure. Included only by the .cc files behind Wire. Any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "client/wire.h"

namespace jangada::v1 {
class ErrorDetail;
}

namespace jangada::client {

/// One channel per address, made when first asked for and kept: gRPC reconnects it by itself.
class Channels {
 public:
  std::shared_ptr<grpc::Channel> To(const std::string& address);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
};

/// The calls under way, so that a client that closes can cancel them and wait for gRPC to let go.
class CallsUnderWay {
 public:
  /// A call that comes after CancelAndWait began is cancelled at once.
  void Add(grpc::ClientContext* context);
  void Remove(grpc::ClientContext* context);
  void CancelAndWait();

 private:
  std::mutex mutex_;
  std::condition_variable all_gone_;
  std::set<grpc::ClientContext*> contexts_;
  bool closing_ = false;
};

/// REQUIRES: !status.ok().
Failure FailureOf(const grpc::Status& status, const std::string& node);
Failure FailureOf(const v1::ErrorDetail& detail);

void SetDeadline(grpc::ClientContext* context, int64_t timeout_ms);
/// The node answers kNotLeader instead of forwarding: the client routes by itself.
void ForbidForwarding(grpc::ClientContext* context);

std::unique_ptr<ProduceStream> OpenGrpcProduceStream(const std::shared_ptr<grpc::Channel>& channel,
                                                     const std::string& node, CallsUnderWay& calls,
                                                     Executor& events,
                                                     ProduceStreamEvents callbacks);

}  // namespace jangada::client
