#include "client/grpc_calls.h"

#include <chrono>
#include <utility>

#include "jangada/v1/common.pb.h"

namespace jangada::client {
namespace {

constexpr int kMaxMessageBytes = 64 << 20;
constexpr int kFirstReconnectMs = 50;
constexpr int kMaxReconnectMs = 500;
/// gRPC's name for this is the minimal backoff, but it is how long one connection attempt may take.
constexpr int kConnectTimeoutMs = 1000;

ErrorCode CodeByName(const std::string& name) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    if (name == ErrorCodeName(static_cast<ErrorCode>(code))) return static_cast<ErrorCode>(code);
  }
  return ErrorCode::kInternal;  // a newer node's: its sentence still says what is wrong
}

/// A status without details was made by gRPC on this side of the connection.
Failure LocalFailure(const grpc::Status& status, const std::string& node) {
  Failure failure{.fate_unknown = true, .retriable = true, .disconnected = true};
  switch (status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      failure.error = {ErrorCode::kTimeout, "node " + node + " did not answer in time"};
      break;
    case grpc::StatusCode::CANCELLED:
      failure.error = {ErrorCode::kShuttingDown, "the call to " + node + " was cancelled"};
      break;
    case grpc::StatusCode::UNAVAILABLE:
      failure.error = {ErrorCode::kUnavailable, "node " + node + " can't be reached (" +
                                                    status.error_message() +
                                                    "); is it running there?"};
      break;
    case grpc::StatusCode::UNIMPLEMENTED:
      failure = {.error = {ErrorCode::kUnsupportedVersion,
                           node +
                               " does not serve this call; is it a Jangada node's gRPC port, and "
                               "new enough?"}};
      break;
    default:
      failure.error = {ErrorCode::kInternal, node + " failed: " + status.error_message()};
      failure.retriable = false;
  }
  return failure;
}

}  // namespace

std::shared_ptr<grpc::Channel> Channels::To(const std::string& address) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<grpc::Channel>& channel = channels_[address];
  if (channel == nullptr) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    arguments.SetMaxSendMessageSize(kMaxMessageBytes);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // nodes are reached directly
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // retries are ours: only we know a call's fate
    channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }
  return channel;
}

void CallsUnderWay::Add(grpc::ClientContext* context, std::shared_ptr<void> owner) {
  std::vector<std::shared_ptr<void>> dead;  // buried after the lock
  const std::lock_guard lock(mutex_);
  calls_.emplace(context, std::move(owner));
  dead.swap(dead_);
  if (closing_) context->TryCancel();
}

void CallsUnderWay::Remove(grpc::ClientContext* context) {
  const std::lock_guard lock(mutex_);
  const auto it = calls_.find(context);
  CHECK(it != calls_.end());
  dead_.push_back(std::move(it->second));
  calls_.erase(it);
  if (calls_.empty()) all_gone_.notify_all();
}

void CallsUnderWay::CancelAndWait() {
  std::vector<std::shared_ptr<void>> dead;
  std::unique_lock lock(mutex_);
  closing_ = true;
  for (const auto& [context, owner] : calls_) context->TryCancel();
  all_gone_.wait(lock, [this] { return calls_.empty(); });
  dead.swap(dead_);
}

Failure FailureOf(const v1::ErrorDetail& detail) {
  return {.error = {CodeByName(detail.code()), detail.message()},
          .fate_unknown = detail.fate() != v1::FATE_NOT_DONE,
          .retriable = detail.retriable(),
          .disconnected = false,
          .leader_node_id = detail.leader_node_id(),
          .leader_address = detail.leader_grpc_address()};
}

Failure FailureOf(const grpc::Status& status, const std::string& node) {
  v1::RpcStatus rpc;
  v1::ErrorDetail detail;
  if (!status.error_details().empty() && rpc.ParseFromString(status.error_details()) &&
      rpc.details_size() > 0 && rpc.details(0).UnpackTo(&detail)) {
    return FailureOf(detail);
  }
  return LocalFailure(status, node);
}

void SetDeadline(grpc::ClientContext* context, int64_t timeout_ms) {
  // Of the monotonic clock: a wall clock that jumps must not end a call, nor keep it open.
  context->set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN)));
}

void ForbidForwarding(grpc::ClientContext* context) {
  context->AddMetadata("jangada-no-forward", "1");
}

}  // namespace jangada::client
