// AdminService: the calls of the service Admin. Changes of the cluster go to the broker, which
// passes them to the controller; questions about one partition go to its leader through the router.
// Runs on gRPC's threads; never blocks.
#pragma once

#include "jangada/v1/admin.grpc.pb.h"
#include "server/grpc/door.h"

namespace jangada::server::grpc_door {

class AdminService final : public v1::Admin::CallbackService {
 public:
  explicit AdminService(Door& door) : door_(door) {}

#define JANGADA_ADMIN_CALL(Name)                                                                 \
  grpc::ServerUnaryReactor* Name(grpc::CallbackServerContext* context,                           \
                                 const v1::Name##Request* request, v1::Name##Response* response) \
      override;
  JANGADA_ADMIN_CALL(CreateTopic)
  JANGADA_ADMIN_CALL(DeleteTopic)
  JANGADA_ADMIN_CALL(ListTopics)
  JANGADA_ADMIN_CALL(DescribeTopics)
  JANGADA_ADMIN_CALL(AlterTopicConfigs)
  JANGADA_ADMIN_CALL(CreatePartitions)
  JANGADA_ADMIN_CALL(DescribeCluster)
  JANGADA_ADMIN_CALL(DescribePartitions)
  JANGADA_ADMIN_CALL(TransferLeadership)
  JANGADA_ADMIN_CALL(MovePartition)
  JANGADA_ADMIN_CALL(DeleteRecords)
  JANGADA_ADMIN_CALL(AddNode)
  JANGADA_ADMIN_CALL(RemoveNode)
  JANGADA_ADMIN_CALL(GetLogLevel)
  JANGADA_ADMIN_CALL(SetLogLevel)
  JANGADA_ADMIN_CALL(DescribeConfig)
#undef JANGADA_ADMIN_CALL

 private:
  Door& door_;
};

}  // namespace jangada::server::grpc_door
