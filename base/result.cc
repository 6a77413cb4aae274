#include "base/result.h"

namespace jangada {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "INVALID_ARGUMENT";
    case ErrorCode::kNotFound: return "NOT_FOUND";
    case ErrorCode::kUnknownTopic: return "UNKNOWN_TOPIC";
    case ErrorCode::kAlreadyExists: return "ALREADY_EXISTS";
    case ErrorCode::kOffsetOutOfRange: return "OFFSET_OUT_OF_RANGE";
    case ErrorCode::kRecordTooLarge: return "RECORD_TOO_LARGE";
    case ErrorCode::kCorruptRecord: return "CORRUPT_RECORD";
    case ErrorCode::kFailedPrecondition: return "FAILED_PRECONDITION";
    case ErrorCode::kPermissionDenied: return "PERMISSION_DENIED";
    case ErrorCode::kUnsupportedVersion: return "UNSUPPORTED_VERSION";
    case ErrorCode::kOutOfOrderSequence: return "OUT_OF_ORDER_SEQUENCE";
    case ErrorCode::kDuplicateSequence: return "DUPLICATE_SEQUENCE";
    case ErrorCode::kProducerFenced: return "PRODUCER_FENCED";
    case ErrorCode::kUnknownProducer: return "UNKNOWN_PRODUCER";
    case ErrorCode::kNotLeader: return "NOT_LEADER";
    case ErrorCode::kUnavailable: return "UNAVAILABLE";
    case ErrorCode::kThrottled: return "THROTTLED";
    case ErrorCode::kDiskFull: return "DISK_FULL";
    case ErrorCode::kShuttingDown: return "SHUTTING_DOWN";
    case ErrorCode::kTimeout: return "TIMEOUT";
    case ErrorCode::kIoError: return "IO_ERROR";
    case ErrorCode::kDataCorrupt: return "DATA_CORRUPT";
    case ErrorCode::kInternal: return "INTERNAL";
  }
  return "UNKNOWN";
}

std::ostream& operator<<(std::ostream& out, ErrorCode code) { return out << ErrorCodeName(code); }

namespace internal {

void Misused(const std::string& what) { CHECK_MSG(false, what); }

}  // namespace internal
}  // namespace jangada
