// UnaryCall: the life of one unary call: made by a service's handler, finished exactly once by
// whoever holds the answer, gone when gRPC is done with it. A client that goes away pulls its
// cancellation.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "server/grpc/call_scope.h"
#include "server/grpc/door.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(Door& door, Method method, const grpc::CallbackServerContext& context, int64_t limit_us)
      : door_(door),
        method_(method),
        scope_(ScopeOf(context, limit_us, std::make_shared<Cancellation>())) {
    door_.meter.Began(method_);
  }

  Door& door() { return door_; }
  const CallScope& scope() const { return scope_; }

  // One of these ends the call, and this object with it.
  void Answer() { End(grpc::Status::OK); }
  void Fail(const Error& error) { End(StatusOf(error, nullptr, door_.broker)); }
  void Fail(const Error& error, const TopicPartition& where) {
    End(StatusOf(error, &where, door_.broker));
  }
  void AnswerWith(const Status& status) { status.ok() ? Answer() : Fail(status.error()); }

 private:
  void End(const grpc::Status& status) {
    door_.meter.Answered(method_, -MicrosUntil(began_));
    door_.meter.Ended(method_, status.error_code());
    Finish(status);
  }
  void OnCancel() override { scope_.cancellation->Cancel(); }
  void OnDone() override { delete this; }

  Door& door_;
  const Method method_;
  const TimePoint began_ = Now();
  const CallScope scope_;
};

}  // namespace jangada::server::grpc_door
