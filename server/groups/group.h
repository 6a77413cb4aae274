// Group: the members of one consumer group, by Kafka's classic protocol, as a pure state machine:
// no clock (now is an argument), no thread, no socket, and ids from a seeded Random. Who reads what
// is decided by a member, the leader; the group only gathers members into generations, chooses a
// protocol that all of them know, and hands the leader's assignment out.
//
//   Empty --join--> PreparingRebalance --all joined--> CompletingRebalance --leader synced-->
//   Stable
//     ^                  ^    |                             |                                   |
//     '---- all left ----'----'<--------- joins, leaves, expired sessions ----------------------'
//
// What must outlive a coordinator is handed out as records (TakeRecord) and answered with their
// fate (OnRecorded); an assignment is told to members only once it is written. Joins and syncs that
// can't be answered yet are parked, and each is answered exactly once.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/callback.h"
#include "base/random.h"
#include "server/group_broker.h"
#include "server/groups/records.h"

namespace jangada::server::groups {

struct GroupOptions {
  int64_t min_session_us = 6'000'000;
  int64_t max_session_us = 1'800'000'000;
  /// An empty group waits for more members after the first, and again after each that came
  /// meanwhile, up to its rebalance timeout.
  int64_t initial_delay_us = 3'000'000;
  size_t max_members = 1000;
};

/// A member that was made by a join and never came back with its id stays so long at most.
inline constexpr int64_t kNewMemberJoinUs = 300'000'000;
/// No rebalance is given less time, whatever its members ask for.
inline constexpr int64_t kMinRebalanceUs = 100'000;
inline constexpr size_t kMaxProtocolsOfMember = 64;
/// What the members of one group say of themselves and are assigned: one entry of the log holds it.
inline constexpr size_t kMaxGroupBytes = 4 << 20;
/// A record that could not be written is tried again after this long.
inline constexpr int64_t kRecordRetryUs = 1'000'000;

class Group {
 public:
  /// `random` outlives the group. A new group, empty.
  Group(std::string id, const GroupOptions& options, Random& random);
  /// As its last record says. The sessions of its members begin anew.
  Group(std::string id, const GroupOptions& options, Random& random, const GroupRecord& record,
        int64_t now_us);

  // ---- calls of members ----
  /// `room`: what the group may still grow by.
  void Join(JoinGroup request, int64_t now_us, Callback<JoinedGroup> done,
            size_t room = kMaxGroupBytes);
  void Sync(SyncGroup request, int64_t now_us, Callback<SyncedGroup> done);
  GroupError Heartbeat(const GroupMembership& member, int64_t now_us);
  LeftGroup Leave(const LeaveGroup& request, int64_t now_us);
  /// Whether this member may commit offsets. A sign of life, as a heartbeat is.
  GroupError CheckCommit(const GroupMembership& member, int64_t now_us);

  // ---- time ----
  void OnTime(int64_t now_us);
  /// When OnTime has something to do; may be early. nullopt: never.
  std::optional<int64_t> next_due_us() const;

  // ---- what must be written down ----
  struct Pending {
    uint64_t number = 0;
    GroupRecord record;
  };
  /// The newest state of the group that is to be written, once. To be written in the order taken.
  std::optional<Pending> TakeRecord();
  /// `fate`: kNone, or why it was not (or perhaps not) written.
  void OnRecorded(uint64_t number, GroupError fate, int64_t now_us);

  /// It is no longer coordinated here: whatever is parked is answered with `why`. No more calls.
  void Kill(GroupError why);

  const std::string& id() const { return id_; }
  GroupState state() const { return state_; }
  int32_t generation() const { return generation_; }
  size_t size() const { return members_.size(); }
  /// What its members say of themselves and are assigned.
  size_t bytes() const;
  /// Without members, and with nothing under way: its last record says all there is to it.
  bool IsIdle() const;
  GroupRecord Record() const;
  GroupDescription Describe() const;
  /// What the members said of the protocol that was chosen: who reads what is in there.
  std::vector<std::string> Subscriptions() const;

  /// The numbered rules below. CHECKs.
  void CheckInvariants() const;

 private:
  struct Member {
    MemberRecord says;
    int64_t deadline_us = 0;  // of its session
    bool is_new = true;       // it has not seen a generation yet
    bool owes_sync = false;   // it was told of this generation, and has not asked for its part
    Callback<JoinedGroup> joining;
    Callback<SyncedGroup> syncing;
    int64_t session_us() const { return says.session_timeout_ms * 1000; }
  };
  using Members = std::map<std::string, Member>;
  /// Why a record is written.
  enum class Purpose : uint8_t { kAssignment, kEmptied, kReplacedStatic };
  struct Writing {
    Purpose purpose;
    int32_t generation = 0;
    std::string member_id;  // kReplacedStatic: who waits for it
    JoinedGroup answer;     // ... and for this
  };

  // group_join.cc
  GroupError CheckJoin(const JoinGroup& request, size_t room) const;
  GroupError CheckProtocols(const JoinGroup& request, const std::string& except) const;
  bool HasRoomFor(const JoinGroup& request, const std::string& replaced, size_t room) const;
  void JoinNew(JoinGroup request, int64_t now_us, Callback<JoinedGroup> done);
  void JoinAgain(JoinGroup request, int64_t now_us, Callback<JoinedGroup> done);
  void AddMember(std::string member_id, JoinGroup request, int64_t now_us,
                 Callback<JoinedGroup> done);
  void UpdateMember(Member* member, JoinGroup request, int64_t now_us, Callback<JoinedGroup> done);
  void ReplaceStatic(JoinGroup request, int64_t now_us, Callback<JoinedGroup> done);
  void ReturnToStable(const std::string& old_id, Member* member, bool skip);
  JoinedGroup JoinAnswer(const Member& member) const;
  std::string MakeMemberId(const JoinGroup& request);

  // group.cc
  GroupError CheckMember(const std::string& member_id,
                         const std::optional<std::string>& instance_id) const;
  GroupError CheckMembership(const GroupMembership& member) const;
  GroupError LeaveOne(const LeaveGroup::Member& leaving, int64_t now_us);
  void RemoveMember(Members::iterator member, int64_t now_us);
  void KeepAlive(Member* member, int64_t now_us);
  void PrepareRebalance(int64_t now_us);
  void MaybePrepareRebalance(int64_t now_us);
  void MaybeCompleteJoin(int64_t now_us);
  void OnRebalanceDeadline(int64_t now_us);
  void CompleteJoin(int64_t now_us);
  bool ElectLeader();
  std::string ChooseProtocol() const;
  int64_t RebalanceTimeoutUs() const;
  void TakeAssignments(std::vector<SyncGroup::Assignment> assignments);
  void OnAssignmentRecorded(const Writing& writing, GroupError fate, int64_t now_us);
  SyncedGroup SyncAnswer(const Member& member) const;
  void FailSyncs(GroupError error);
  void Write(Writing writing);

  // Constant after construction.
  const std::string id_;
  const GroupOptions options_;
  Random& random_;

  // 1. Empty and Dead: no members. Else: there are members, or a rebalance is about to find that
  //    there are none.
  // 2. Joins are parked only while PreparingRebalance, but for that of a static member which waits
  //    for its record; syncs only while CompletingRebalance.
  // 3. CompletingRebalance and Stable: leader_ is a member, and all members know protocol_.
  // 4. Every static member's instance is in statics_, and nothing else is.
  // 5. generation_ never goes back.
  GroupState state_ = GroupState::kEmpty;
  int32_t generation_ = 0;
  std::string protocol_type_;
  std::string protocol_;
  std::string leader_;
  Members members_;
  std::map<std::string, std::string> statics_;  // instance id -> member id
  std::map<std::string, int64_t> pending_;      // told their id, not yet back with it -> until when

  // PreparingRebalance.
  int64_t rebalance_deadline_us_ = 0;
  bool initial_ = false;              // it began from Empty
  int64_t initial_remaining_us_ = 0;  // what further waits for newcomers may add
  bool newcomers_ = false;            // since the present wait began

  // CompletingRebalance, and Stable as long as somebody owes its sync.
  int64_t sync_deadline_us_ = 0;  // 0: none
  bool assigned_ = false;         // the leader has said who reads what

  // Records.
  bool recorded_ = false;  // the log has one, or is about to
  uint64_t last_record_ = 0;
  std::deque<Pending> untaken_;
  std::map<uint64_t, Writing> writing_;  // by number, the untaken ones too
  int64_t retry_us_ = 0;                 // 0: nothing to write again
};

}  // namespace jangada::server::groups
