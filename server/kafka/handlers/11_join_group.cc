// JoinGroup, key 11, v0 to v9, at the group's coordinator; answered when the group's members have
// joined, which may take as long as their rebalance timeout. From version 4 on a new member is told
// its id first (MEMBER_ID_REQUIRED) and joins again with it; a static one (v5) is not. From version
// 9 on a static leader that returns is told that what it once assigned stands.
#include <utility>

#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

JoinGroupResponse ResponseOf(JoinedGroup joined, int16_t version) {
  JoinGroupResponse response{.error_code = CodeOf(joined.error),
                             .generation_id = joined.generation,
                             .protocol_type = {},
                             .protocol_name = {},
                             .leader = std::move(joined.leader),
                             .skip_assignment = joined.skip_assignment,
                             .member_id = std::move(joined.member_id),
                             .members = {}};
  if (joined.error == GroupError::kNone) {
    response.protocol_type = std::move(joined.protocol_type);
    response.protocol_name = std::move(joined.protocol);
  } else if (version < 7) {
    response.protocol_name = "";
  }
  for (JoinedGroup::Member& member : joined.members) {
    response.members.push_back({.member_id = std::move(member.member_id),
                                .group_instance_id = std::move(member.instance_id),
                                .metadata = Bytes(std::move(member.metadata))});
  }
  return response;
}

}  // namespace

void HandleJoinGroup(Call<JoinGroupRequest> call) {
  JoinGroupRequest& asked = call.request;
  JoinGroup join{.group = std::move(asked.group_id),
                 .member_id = std::move(asked.member_id),
                 .instance_id = std::move(asked.group_instance_id),
                 .client_id = call.client_id(),
                 .client_host = call.client_host(),
                 .session_timeout_ms = asked.session_timeout_ms,
                 .rebalance_timeout_ms = asked.rebalance_timeout_ms < 0
                                             ? asked.session_timeout_ms
                                             : asked.rebalance_timeout_ms,
                 .protocol_type = std::move(asked.protocol_type),
                 .protocols = {},
                 .must_know_its_id = call.version() >= 4,
                 .understands_skipping = call.version() >= 9};
  for (JoinGroupRequest::Protocol& protocol : asked.protocols) {
    join.protocols.push_back({std::move(protocol.name), protocol.metadata.ToString()});
  }
  asked.protocols.clear();  // while the call is parked nothing holds its frame
  GroupBroker& groups = call.broker().groups();
  groups.Join(std::move(join), [call = std::move(call)](JoinedGroup joined) mutable {
    call.Answer(ResponseOf(std::move(joined), call.version()));
  });
}

}  // namespace jangada::server::kafka
