// LogService: the calls of the service Log, each checked and handed to the router. Streams have
// files of their own (produce_stream, consume_call). Runs on gRPC's threads; never blocks.
#pragma once

#include "jangada/v1/log.grpc.pb.h"
#include "server/grpc/door.h"

namespace jangada::server::grpc_door {

class LogService final : public v1::Log::CallbackService {
 public:
  explicit LogService(Door& door) : door_(door) {}

  grpc::ServerUnaryReactor* InitProducer(grpc::CallbackServerContext* context,
                                         const v1::InitProducerRequest* request,
                                         v1::InitProducerResponse* response) override;
  grpc::ServerUnaryReactor* Produce(grpc::CallbackServerContext* context,
                                    const v1::ProduceRequest* request,
                                    v1::ProduceResponse* response) override;
  grpc::ServerBidiReactor<v1::ProduceStreamRequest, v1::ProduceStreamResponse>* ProduceStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::ConsumeResponse>* Consume(
      grpc::CallbackServerContext* context, const v1::ConsumeRequest* request) override;
  grpc::ServerUnaryReactor* Fetch(grpc::CallbackServerContext* context,
                                  const v1::FetchRequest* request,
                                  v1::FetchResponse* response) override;
  grpc::ServerUnaryReactor* ListOffsets(grpc::CallbackServerContext* context,
                                        const v1::ListOffsetsRequest* request,
                                        v1::ListOffsetsResponse* response) override;

 private:
  Door& door_;
};

}  // namespace jangada::server::grpc_door
