// What the gRPC door says of errors of consumer groups. Pure; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "server/group_broker.h"

namespace jangada::server::grpc_door {

/// REQUIRES: error is not kNone. `group`: for the sentence.
Error ErrorOf(GroupError error, const std::string& group);

}  // namespace jangada::server::grpc_door
