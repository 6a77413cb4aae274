// GroupService: the calls of the service ConsumerGroup, each checked and answered by the group's
// coordinator: this node, or another, one hop away. Runs on gRPC's threads; never blocks.
#pragma once

#include "jangada/v1/group.grpc.pb.h"
#include "server/grpc/door.h"

namespace jangada::server::grpc_door {

class GroupService final : public v1::ConsumerGroup::CallbackService {
 public:
  explicit GroupService(Door& door) : door_(door) {}

  grpc::ServerBidiReactor<v1::GroupMemberRequest, v1::GroupMemberResponse>* Join(
      grpc::CallbackServerContext* context) override;

#define JANGADA_GROUP_CALL(Name)                                                                 \
  grpc::ServerUnaryReactor* Name(grpc::CallbackServerContext* context,                           \
                                 const v1::Name##Request* request, v1::Name##Response* response) \
      override;
  JANGADA_GROUP_CALL(FindCoordinator)
  JANGADA_GROUP_CALL(ListGroups)
  JANGADA_GROUP_CALL(DescribeGroup)
  JANGADA_GROUP_CALL(DeleteGroup)
  JANGADA_GROUP_CALL(CommitOffsets)
  JANGADA_GROUP_CALL(FetchOffsets)
#undef JANGADA_GROUP_CALL

 private:
  Door& door_;
};

}  // namespace jangada::server::grpc_door
