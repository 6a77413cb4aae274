// Assign: who reads which partition in a group of the gRPC door. Sticky: whoever read a partition
// goes on with it unless balance demands otherwise, so that a rebalance moves as little as it can.
// The same question has the same answer. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/broker.h"

namespace jangada::server::groups {

struct AssignedMember {
  std::string member_id;
  std::vector<std::string> topics;      // that it wants to read
  std::vector<TopicPartition> reading;  // that it read so far
};

using Assignments = std::map<std::string, std::vector<TopicPartition>>;  // member id -> in order

/// `partitions`: how many each topic has; a topic that is missing has none. Each partition of a
/// topic that anybody wants goes to exactly one who wants it, and nobody has two more than another
/// who could take one of them.
Assignments Assign(const std::vector<AssignedMember>& members,
                   const std::map<std::string, int32_t>& partitions);

}  // namespace jangada::server::groups
