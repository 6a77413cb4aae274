// What every gRPC call of the client shares: a channel per node, the set of calls under way, and
// the one map grpc::Status -> Failure. Included only by the .cc files behind Wire. Any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

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
/// It owns them, and buries them on a thread of the client's: a call may hold the last channel of
/// the process, which must not die on a thread of gRPC's (grpc/grpc#32584).
class CallsUnderWay {
 public:
  /// A call that comes after CancelAndWait began is cancelled at once. Not from gRPC's threads.
  void Add(grpc::ClientContext* context, std::shared_ptr<void> owner);
  /// The call is done and not touched any more.
  void Remove(grpc::ClientContext* context);
  /// Not from gRPC's threads.
  void CancelAndWait();

 private:
  std::mutex mutex_;
  std::condition_variable all_gone_;
  std::map<grpc::ClientContext*, std::shared_ptr<void>> calls_;
  std::vector<std::shared_ptr<void>> dead_;
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
