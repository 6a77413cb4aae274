// LeaveGroup, key 13, v0 to v5, at the group's coordinator. From version 3 on several members leave
// at once, each with an answer of its own; a static one may be named by its instance alone.
#include <utility>

#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleLeaveGroup(Call<LeaveGroupRequest> call) {
  const LeaveGroupRequest& asked = call.request;
  LeaveGroup leave{.group = asked.group_id, .members = {}};
  if (call.version() < 3) leave.members.push_back({asked.member_id, std::nullopt});
  for (const LeaveGroupRequest::Member& member : asked.members) {
    leave.members.push_back({member.member_id, member.group_instance_id});
  }
  GroupBroker& groups = call.broker().groups();
  groups.Leave(std::move(leave), [call = std::move(call)](const LeftGroup& left) mutable {
    LeaveGroupResponse response{.error_code = CodeOf(left.error), .members = {}};
    if (call.version() < 3) {
      if (!left.members.empty()) response.error_code = CodeOf(left.members.front());
      return call.Answer(response);
    }
    for (size_t i = 0; i < left.members.size(); ++i) {
      const LeaveGroupRequest::Member& member = call.request.members[i];
      response.members.push_back(
          {member.member_id, member.group_instance_id, CodeOf(left.members[i])});
    }
    call.Answer(response);
  });
}

}  // namespace jangada::server::kafka
