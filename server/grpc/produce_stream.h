// ProduceStream: the server's end of one pipelined produce stream. It reads requests as long as
// their bytes fit its bound, sorts them into lanes by partition, and writes each ack when its lane
// answers.
#pragma once

#include <grpcpp/grpcpp.h>

#include "jangada/v1/log.pb.h"
#include "server/grpc/door.h"

namespace jangada::server::grpc_door {

/// The reactor ends itself.
grpc::ServerBidiReactor<v1::ProduceStreamRequest, v1::ProduceStreamResponse>* StartProduceStream(
    Door& door, const grpc::CallbackServerContext& context);

}  // namespace jangada::server::grpc_door
