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

std::vector<ExitCodeRow> ExitCodes() {
  return {
      {"0", "done", "what was asked for was done"},
      {"1", "other failures", "a file, the terminal, damaged data: none of the below"},
      {"2", "wrong usage", "the command line, a value or the profile file must be mended"},
      {"3", "not found", "no such topic, partition, node or profile"},
      {"4", "unavailable",
       "nobody answered, or not in time; a change may have been made after all"},
      {"5", "refused", "it is there already, out of range, too large, or not possible just now"},
      {"130", "interrupted", "ended by SIGINT before it was done (143: by SIGTERM)"},
  };
}

}  // namespace jangada::client
