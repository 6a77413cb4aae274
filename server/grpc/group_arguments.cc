#include "server/grpc/group_arguments.h"

#include <string>

#include "server/grpc/arguments.h"

namespace jangada::server::grpc_door {
namespace {

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Status CheckWait(const char* field, int32_t milliseconds, int32_t most) {
  if (milliseconds >= 0 && milliseconds <= most) return {};
  return Invalid(std::string(field) + " is " + std::to_string(milliseconds) +
                 ": it must be 0 (the default) to " + std::to_string(most) + ".");
}

Status CheckCount(const char* field, int count, int least, int most) {
  if (count >= least && count <= most) return {};
  return Invalid(std::string(field) + " has " + std::to_string(count) + " entries: it must have " +
                 std::to_string(least) + " to " + std::to_string(most) + ".");
}

}  // namespace

Status CheckGroup(std::string_view group) {
  if (!group.empty() && group.size() <= kMaxGroupIdBytes) return {};
  return Invalid("group has " + std::to_string(group.size()) + " bytes: it must have 1 to " +
                 std::to_string(kMaxGroupIdBytes) + ".");
}

Status CheckSubscribe(const v1::GroupMemberRequest::Subscribe& subscribe) {
  TRY(CheckGroup(subscribe.group()));
  TRY(CheckCount("topics", subscribe.topics_size(), 1, kMaxSubscribedTopics));
  for (const std::string& topic : subscribe.topics()) {
    TRY(CheckTopicName(topic));
  }
  TRY(CheckWait("session_timeout_ms", subscribe.session_timeout_ms(), kMaxRebalanceMs));
  TRY(CheckWait("rebalance_timeout_ms", subscribe.rebalance_timeout_ms(), kMaxRebalanceMs));
  if (subscribe.member_id().empty() != (subscribe.generation() == 0)) {
    return Invalid("member_id and generation belong together: set both, or none.");
  }
  return {};
}

Status CheckPartitions(const google::protobuf::RepeatedPtrField<v1::PartitionId>& partitions) {
  TRY(CheckCount("partitions", partitions.size(), 0, kMaxOffsetsAtOnce));
  for (const v1::PartitionId& where : partitions) {
    TRY(CheckWhere(where.topic(), where.partition()));
  }
  return {};
}

Result<std::vector<OffsetToCommit>> OffsetsFrom(
    const google::protobuf::RepeatedPtrField<v1::GroupOffset>& offsets) {
  TRY(CheckCount("offsets", offsets.size(), 1, kMaxOffsetsAtOnce));
  std::vector<OffsetToCommit> out;
  for (const v1::GroupOffset& offset : offsets) {
    TRY(CheckWhere(offset.topic(), offset.partition()));
    if (offset.offset() < 0) {
      return Invalid("offset is " + std::to_string(offset.offset()) + ": it must be 0 or more.");
    }
    out.push_back({.where = {offset.topic(), offset.partition()},
                   .offset = offset.offset(),
                   .metadata = offset.metadata()});
  }
  return out;
}

}  // namespace jangada::server::grpc_door
