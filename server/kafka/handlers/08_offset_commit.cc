// OffsetCommit, key 8, v1 to v9, at the group's coordinator. A member commits under its generation;
// whoever keeps offsets without joining names neither (-1, ""), and may do so while the group has
// no members. The time to keep offsets that versions 2 to 4 name is not looked at: offsets are kept
// as the operator says (groups.offsets_retention_minutes).
#include <memory>

#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleOffsetCommit(Call<OffsetCommitRequest> call) {
  OffsetCommitRequest& asked = call.request;
  CommitOffsets commit{.member = {.group = asked.group_id,
                                  .generation = asked.generation_id,
                                  .member_id = asked.member_id,
                                  .instance_id = asked.group_instance_id},
                       .offsets = {}};
  for (OffsetCommitRequest::Topic& topic : asked.topics) {
    for (OffsetCommitRequest::Partition& partition : topic.partitions) {
      commit.offsets.push_back({.where = {topic.name, partition.index},
                                .offset = partition.committed_offset,
                                .leader_epoch = partition.committed_leader_epoch,
                                .metadata = std::move(partition.committed_metadata).value_or("")});
    }
  }
  GroupBroker& groups = call.broker().groups();
  groups.Commit(std::move(commit), [call = std::move(call)](const OffsetErrors& errors) mutable {
    OffsetCommitResponse response;
    auto each = errors.each.begin();
    for (const OffsetCommitRequest::Topic& topic : call.request.topics) {
      OffsetCommitResponse::Topic& line = response.topics.emplace_back();
      line.name = topic.name;
      for (const OffsetCommitRequest::Partition& partition : topic.partitions) {
        const GroupError error = each == errors.each.end() ? errors.error : *each++;
        line.partitions.push_back({partition.index, CodeOf(error)});
      }
    }
    call.Answer(response);
  });
}

}  // namespace jangada::server::kafka
