// OffsetDelete, key 47, v0, at the group's coordinator: single committed offsets go. Refused for
// topics that members of the group subscribe to, and altogether while members are no consumers, of
// which nobody here knows what they read.
#include <utility>

#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleOffsetDelete(Call<OffsetDeleteRequest> call) {
  DeleteOffsets asked{.group = call.request.group_id, .where = {}};
  for (const OffsetDeleteRequest::Topic& topic : call.request.topics) {
    for (const OffsetDeleteRequest::Partition& partition : topic.partitions) {
      asked.where.push_back({topic.name, partition.index});
    }
  }
  GroupBroker& groups = call.broker().groups();
  groups.Delete(std::move(asked), [call = std::move(call)](const OffsetErrors& errors) mutable {
    OffsetDeleteResponse response;
    response.error_code = CodeOf(errors.error);
    if (errors.error != GroupError::kNone) return call.Answer(response);
    auto each = errors.each.begin();
    for (const OffsetDeleteRequest::Topic& topic : call.request.topics) {
      OffsetDeleteResponse::Topic& line = response.topics.emplace_back();
      line.name = topic.name;
      for (const OffsetDeleteRequest::Partition& partition : topic.partitions) {
        const GroupError error = each == errors.each.end() ? errors.error : *each++;
        line.partitions.push_back({partition.index, CodeOf(error)});
      }
    }
    call.Answer(response);
  });
}

}  // namespace jangada::server::kafka
