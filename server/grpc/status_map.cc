#include "server/grpc/status_map.h"

#include "base/check.h"

namespace jangada::server::grpc_door {
namespace {

std::optional<ErrorCode> CodeNamed(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    if (name == ErrorCodeName(static_cast<ErrorCode>(i))) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

void NameLeader(v1::ErrorDetail* detail, const TopicPartition& where, const Broker& broker) {
  const std::optional<NodeId> leader = broker.LeaderOf(where);
  if (!leader) return;
  detail->set_leader_node_id(leader->value());
  const ClusterImagePtr image = broker.image();
  const auto node = image->nodes.find(*leader);
  if (node == image->nodes.end() || node->second.grpc.port == 0) return;
  detail->set_leader_grpc_address(node->second.grpc.ToString());
}

/// A node that knows no leader of the controller, as each does for a moment after its start, may
/// not know of a topic what was decided long ago: it must not say that there is none.
Error Told(const Error& error, const Broker& broker) {
  if (error.code != ErrorCode::kUnknownTopic || broker.ControllerLeader()) return error;
  return {
      ErrorCode::kUnavailable,
      "This node has not heard from the cluster's controller which topics there are: nothing was "
      "done; try again shortly."};
}

}  // namespace

Presentation PresentationOf(ErrorCode code) {
  using enum grpc::StatusCode;
  constexpr auto kNotDone = v1::FATE_NOT_DONE;
  constexpr auto kUnknown = v1::FATE_UNKNOWN;
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kRecordTooLarge:
    case ErrorCode::kCorruptRecord:
    case ErrorCode::kUnsupportedVersion: return {INVALID_ARGUMENT, kNotDone, false};
    case ErrorCode::kNotFound:
    case ErrorCode::kUnknownTopic: return {NOT_FOUND, kNotDone, false};
    case ErrorCode::kAlreadyExists: return {ALREADY_EXISTS, kNotDone, false};
    case ErrorCode::kOffsetOutOfRange: return {OUT_OF_RANGE, kNotDone, false};
    case ErrorCode::kPermissionDenied: return {PERMISSION_DENIED, kNotDone, false};
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kOutOfOrderSequence:
    case ErrorCode::kProducerFenced:
    case ErrorCode::kUnknownProducer: return {FAILED_PRECONDITION, kNotDone, false};
    // The batch is in the log already, longer ago than its offset is remembered.
    case ErrorCode::kDuplicateSequence: return {ALREADY_EXISTS, v1::FATE_UNSPECIFIED, false};
    // Not UNAVAILABLE: the same node would be asked again, by a library that knows of no other.
    case ErrorCode::kNotLeader: return {FAILED_PRECONDITION, kNotDone, true};
    case ErrorCode::kUnavailable: return {UNAVAILABLE, kNotDone, true};
    case ErrorCode::kThrottled:
    case ErrorCode::kDiskFull: return {RESOURCE_EXHAUSTED, kNotDone, true};
    // A node that stops gives up on proposals that may yet commit elsewhere.
    case ErrorCode::kShuttingDown: return {ABORTED, kUnknown, true};
    case ErrorCode::kTimeout: return {DEADLINE_EXCEEDED, kUnknown, true};
    case ErrorCode::kDataCorrupt: return {DATA_LOSS, kUnknown, false};
    case ErrorCode::kIoError:
    case ErrorCode::kInternal: return {INTERNAL, kUnknown, false};
  }
  return {};
}

v1::ErrorDetail DetailOf(const Error& error, const TopicPartition* where, const Broker& broker) {
  const Error told = Told(error, broker);
  const Presentation presentation = PresentationOf(told.code);
  v1::ErrorDetail detail;
  detail.set_code(ErrorCodeName(told.code));
  detail.set_message(told.message);
  detail.set_fate(presentation.fate);
  detail.set_retriable(presentation.retriable);
  if (where != nullptr) {
    detail.set_topic(where->topic);
    detail.set_partition(where->partition);
    if (told.code == ErrorCode::kNotLeader) NameLeader(&detail, *where, broker);
  }
  return detail;
}

grpc::Status StatusOf(const Error& error, const TopicPartition* where, const Broker& broker) {
  const v1::ErrorDetail detail = DetailOf(error, where, broker);
  const grpc::StatusCode code = PresentationOf(Told(error, broker).code).code;
  v1::RpcStatus rich;
  rich.set_code(code);
  rich.set_message(detail.message());
  rich.add_details()->PackFrom(detail);
  return grpc::Status(code, detail.message(), rich.SerializeAsString());
}

std::optional<v1::ErrorDetail> DetailFrom(const grpc::Status& status) {
  v1::RpcStatus rich;
  if (status.error_details().empty() || !rich.ParseFromString(status.error_details())) {
    return std::nullopt;
  }
  v1::ErrorDetail detail;
  for (const auto& any : rich.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

Error ErrorFrom(const grpc::Status& status, bool reached_wire) {
  CHECK(!status.ok());
  if (const auto detail = DetailFrom(status)) {
    const auto code = CodeNamed(detail->code());
    return {code.value_or(ErrorCode::kInternal), detail->message()};
  }
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      if (!reached_wire) {
        return {ErrorCode::kUnavailable,
                "The partition's leader cannot be reached just now: nothing was done; try again "
                "shortly."};
      }
      return {ErrorCode::kTimeout,
              "The partition's leader did not answer, or the connection to it broke: whether it "
              "was done is "
              "not known."};
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return {ErrorCode::kRecordTooLarge,
              "The message is too large to pass on to the partition's leader: " +
                  status.error_message()};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {ErrorCode::kUnsupportedVersion,
              "The partition's leader runs a version without this call; upgrade it."};
    default:
      return {ErrorCode::kInternal,
              "The partition's leader answered without saying why: " + status.error_message()};
  }
}

}  // namespace jangada::server::grpc_door
