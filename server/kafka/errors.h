// Kafka's error codes, and the one map from ours to them. The numbers are the protocol's; a client
// acts by them: whether it tries again, asks for metadata anew, or believes that nothing was
// written. Pure; any thread.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace jangada::server::kafka {

enum class Code : int16_t {
  kUnknownServerError = -1,
  kNone = 0,
  kOffsetOutOfRange = 1,
  kCorruptMessage = 2,
  kUnknownTopicOrPartition = 3,
  kLeaderNotAvailable = 5,
  kNotLeaderOrFollower = 6,  // librdkafka takes it as "surely not written"
  kRequestTimedOut = 7,      // fate unknown
  kMessageTooLarge = 10,
  kOffsetMetadataTooLarge = 12,
  kCoordinatorLoadInProgress = 14,
  kCoordinatorNotAvailable = 15,
  kNotCoordinator = 16,
  kInvalidTopic = 17,
  kNotEnoughReplicas = 19,  // surely not written, worth another try
  kInvalidRequiredAcks = 21,
  kIllegalGeneration = 22,
  kInconsistentGroupProtocol = 23,
  kInvalidGroupId = 24,
  kUnknownMemberId = 25,
  kInvalidSessionTimeout = 26,
  kRebalanceInProgress = 27,
  kInvalidCommitOffsetSize = 28,
  kUnsupportedVersion = 35,
  kTopicAlreadyExists = 36,
  kInvalidPartitions = 37,
  kInvalidReplicationFactor = 38,
  kInvalidReplicaAssignment = 39,
  kInvalidConfig = 40,
  kNotController = 41,
  kInvalidRequest = 42,
  kUnsupportedForMessageFormat = 43,
  kPolicyViolation = 44,
  kOutOfOrderSequence = 45,
  kDuplicateSequence = 46,
  kInvalidProducerEpoch = 47,
  kKafkaStorageError = 56,
  kUnknownProducerId = 59,
  kReassignmentInProgress = 60,
  kNonEmptyGroup = 68,
  kGroupIdNotFound = 69,
  kFetchSessionIdNotFound = 70,
  kFencedLeaderEpoch = 74,
  kUnknownLeaderEpoch = 75,
  kUnsupportedCompressionType = 76,
  kMemberIdRequired = 79,
  kPreferredLeaderNotAvailable = 80,
  kGroupMaxSizeReached = 81,
  kFencedInstanceId = 82,
  kEligibleLeadersNotAvailable = 83,
  kElectionNotNeeded = 84,
  kNoReassignmentInProgress = 85,
  kGroupSubscribedToTopic = 86,
  kInvalidRecord = 87,
  kUnstableOffsetCommit = 88,
  kProducerFenced = 90,
  kUnknownTopicId = 100,
  kInconsistentTopicId = 103,
  kUnsupportedEndpointType = 115,
};

/// What a call of the broker on a partition ended in (produce, fetch, offsets).
Code CodeOf(ErrorCode code);

/// The same for a change of the cluster (topics, configs, partitions): there a wrong argument is
/// INVALID_REQUEST unless the handler knows better.
Code AdminCodeOf(ErrorCode code);

}  // namespace jangada::server::kafka
