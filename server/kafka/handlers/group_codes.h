// How calls on consumer groups ended, in Kafka's codes. Pure; any thread.
#pragma once

#include "server/group_broker.h"
#include "server/kafka/errors.h"

namespace jangada::server::kafka {

Code CodeOf(GroupError error);

}  // namespace jangada::server::kafka
