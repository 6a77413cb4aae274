// SyncGroup, key 14, v0 to v5, at the group's coordinator: the leader says who reads what, and
// every member is told its part once that is written down. Who asks before the leader has spoken
// waits.
#include <utility>

#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

SyncGroupResponse ResponseOf(SyncedGroup synced) {
  if (synced.error == GroupError::kTooLarge) return {.error_code = Code::kUnknownServerError};
  SyncGroupResponse response{.error_code = CodeOf(synced.error)};
  if (synced.error != GroupError::kNone) return response;
  response.protocol_type = std::move(synced.protocol_type);
  response.protocol_name = std::move(synced.protocol);
  response.assignment = Bytes(std::move(synced.assignment));
  return response;
}

}  // namespace

void HandleSyncGroup(Call<SyncGroupRequest> call) {
  SyncGroupRequest& asked = call.request;
  SyncGroup sync{.group = std::move(asked.group_id),
                 .generation = asked.generation_id,
                 .member_id = std::move(asked.member_id),
                 .instance_id = std::move(asked.group_instance_id),
                 .protocol_type = std::move(asked.protocol_type),
                 .protocol = std::move(asked.protocol_name),
                 .assignments = {}};
  for (SyncGroupRequest::Assignment& assignment : asked.assignments) {
    sync.assignments.push_back({std::move(assignment.member_id), assignment.assignment.ToString()});
  }
  asked.assignments.clear();  // while the call is parked nothing holds its frame
  GroupBroker& groups = call.broker().groups();
  groups.Sync(std::move(sync), [call = std::move(call)](SyncedGroup synced) mutable {
    call.Answer(ResponseOf(std::move(synced)));
  });
}

}  // namespace jangada::server::kafka
