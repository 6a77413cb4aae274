// GroupStream: the server's end of the stream of one group member. It finds the group's
// coordinator, and passes on what is said to the member there: on this node, or over a stream to
// another.
#pragma once

#include <grpcpp/grpcpp.h>

#include "jangada/v1/group.pb.h"
#include "server/grpc/door.h"

namespace jangada::server::grpc_door {

/// The reactor ends itself.
grpc::ServerBidiReactor<v1::GroupMemberRequest, v1::GroupMemberResponse>* StartGroupStream(
    Door& door, const grpc::CallbackServerContext& context);

/// The partition of the groups' topic that keeps a group: where to look for its coordinator.
TopicPartition ShardOf(const std::string& group, const Broker& broker);

/// "127.0.0.1" of "ipv4:127.0.0.1:4711", as the Kafka door shows it: "/127.0.0.1".
std::string HostOf(const std::string& peer);

}  // namespace jangada::server::grpc_door
