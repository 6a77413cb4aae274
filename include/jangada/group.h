// Consumer groups as a Client tells of them: proto/jangada/v1/group.proto says more of what each
// means. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "jangada/cluster.h"

namespace jangada::client {

enum class GroupState {
  kUnspecified,
  kEmpty,
  kPreparingRebalance,
  kCompletingRebalance,
  kStable,
};

/// By which protocol a group's members came; kUnspecified: nobody ever joined.
enum class GroupDoor { kUnspecified, kGrpc, kKafka };

struct GroupEntry {
  std::string group;
  GroupState state = GroupState::kUnspecified;
  GroupDoor door = GroupDoor::kUnspecified;
  int32_t coordinator = 0;
};

struct GroupListView {
  std::vector<GroupEntry> groups;   // by name
  std::vector<int32_t> unanswered;  // nodes whose groups may be missing
};

struct GroupMemberView {
  std::string member_id;
  std::string instance_id;  // empty: not static
  std::string client_id;
  std::string client_host;
  std::vector<TopicPartition> partitions;
};

struct GroupPartitionView {
  TopicPartition where;
  int64_t committed_offset = -1;  // -1: none
  std::string metadata;
  int64_t log_start_offset = 0;
  int64_t log_end_offset = 0;
  int64_t lag_records = -1;  // -1: not known
  int64_t lag_ms = -1;    // age of the first record that was not read; 0: all were; -1: not known
  std::string member_id;  // who reads it; empty: nobody
  std::string error;      // why its leader did not answer; empty: it did
};

struct GroupView {
  std::string group;
  GroupState state = GroupState::kUnspecified;
  GroupDoor door = GroupDoor::kUnspecified;
  int32_t coordinator = 0;
  std::string assignor;
  std::vector<GroupMemberView> members;
  std::vector<GroupPartitionView> partitions;  // by topic and number
};

/// Where a group is to go on in a partition.
struct GroupOffset {
  TopicPartition where;
  int64_t offset = 0;
  std::string metadata = {};
};

}  // namespace jangada::client
