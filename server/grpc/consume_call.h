// Consume: the server's end of one consume stream. Every partition is a cursor that fetches ahead
// by one fetch while earlier ones wait to be written; one response is written at a time, in turns
// over the partitions, so that what a client does not read is not read from the log either.
#pragma once

#include <grpcpp/grpcpp.h>

#include "jangada/v1/log.pb.h"
#include "server/grpc/door.h"

namespace jangada::server::grpc_door {

/// The reactor ends itself. `request` need not outlive this call.
grpc::ServerWriteReactor<v1::ConsumeResponse>* StartConsume(
    Door& door, const grpc::CallbackServerContext& context, const v1::ConsumeRequest& request);

}  // namespace jangada::server::grpc_door
