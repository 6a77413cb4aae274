// Consumer groups between the protocol's messages and the broker's values. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "jangada/v1/group.pb.h"
#include "server/group_broker.h"

namespace jangada::server::grpc_door {

v1::GroupState ToProto(GroupState state);
/// By the protocol type of a group's members.
v1::GroupDoor DoorOf(const std::string& protocol_type);

void ToProto(const CommittedOffset& offset, v1::GroupOffset* out);

/// Those of `errors` that are any, each with its place in `where`.
void AddFailures(const OffsetErrors& errors, const std::vector<TopicPartition>& where,
                 const std::string& group, const Broker& broker,
                 google::protobuf::RepeatedPtrField<v1::OffsetFailure>* out);

/// State and members.
void ToProto(const GroupDescription& description, v1::DescribeGroupResponse* out);

}  // namespace jangada::server::grpc_door
