// The one map between our errors and gRPC's: Error -> grpc::Status with an ErrorDetail for
// programs, and back for answers of another node. Rule 4 of the architecture decides it:
// UNAVAILABLE, which gRPC libraries are told to retry, is only ever said of what was surely not
// done. Pure; any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <optional>

#include "base/result.h"
#include "jangada/v1/common.pb.h"
#include "server/broker.h"

namespace jangada::server::grpc_door {

/// How an error presents itself to a client.
struct Presentation {
  grpc::StatusCode code = grpc::StatusCode::INTERNAL;
  v1::Fate fate = v1::FATE_UNSPECIFIED;
  bool retriable = false;
};
Presentation PresentationOf(ErrorCode code);

/// `where`: the partition concerned, if any; a kNotLeader then names the leader as `broker` sees
/// it.
v1::ErrorDetail DetailOf(const Error& error, const TopicPartition* where, const Broker& broker);

/// OK is not an Error: every status made here carries the detail.
grpc::Status StatusOf(const Error& error, const TopicPartition* where, const Broker& broker);

/// What another node said, read from the status's details; nullopt if the status has none.
std::optional<v1::ErrorDetail> DetailFrom(const grpc::Status& status);

/// What another node said inside an answer, where an error travels as a detail.
Error ErrorOf(const v1::ErrorDetail& detail);

/// The error that an answer of another node means. `reached_wire`: some byte of the call may have
/// left this node; if not, a failure to connect is surely-not-done. REQUIRES: !status.ok().
Error ErrorFrom(const grpc::Status& status, bool reached_wire);

}  // namespace jangada::server::grpc_door
