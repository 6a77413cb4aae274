#include "server/kafka/handlers/group_codes.h"

namespace jangada::server::kafka {

Code CodeOf(GroupError error) {
  switch (error) {
    case GroupError::kNone: return Code::kNone;
    case GroupError::kNotCoordinator: return Code::kNotCoordinator;
    case GroupError::kLoading: return Code::kCoordinatorLoadInProgress;
    case GroupError::kNotAvailable: return Code::kCoordinatorNotAvailable;
    // Only of commits and deletions, which all clients repeat after it.
    case GroupError::kTimeout: return Code::kRequestTimedOut;
    case GroupError::kUnknownMember: return Code::kUnknownMemberId;
    case GroupError::kIllegalGeneration: return Code::kIllegalGeneration;
    case GroupError::kRebalanceInProgress: return Code::kRebalanceInProgress;
    case GroupError::kFencedInstance: return Code::kFencedInstanceId;
    case GroupError::kMemberIdRequired: return Code::kMemberIdRequired;
    case GroupError::kInconsistentProtocol: return Code::kInconsistentGroupProtocol;
    case GroupError::kInvalidGroupId: return Code::kInvalidGroupId;
    case GroupError::kInvalidSessionTimeout: return Code::kInvalidSessionTimeout;
    case GroupError::kGroupFull: return Code::kGroupMaxSizeReached;
    case GroupError::kMetadataTooLarge: return Code::kOffsetMetadataTooLarge;
    case GroupError::kTooLarge: return Code::kInvalidCommitOffsetSize;
    case GroupError::kUnknownTopic: return Code::kUnknownTopicOrPartition;
    case GroupError::kGroupNotFound: return Code::kGroupIdNotFound;
    case GroupError::kNonEmptyGroup: return Code::kNonEmptyGroup;
    case GroupError::kSubscribed: return Code::kGroupSubscribedToTopic;
  }
  return Code::kUnknownServerError;
}

}  // namespace jangada::server::kafka
