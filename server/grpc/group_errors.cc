#include "server/grpc/group_errors.h"

#include "base/check.h"
#include "server/grpc/arguments.h"

namespace jangada::server::grpc_door {

Error ErrorOf(GroupError error, const std::string& group) {
  const std::string the_group = "The consumer group " + Quoted(group);
  switch (error) {
    case GroupError::kNotCoordinator:
      return {ErrorCode::kNotLeader, the_group + " is coordinated by another node: ask that one."};
    case GroupError::kLoading:
      return {ErrorCode::kUnavailable,
              the_group +
                  " has a new coordinator, which does not serve yet: nothing was done; try "
                  "again shortly."};
    case GroupError::kNotAvailable:
      return {ErrorCode::kUnavailable,
              the_group + " has no coordinator just now: nothing was done; try again shortly."};
    case GroupError::kTimeout:
      return {ErrorCode::kTimeout, "Whether the change of the consumer group " + Quoted(group) +
                                       " was written is not known; to repeat it does no harm."};
    case GroupError::kUnknownMember:
      return {ErrorCode::kFailedPrecondition,
              the_group +
                  " has members, and this is none of them (any more): join it, or wait "
                  "until it is empty."};
    case GroupError::kIllegalGeneration:
      return {ErrorCode::kFailedPrecondition,
              the_group + " went on without this member: its partitions may have another reader."};
    case GroupError::kRebalanceInProgress:
      return {ErrorCode::kFailedPrecondition,
              the_group +
                  " is deciding anew who reads what: this member has no partitions just "
                  "now."};
    case GroupError::kFencedInstance:
      return {ErrorCode::kFailedPrecondition,
              "Another process has joined the consumer group " + Quoted(group) +
                  " under the same instance_id, and took this member's place."};
    case GroupError::kMemberIdRequired:
      return {ErrorCode::kInternal, "A member id was asked for twice."};
    case GroupError::kInconsistentProtocol:
      return {ErrorCode::kFailedPrecondition,
              the_group +
                  " has members that came by Kafka's protocol: a group's members must all "
                  "come by one door. Use another group, or wait until they have left."};
    case GroupError::kInvalidGroupId:
      return {ErrorCode::kInvalidArgument,
              "group must have 1 to " + std::to_string(kMaxGroupIdBytes) + " bytes."};
    case GroupError::kInvalidSessionTimeout:
      return {ErrorCode::kInvalidArgument,
              "session_timeout_ms lies outside the bounds of this cluster."};
    case GroupError::kGroupFull:
      return {ErrorCode::kFailedPrecondition, the_group + " has as many members as it may have."};
    case GroupError::kMetadataTooLarge:
      return {ErrorCode::kInvalidArgument, "The metadata of an offset may have at most " +
                                               std::to_string(kMaxOffsetMetadataBytes) + " bytes."};
    case GroupError::kTooLarge:
      return {ErrorCode::kFailedPrecondition, "What is to be kept of the consumer group " +
                                                  Quoted(group) +
                                                  " is more than its coordinator may keep."};
    case GroupError::kUnknownTopic:
      return {ErrorCode::kUnknownTopic, "There is no such partition."};
    case GroupError::kGroupNotFound:
      return {ErrorCode::kNotFound, "There is no consumer group " + Quoted(group) + "."};
    case GroupError::kNonEmptyGroup:
      return {ErrorCode::kFailedPrecondition, the_group + " has members: stop them first."};
    case GroupError::kSubscribed:
      return {ErrorCode::kFailedPrecondition, "Members of the consumer group " + Quoted(group) +
                                                  " read that topic: stop them "
                                                  "first."};
    case GroupError::kNone: break;
  }
  CHECK(error != GroupError::kNone);
  return {ErrorCode::kInternal, {}};
}

}  // namespace jangada::server::grpc_door
