// Lag: how far consumer groups are behind the ends of what they read. Any thread.
#pragma once

#include "base/callback.h"
#include "jangada/v1/group.pb.h"
#include "server/grpc/call_scope.h"
#include "server/grpc/door.h"

namespace jangada::server::grpc_door {

/// Fills offsets of the log and lags of `partition`, whose topic, number and committed offset are
/// there, with what its leader answers.
void FillLag(Door& door, const CallScope& scope, v1::DescribeGroupResponse::Partition* partition,
             Callback<> done);

}  // namespace jangada::server::grpc_door
