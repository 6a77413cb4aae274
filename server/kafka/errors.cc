#include "server/kafka/errors.h"

namespace jangada::server::kafka {

Code CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return Code::kInvalidRecord;
    case ErrorCode::kNotFound:
    case ErrorCode::kUnknownTopic: return Code::kUnknownTopicOrPartition;
    case ErrorCode::kAlreadyExists: return Code::kTopicAlreadyExists;
    case ErrorCode::kOffsetOutOfRange: return Code::kOffsetOutOfRange;
    case ErrorCode::kRecordTooLarge: return Code::kMessageTooLarge;
    case ErrorCode::kCorruptRecord: return Code::kCorruptMessage;
    case ErrorCode::kUnsupportedVersion: return Code::kUnsupportedForMessageFormat;
    case ErrorCode::kOutOfOrderSequence: return Code::kOutOfOrderSequence;
    case ErrorCode::kDuplicateSequence: return Code::kDuplicateSequence;
    // A producer with a newer epoch took over. In a Produce response Kafka says it by this code;
    // PRODUCER_FENCED (90) is for the calls of transactions.
    case ErrorCode::kProducerFenced: return Code::kInvalidProducerEpoch;
    case ErrorCode::kUnknownProducer: return Code::kUnknownProducerId;
    // Surely not done. A leader that is not ready yet counts as none: the client looks again.
    case ErrorCode::kNotLeader:
    case ErrorCode::kUnavailable: return Code::kNotLeaderOrFollower;
    // Surely not done: the followers are behind.
    case ErrorCode::kThrottled: return Code::kNotEnoughReplicas;
    case ErrorCode::kDiskFull:
    case ErrorCode::kIoError:
    case ErrorCode::kDataCorrupt: return Code::kKafkaStorageError;
    // Fate unknown: never a code that clients take for "not written". A node that stops gives up on
    // proposals that may yet commit elsewhere.
    case ErrorCode::kShuttingDown:
    case ErrorCode::kTimeout: return Code::kRequestTimedOut;
    // The cluster's own topic: nobody else reads or writes it.
    case ErrorCode::kPermissionDenied: return Code::kInvalidTopic;
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kInternal: return Code::kUnknownServerError;
  }
  return Code::kUnknownServerError;
}

Code AdminCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kPermissionDenied: return Code::kInvalidRequest;
    // No controller was found: clients look for it anew.
    case ErrorCode::kNotLeader:
    case ErrorCode::kUnavailable: return Code::kNotController;
    default: return CodeOf(code);
  }
}

}  // namespace jangada::server::kafka
