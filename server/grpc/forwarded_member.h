// ForwardedMember: a group member on another node, the group's coordinator, spoken to over a stream
// to that node's door.
#pragma once

#include <memory>

#include "server/grpc/group_member.h"
#include "server/grpc/peers.h"

namespace jangada::server::grpc_door {

std::shared_ptr<MemberEnd> ForwardMember(std::shared_ptr<Peer> peer, MemberVoice voice);

}  // namespace jangada::server::grpc_door
