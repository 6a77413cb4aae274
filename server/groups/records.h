// What consumer groups keep in the log of their shard, as plain values: the members of a group at
// each rebalance that was completed, and committed offsets. Their encoding never changes silently:
// docs/on-disk-format.md. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/uuid.h"
#include "server/group_broker.h"

namespace jangada::server::groups {

struct MemberRecord {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  int64_t session_timeout_ms = 0;
  int64_t rebalance_timeout_ms = 0;
  std::vector<GroupProtocol> protocols;  // the dearest to the member first
  std::string assignment;
  static void Fields(auto& m, auto& v) {
    v(m.member_id), v(m.instance_id), v(m.client_id), v(m.client_host);
    v(m.session_timeout_ms), v(m.rebalance_timeout_ms), v(m.protocols), v(m.assignment);
  }
  friend bool operator==(const MemberRecord&, const MemberRecord&) = default;
};

/// What a member takes in memory and in the log, about.
size_t BytesOf(const MemberRecord& member);

/// A group after a rebalance. Without members it is empty, or was never joined.
struct GroupRecord {
  int32_t generation = 0;
  std::string protocol_type;  // empty: nobody ever joined
  std::string protocol;
  std::string leader;
  std::vector<MemberRecord> members;  // in the order of their ids
  static void Fields(auto& m, auto& v) {
    v(m.generation), v(m.protocol_type), v(m.protocol), v(m.leader), v(m.members);
  }
  friend bool operator==(const GroupRecord&, const GroupRecord&) = default;
};

struct OffsetRecord {
  int64_t offset = 0;
  int32_t leader_epoch = -1;
  std::string metadata;
  int64_t commit_ms = 0;  // by the coordinator's wall clock
  static void Fields(auto& m, auto& v) {
    v(m.offset), v(m.leader_epoch), v(m.metadata), v(m.commit_ms);
  }
  friend bool operator==(const OffsetRecord&, const OffsetRecord&) = default;
};

/// Offsets of one topic, by partition. They die with the topic: another of its name has another id.
struct TopicOffsets {
  Uuid topic_id;
  std::map<int32_t, OffsetRecord> partitions;
  static void Fields(auto& m, auto& v) { v(m.topic_id), v(m.partitions); }
  friend bool operator==(const TopicOffsets&, const TopicOffsets&) = default;
};

// ---- commands: what a kCommand entry holds ----

/// A rebalance was completed, or the last member has left.
struct SetGroup {
  std::string group;
  int64_t at_ms = 0;
  GroupRecord record;
  static void Fields(auto& m, auto& v) { v(m.group), v(m.at_ms), v(m.record); }
  friend bool operator==(const SetGroup&, const SetGroup&) = default;
};

struct CommitCommand {
  std::string group;
  int64_t at_ms = 0;
  uint64_t image_version = 0;  // of the cluster image that named the topics' ids
  std::map<std::string, TopicOffsets> topics;
  static void Fields(auto& m, auto& v) { v(m.group), v(m.at_ms), v(m.image_version), v(m.topics); }
  friend bool operator==(const CommitCommand&, const CommitCommand&) = default;
};

struct DeleteOffsetsCommand {
  std::string group;
  std::map<std::string, std::vector<int32_t>> topics;
  static void Fields(auto& m, auto& v) { v(m.group), v(m.topics); }
  friend bool operator==(const DeleteOffsetsCommand&, const DeleteOffsetsCommand&) = default;
};

/// The group and its offsets.
struct DeleteGroupCommand {
  std::string group;
  static void Fields(auto& m, auto& v) { v(m.group); }
  friend bool operator==(const DeleteGroupCommand&, const DeleteGroupCommand&) = default;
};

/// Groups that nobody has used since `idle_since_ms` go, with their offsets. One that was used
/// meanwhile stays.
struct ExpireGroups {
  struct Idle {
    std::string group;
    int64_t idle_since_ms = 0;
    static void Fields(auto& m, auto& v) { v(m.group), v(m.idle_since_ms); }
    friend bool operator==(const Idle&, const Idle&) = default;
  };
  std::vector<Idle> groups;
  static void Fields(auto& m, auto& v) { v(m.groups); }
  friend bool operator==(const ExpireGroups&, const ExpireGroups&) = default;
};

/// Topics that were deleted: no group keeps offsets of them.
struct DropTopics {
  std::vector<Uuid> topic_ids;
  static void Fields(auto& m, auto& v) { v(m.topic_ids); }
  friend bool operator==(const DropTopics&, const DropTopics&) = default;
};

/// Never reorder: the place is the kind on disk.
using Command = std::variant<SetGroup, CommitCommand, DeleteOffsetsCommand, DeleteGroupCommand,
                             ExpireGroups, DropTopics>;

/// A group's id as a line of the log may show it: clients choose it, of any bytes and length.
std::string ForLog(const std::string& group);

Bytes EncodeCommand(const Command& command);
/// kUnsupportedVersion for a version or kind that this program doesn't know; kDataCorrupt for bytes
/// that no version wrote.
Result<Command> DecodeCommand(std::string_view bytes);

}  // namespace jangada::server::groups
