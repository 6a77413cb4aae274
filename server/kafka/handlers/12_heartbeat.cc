// Heartbeat, key 12, v0 to v4, at the group's coordinator: a member is alive, and learns whether it
// must join again (REBALANCE_IN_PROGRESS).
#include <utility>

#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleHeartbeat(Call<HeartbeatRequest> call) {
  HeartbeatRequest& asked = call.request;
  GroupMembership member{.group = std::move(asked.group_id),
                         .generation = asked.generation_id,
                         .member_id = std::move(asked.member_id),
                         .instance_id = std::move(asked.group_instance_id)};
  GroupBroker& groups = call.broker().groups();
  groups.Heartbeat(std::move(member), [call = std::move(call)](GroupError error) mutable {
    call.Answer({.error_code = CodeOf(error)});
  });
}

}  // namespace jangada::server::kafka
