// GroupBroker: the part of the Broker that serves consumer groups (Broker::groups()), and the words
// in which doors and coordinators speak. A group's coordinator is the leader of one partition of
// the topic `__consumer_offsets`; only its node answers, every other says kNotCoordinator.
//
// Every call may come from any thread, returns at once, and ends in one call of `done`, on an
// unspecified thread, which must not block. Join and Sync are parked until the group is ready.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/callback.h"
#include "base/result.h"
#include "server/broker.h"

namespace jangada::server {

/// How a call on a group ended. The names are those of Kafka's protocol.
enum class GroupError : uint8_t {
  kNone,
  // Nothing was done: look for the coordinator, and try again.
  kNotCoordinator,
  kLoading,       // it was just elected, or does not know the newest topics yet
  kNotAvailable,  // nobody leads the group's partition, or it takes nothing just now
  kTimeout,       // the fate of what was to be written is unknown; the same again changes no more
  // The caller is not, or no longer, what it says it is.
  kUnknownMember,
  kIllegalGeneration,
  kRebalanceInProgress,
  kFencedInstance,    // another process took over its group.instance.id
  kMemberIdRequired,  // join again with the member id of the answer
  // The call can't be served as it is.
  kInconsistentProtocol,
  kInvalidGroupId,
  kInvalidSessionTimeout,
  kGroupFull,
  kMetadataTooLarge,  // of a committed offset
  kTooLarge,          // what is to be written down goes beyond a bound
  kUnknownTopic,
  kGroupNotFound,
  kNonEmptyGroup,
  kSubscribed,  // its members read the topic whose offsets are to go
};

/// Bounds of what clients name. Groups have ids as topics have names, but of any characters.
inline constexpr size_t kMaxGroupIdBytes = 1024;
inline constexpr size_t kMaxOffsetMetadataBytes = 4096;

// ---- members ----

struct GroupProtocol {
  std::string name;
  std::string metadata;  // the member's, for the leader's eyes
  static void Fields(auto& m, auto& v) { v(m.name), v(m.metadata); }
  friend bool operator==(const GroupProtocol&, const GroupProtocol&) = default;
};

struct JoinGroup {
  std::string group;
  std::string member_id;                   // empty: a new member
  std::optional<std::string> instance_id;  // a static member
  std::string client_id;
  std::string client_host;
  int64_t session_timeout_ms = 0;
  int64_t rebalance_timeout_ms = 0;
  std::string protocol_type;
  std::vector<GroupProtocol> protocols;  // the dearest to the member first
  bool must_know_its_id = false;         // a new member is told its id and joins again with it
  bool understands_skipping = false;     // see JoinedGroup::skip_assignment
};

struct JoinedGroup {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string metadata;
  };
  GroupError error = GroupError::kNone;
  int32_t generation = -1;
  std::string protocol_type;
  std::string protocol;
  std::string leader;
  std::string member_id;
  /// A static leader came back: what it once assigned stands.
  bool skip_assignment = false;
  std::vector<Member> members;  // for the leader only
};

struct SyncGroup {
  struct Assignment {
    std::string member_id;
    std::string assignment;
  };
  std::string group;
  int32_t generation = -1;
  std::string member_id;
  std::optional<std::string> instance_id;
  std::optional<std::string> protocol_type;  // checked where they are given
  std::optional<std::string> protocol;
  std::vector<Assignment> assignments;  // the leader's; empty from all others
};

struct SyncedGroup {
  GroupError error = GroupError::kNone;
  std::string protocol_type;
  std::string protocol;
  std::string assignment;
};

/// Who says that it is a member, of which generation.
struct GroupMembership {
  std::string group;
  int32_t generation = -1;
  std::string member_id;
  std::optional<std::string> instance_id;
};

struct LeaveGroup {
  struct Member {
    std::string member_id;  // may be empty where the instance is named
    std::optional<std::string> instance_id;
  };
  std::string group;
  std::vector<Member> members;
};

struct LeftGroup {
  GroupError error = GroupError::kNone;
  std::vector<GroupError> members;  // in the order of the request; empty after an error
};

// ---- offsets ----

struct OffsetToCommit {
  TopicPartition where;
  int64_t offset = 0;
  int32_t leader_epoch = -1;
  std::string metadata;
};

struct CommitOffsets {
  GroupMembership member;  // generation -1 and no member id: whoever keeps offsets without joining
  std::vector<OffsetToCommit> offsets;
};

struct CommittedOffset {
  TopicPartition where;
  int64_t offset = -1;  // -1: none
  int32_t leader_epoch = -1;
  std::string metadata;
};

struct FetchOffsets {
  std::string group;
  std::optional<std::vector<TopicPartition>> where;  // nullopt: all that the group committed
};

struct FetchedOffsets {
  GroupError error = GroupError::kNone;
  std::vector<CommittedOffset> offsets;
};

struct DeleteOffsets {
  std::string group;
  std::vector<TopicPartition> where;
};

/// One error an offset, in the order of the request; empty after an error of the whole.
struct OffsetErrors {
  GroupError error = GroupError::kNone;
  std::vector<GroupError> each;
};

// ---- groups ----

enum class GroupState : uint8_t {
  kEmpty,                // no members; offsets may be kept
  kPreparingRebalance,   // members are (re)joining
  kCompletingRebalance,  // all have joined; the leader is to say who reads what
  kStable,
  kDead,  // there is no such group
};

/// As Kafka's tools write it.
inline const char* NameOf(GroupState state) {
  switch (state) {
    case GroupState::kEmpty: return "Empty";
    case GroupState::kPreparingRebalance: return "PreparingRebalance";
    case GroupState::kCompletingRebalance: return "CompletingRebalance";
    case GroupState::kStable: return "Stable";
    case GroupState::kDead: return "Dead";
  }
  return "Dead";
}

struct GroupDescription {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::string metadata;    // empty while the group rebalances, as is
    std::string assignment;  // this
  };
  GroupError error = GroupError::kNone;
  GroupState state = GroupState::kDead;
  std::string protocol_type;
  std::string protocol;
  std::vector<Member> members;
};

struct ListedGroup {
  std::string id;
  std::string protocol_type;
  GroupState state = GroupState::kDead;
};

struct GroupList {
  GroupError error = GroupError::kNone;
  std::vector<ListedGroup> groups;
};

struct FoundCoordinator {
  GroupError error = GroupError::kNone;
  NodeId node;
};

class GroupBroker {
 public:
  virtual ~GroupBroker() = default;

  /// On any node. The first call of all makes the topic `__consumer_offsets`.
  virtual void FindCoordinator(std::string group, Callback<FoundCoordinator> done) = 0;

  virtual void Join(JoinGroup request, Callback<JoinedGroup> done) = 0;
  virtual void Sync(SyncGroup request, Callback<SyncedGroup> done) = 0;
  virtual void Heartbeat(GroupMembership member, Callback<GroupError> done) = 0;
  virtual void Leave(LeaveGroup request, Callback<LeftGroup> done) = 0;

  /// Answered when the offsets are committed to the log and applied.
  virtual void Commit(CommitOffsets request, Callback<OffsetErrors> done) = 0;
  /// Linearizable: everything that was answered before is seen.
  virtual void Fetch(FetchOffsets request, Callback<FetchedOffsets> done) = 0;
  virtual void Delete(DeleteOffsets request, Callback<OffsetErrors> done) = 0;

  virtual void Describe(std::string group, Callback<GroupDescription> done) = 0;
  /// The groups whose coordinator is this node.
  virtual void List(Callback<GroupList> done) = 0;
  virtual void DeleteGroup(std::string group, Callback<GroupError> done) = 0;
};

}  // namespace jangada::server
