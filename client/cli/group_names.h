// What states and doors of consumer groups are called on the command line. Pure.
#pragma once

#include "jangada/group.h"

namespace jangada::client {

inline const char* NameOf(GroupState state) {
  switch (state) {
    case GroupState::kEmpty: return "empty";
    case GroupState::kPreparingRebalance: return "preparing-rebalance";
    case GroupState::kCompletingRebalance: return "completing-rebalance";
    case GroupState::kStable: return "stable";
    case GroupState::kUnspecified: break;
  }
  return "unknown";
}

/// Empty: nobody ever joined.
inline const char* NameOf(GroupDoor door) {
  switch (door) {
    case GroupDoor::kGrpc: return "grpc";
    case GroupDoor::kKafka: return "kafka";
    case GroupDoor::kUnspecified: break;
  }
  return "";
}

}  // namespace jangada::client
