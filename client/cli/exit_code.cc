#include "client/cli/exit_code.h"

namespace jangada::client {

int ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return kExitUsage;
    case ErrorCode::kNotFound:
    case ErrorCode::kUnknownTopic: return kExitNotFound;
    case ErrorCode::kNotLeader:
    case ErrorCode::kUnavailable:
    case ErrorCode::kThrottled:
    case ErrorCode::kShuttingDown:
    case ErrorCode::kTimeout: return kExitUnavailable;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kOffsetOutOfRange:
    case ErrorCode::kRecordTooLarge:
    case ErrorCode::kCorruptRecord:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnsupportedVersion:
    case ErrorCode::kOutOfOrderSequence:
    case ErrorCode::kDuplicateSequence:
    case ErrorCode::kProducerFenced:
    case ErrorCode::kUnknownProducer:
    case ErrorCode::kDiskFull: return kExitRefused;
    case ErrorCode::kIoError:
    case ErrorCode::kDataCorrupt:
    case ErrorCode::kInternal: return kExitOther;
  }
  return kExitOther;
}

}  // namespace jangada::client
