#include "server/groups/group.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace jangada::server::groups {
namespace {

template <class T>
void Answer(Callback<T>* parked, T answer) {
  if (*parked) std::exchange(*parked, nullptr)(std::move(answer));
}

}  // namespace

Group::Group(std::string id, const GroupOptions& options, Random& random)
    : id_(std::move(id)), options_(options), random_(random) {}

Group::Group(std::string id, const GroupOptions& options, Random& random, const GroupRecord& record,
             int64_t now_us)
    : Group(std::move(id), options, random) {
  recorded_ = true;
  generation_ = record.generation;
  protocol_type_ = record.protocol_type;
  if (record.members.empty()) return;
  state_ = GroupState::kStable;
  protocol_ = record.protocol;
  leader_ = record.leader;
  for (const MemberRecord& says : record.members) {
    Member& member = members_[says.member_id];
    member.says = says;
    member.is_new = false;
    KeepAlive(&member, now_us);
    if (says.instance_id) statics_[*says.instance_id] = says.member_id;
  }
  CheckInvariants();
}

// ---- who is who ----

GroupError Group::CheckMember(const std::string& member_id,
                              const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const auto known = statics_.find(*instance_id);
    if (known == statics_.end()) return GroupError::kUnknownMember;
    return known->second == member_id ? GroupError::kNone : GroupError::kFencedInstance;
  }
  return members_.contains(member_id) ? GroupError::kNone : GroupError::kUnknownMember;
}

GroupError Group::CheckMembership(const GroupMembership& member) const {
  const GroupError error = CheckMember(member.member_id, member.instance_id);
  if (error != GroupError::kNone) return error;
  return member.generation == generation_ ? GroupError::kNone : GroupError::kIllegalGeneration;
}

void Group::KeepAlive(Member* member, int64_t now_us) {
  member->deadline_us = now_us + member->session_us();
}

// ---- calls of members ----

GroupError Group::Heartbeat(const GroupMembership& member, int64_t now_us) {
  const GroupError error = CheckMembership(member);
  if (error != GroupError::kNone) return error;
  KeepAlive(&members_.at(member.member_id), now_us);
  return state_ == GroupState::kPreparingRebalance ? GroupError::kRebalanceInProgress
                                                   : GroupError::kNone;
}

GroupError Group::CheckCommit(const GroupMembership& member, int64_t now_us) {
  if (member.generation < 0 && member.member_id.empty() && !member.instance_id) {
    // Whoever keeps offsets without joining must not meddle where members do.
    return members_.empty() ? GroupError::kNone : GroupError::kUnknownMember;
  }
  const GroupError error = CheckMembership(member);
  if (error != GroupError::kNone) return error;
  KeepAlive(&members_.at(member.member_id), now_us);
  // It has not been told yet what it may read in this generation. While a rebalance gathers members
  // they may still commit: that is how they hand over.
  return state_ == GroupState::kCompletingRebalance ? GroupError::kRebalanceInProgress
                                                    : GroupError::kNone;
}

LeftGroup Group::Leave(const LeaveGroup& request, int64_t now_us) {
  LeftGroup left;
  for (const LeaveGroup::Member& leaving : request.members) {
    left.members.push_back(LeaveOne(leaving, now_us));
  }
  CheckInvariants();
  return left;
}

GroupError Group::LeaveOne(const LeaveGroup::Member& leaving, int64_t now_us) {
  std::string member_id = leaving.member_id;
  if (member_id.empty() && leaving.instance_id) {
    const auto known = statics_.find(*leaving.instance_id);
    if (known == statics_.end()) return GroupError::kUnknownMember;
    member_id = known->second;
  } else if (pending_.erase(member_id) > 0) {
    MaybeCompleteJoin(now_us);
    return GroupError::kNone;
  }
  const GroupError error = CheckMember(member_id, leaving.instance_id);
  if (error == GroupError::kNone) RemoveMember(members_.find(member_id), now_us);
  return error;
}

void Group::RemoveMember(Members::iterator member, int64_t now_us) {
  Answer(&member->second.joining, JoinedGroup{.error = GroupError::kUnknownMember});
  Answer(&member->second.syncing, SyncedGroup{.error = GroupError::kUnknownMember});
  if (const auto& instance = member->second.says.instance_id) statics_.erase(*instance);
  if (leader_ == member->first) leader_.clear();
  members_.erase(member);
  MaybePrepareRebalance(now_us);
  MaybeCompleteJoin(now_us);
}

void Group::Sync(SyncGroup request, int64_t now_us, Callback<SyncedGroup> done) {
  GroupError error = CheckMembership({.group = {},
                                      .generation = request.generation,
                                      .member_id = request.member_id,
                                      .instance_id = request.instance_id});
  if (error == GroupError::kNone &&
      ((request.protocol_type && *request.protocol_type != protocol_type_) ||
       (request.protocol && *request.protocol != protocol_))) {
    error = GroupError::kInconsistentProtocol;
  }
  if (error == GroupError::kNone && state_ == GroupState::kPreparingRebalance) {
    error = GroupError::kRebalanceInProgress;
  }
  if (error != GroupError::kNone) return done({.error = error});
  Member& member = members_.at(request.member_id);
  member.owes_sync = false;
  KeepAlive(&member, now_us);
  if (state_ == GroupState::kStable) return done(SyncAnswer(member));

  // A second try of the same member: nobody waits for the first any more.
  Answer(&member.syncing, SyncedGroup{.error = GroupError::kRebalanceInProgress});
  member.syncing = std::move(done);
  if (request.member_id == leader_ && !assigned_) TakeAssignments(std::move(request.assignments));
  CheckInvariants();
}

void Group::TakeAssignments(std::vector<SyncGroup::Assignment> assignments) {
  size_t total = bytes();
  for (const SyncGroup::Assignment& assignment : assignments) total += assignment.assignment.size();
  if (total > kMaxGroupBytes) {
    return Answer(&members_.at(leader_).syncing, SyncedGroup{.error = GroupError::kTooLarge});
  }
  assigned_ = true;
  for (auto& [id, member] : members_) member.says.assignment.clear();
  for (SyncGroup::Assignment& assignment : assignments) {
    const auto member = members_.find(assignment.member_id);
    if (member != members_.end()) {
      member->second.says.assignment = std::move(assignment.assignment);
    }
  }
  Write(
      {.purpose = Purpose::kAssignment, .generation = generation_, .member_id = {}, .answer = {}});
}

SyncedGroup Group::SyncAnswer(const Member& member) const {
  return {
      .protocol_type = protocol_type_, .protocol = protocol_, .assignment = member.says.assignment};
}

void Group::FailSyncs(GroupError error) {
  for (auto& [id, member] : members_) Answer(&member.syncing, SyncedGroup{.error = error});
}

// ---- rebalances ----

int64_t Group::RebalanceTimeoutUs() const {
  int64_t longest_ms = 0;
  for (const auto& [id, member] : members_) {
    longest_ms = std::max(longest_ms, member.says.rebalance_timeout_ms);
  }
  return std::max(longest_ms * 1000, kMinRebalanceUs);
}

void Group::MaybePrepareRebalance(int64_t now_us) {
  if (state_ != GroupState::kPreparingRebalance && state_ != GroupState::kDead) {
    PrepareRebalance(now_us);
  }
}

void Group::PrepareRebalance(int64_t now_us) {
  FailSyncs(GroupError::kRebalanceInProgress);
  for (auto& [id, member] : members_) member.owes_sync = false;
  sync_deadline_us_ = 0;
  assigned_ = false;
  initial_ = state_ == GroupState::kEmpty && options_.initial_delay_us > 0;
  newcomers_ = false;
  const int64_t timeout_us = RebalanceTimeoutUs();
  const int64_t wait_us = initial_ ? options_.initial_delay_us : timeout_us;
  initial_remaining_us_ = std::max<int64_t>(timeout_us - wait_us, 0);
  rebalance_deadline_us_ = now_us + wait_us;
  state_ = GroupState::kPreparingRebalance;
}

void Group::MaybeCompleteJoin(int64_t now_us) {
  if (state_ != GroupState::kPreparingRebalance || !pending_.empty()) return;
  if (initial_ && !members_.empty()) return;
  const bool all_joined = std::all_of(members_.begin(), members_.end(), [](const auto& entry) {
    return static_cast<bool>(entry.second.joining);
  });
  if (all_joined) CompleteJoin(now_us);
}

void Group::OnRebalanceDeadline(int64_t now_us) {
  if (initial_ && newcomers_ && initial_remaining_us_ > 0) {
    newcomers_ = false;
    const int64_t wait_us = std::min(options_.initial_delay_us, initial_remaining_us_);
    initial_remaining_us_ -= wait_us;
    rebalance_deadline_us_ = now_us + wait_us;
    return;
  }
  CompleteJoin(now_us);
}

/// The leader stays while it joins; else it is another that has.
bool Group::ElectLeader() {
  const auto leader = members_.find(leader_);
  if (leader != members_.end() && leader->second.joining) return true;
  for (const auto& [id, member] : members_) {
    if (!member.joining) continue;
    leader_ = id;
    return true;
  }
  return false;
}

void Group::CompleteJoin(int64_t now_us) {
  // Static members stay until their session ends: they may be restarting.
  std::erase_if(members_, [](const auto& entry) {
    return !entry.second.joining && !entry.second.says.instance_id;
  });
  if (!members_.empty() && !ElectLeader()) {
    rebalance_deadline_us_ = now_us + RebalanceTimeoutUs();  // only static ones, none of them here
    return;
  }
  if (members_.empty()) {
    state_ = GroupState::kEmpty;
    protocol_.clear();
    leader_.clear();
    if (!recorded_) return;
    ++generation_;
    return Write(
        {.purpose = Purpose::kEmptied, .generation = generation_, .member_id = {}, .answer = {}});
  }
  ++generation_;
  state_ = GroupState::kCompletingRebalance;
  protocol_ = ChooseProtocol();
  sync_deadline_us_ = now_us + RebalanceTimeoutUs();
  for (auto& [id, member] : members_) {
    member.says.assignment.clear();
    if (!member.joining) continue;
    member.is_new = false;
    member.owes_sync = true;
    KeepAlive(&member, now_us);
    Answer(&member.joining, JoinAnswer(member));
  }
}

/// Of the protocols that all know, the one that most members like best; in doubt the leader's.
std::string Group::ChooseProtocol() const {
  std::map<std::string, size_t> knowers;
  for (const auto& [id, member] : members_) {
    for (const GroupProtocol& protocol : member.says.protocols) ++knowers[protocol.name];
  }
  std::map<std::string, size_t> votes;
  for (const auto& [id, member] : members_) {
    for (const GroupProtocol& protocol : member.says.protocols) {
      if (knowers[protocol.name] < members_.size()) continue;
      ++votes[protocol.name];
      break;
    }
  }
  std::string chosen;
  size_t most = 0;
  for (const GroupProtocol& protocol : members_.at(leader_).says.protocols) {
    const auto found = votes.find(protocol.name);
    if (found == votes.end() || found->second <= most) continue;
    most = found->second;
    chosen = protocol.name;
  }
  return chosen;
}

// ---- time ----

void Group::OnTime(int64_t now_us) {
  std::erase_if(pending_, [now_us](const auto& entry) { return entry.second <= now_us; });
  std::vector<std::string> gone;
  const bool sync_is_late = sync_deadline_us_ != 0 && sync_deadline_us_ <= now_us;
  for (const auto& [id, member] : members_) {
    // Who waits for us needs no heartbeat. A new member does not know its id yet, and its client
    // may be gone.
    const bool waits = (member.joining && !member.is_new) || member.syncing;
    if (!waits && member.deadline_us <= now_us)
      gone.push_back(id);
    else if (sync_is_late && member.owes_sync)
      gone.push_back(id);
  }
  if (sync_is_late) sync_deadline_us_ = 0;
  for (const std::string& id : gone) {
    const auto member = members_.find(id);
    if (member != members_.end()) RemoveMember(member, now_us);
  }
  if (state_ == GroupState::kPreparingRebalance && rebalance_deadline_us_ <= now_us) {
    OnRebalanceDeadline(now_us);
  }
  MaybeCompleteJoin(now_us);
  if (retry_us_ != 0 && retry_us_ <= now_us) {
    retry_us_ = 0;
    if (state_ == GroupState::kEmpty) {
      Write(
          {.purpose = Purpose::kEmptied, .generation = generation_, .member_id = {}, .answer = {}});
    }
  }
  CheckInvariants();
}

std::optional<int64_t> Group::next_due_us() const {
  std::optional<int64_t> due;
  const auto consider = [&due](int64_t at_us) { due = std::min(due.value_or(at_us), at_us); };
  for (const auto& [id, until_us] : pending_) consider(until_us);
  for (const auto& [id, member] : members_) {
    if ((member.joining && !member.is_new) || member.syncing) continue;
    consider(member.deadline_us);
  }
  if (state_ == GroupState::kPreparingRebalance) consider(rebalance_deadline_us_);
  if (sync_deadline_us_ != 0) consider(sync_deadline_us_);
  if (retry_us_ != 0) consider(retry_us_);
  return due;
}

// ---- records ----

GroupRecord Group::Record() const {
  GroupRecord record{.generation = generation_,
                     .protocol_type = protocol_type_,
                     .protocol = protocol_,
                     .leader = leader_,
                     .members = {}};
  for (const auto& [id, member] : members_) record.members.push_back(member.says);
  return record;
}

void Group::Write(Writing writing) {
  recorded_ = true;
  untaken_.push_back({++last_record_, Record()});
  writing_.emplace(last_record_, std::move(writing));
}

std::optional<Group::Pending> Group::TakeRecord() {
  if (untaken_.empty()) return std::nullopt;
  Pending taken = std::move(untaken_.front());
  untaken_.pop_front();
  return taken;
}

void Group::OnRecorded(uint64_t number, GroupError fate, int64_t now_us) {
  auto node = writing_.extract(number);
  if (node.empty() || state_ == GroupState::kDead) return;
  Writing& writing = node.mapped();
  switch (writing.purpose) {
    case Purpose::kAssignment: OnAssignmentRecorded(writing, fate, now_us); break;
    case Purpose::kEmptied:
      if (fate != GroupError::kNone) retry_us_ = now_us + kRecordRetryUs;
      break;
    case Purpose::kReplacedStatic: {
      const auto member = members_.find(writing.member_id);
      // A rebalance that began meanwhile answers instead.
      if (member == members_.end() || state_ != GroupState::kStable) break;
      if (fate == GroupError::kTimeout) fate = GroupError::kNotAvailable;  // clients join again
      if (fate != GroupError::kNone) {
        Answer(&member->second.joining, JoinedGroup{.error = fate});
        PrepareRebalance(now_us);
        break;
      }
      KeepAlive(&member->second, now_us);
      Answer(&member->second.joining, std::move(writing.answer));
      break;
    }
  }
  CheckInvariants();
}

void Group::OnAssignmentRecorded(const Writing& writing, GroupError fate, int64_t now_us) {
  if (state_ != GroupState::kCompletingRebalance || writing.generation != generation_) return;
  if (fate != GroupError::kNone) {
    // Clients that are told of a time-out here give up; after this they join again.
    if (fate == GroupError::kTimeout) fate = GroupError::kRebalanceInProgress;
    FailSyncs(fate);
    for (auto& [id, member] : members_) member.says.assignment.clear();
    return PrepareRebalance(now_us);
  }
  state_ = GroupState::kStable;
  for (auto& [id, member] : members_) {
    if (!member.syncing) continue;
    KeepAlive(&member, now_us);
    Answer(&member.syncing, SyncAnswer(member));
  }
}

void Group::Kill(GroupError why) {
  state_ = GroupState::kDead;
  for (auto& [id, member] : members_) {
    Answer(&member.joining, JoinedGroup{.error = why});
    Answer(&member.syncing, SyncedGroup{.error = why});
  }
  members_.clear();
  statics_.clear();
  pending_.clear();
  untaken_.clear();
  writing_.clear();
}

// ---- what can be seen ----

bool Group::IsIdle() const {
  return state_ == GroupState::kEmpty && pending_.empty() && writing_.empty() && retry_us_ == 0;
}

GroupDescription Group::Describe() const {
  GroupDescription description{
      .state = state_, .protocol_type = protocol_type_, .protocol = {}, .members = {}};
  const bool stable = state_ == GroupState::kStable;
  if (stable) description.protocol = protocol_;
  for (const auto& [id, member] : members_) {
    GroupDescription::Member& line = description.members.emplace_back();
    line.member_id = id;
    line.instance_id = member.says.instance_id;
    line.client_id = member.says.client_id;
    line.client_host = member.says.client_host;
    if (!stable) continue;
    line.assignment = member.says.assignment;
    for (const GroupProtocol& protocol : member.says.protocols) {
      if (protocol.name == protocol_) line.metadata = protocol.metadata;
    }
  }
  return description;
}

std::vector<std::string> Group::Subscriptions() const {
  std::vector<std::string> all;
  for (const auto& [id, member] : members_) {
    for (const GroupProtocol& protocol : member.says.protocols) all.push_back(protocol.metadata);
  }
  return all;
}

size_t Group::bytes() const {
  size_t total = 0;
  for (const auto& [id, member] : members_) total += BytesOf(member.says);
  return total;
}

void Group::CheckInvariants() const {
  const bool decided = state_ == GroupState::kCompletingRebalance || state_ == GroupState::kStable;
  if (state_ == GroupState::kEmpty || state_ == GroupState::kDead) CHECK(members_.empty());
  if (decided) CHECK(members_.contains(leader_));
  size_t statics = 0;
  for (const auto& [id, member] : members_) {
    CHECK_EQ(id, member.says.member_id);
    if (member.says.instance_id) {
      ++statics;
      CHECK_EQ(statics_.at(*member.says.instance_id), id);
    }
    if (member.joining)
      CHECK(state_ == GroupState::kPreparingRebalance || state_ == GroupState::kStable);
    if (member.syncing) CHECK(state_ == GroupState::kCompletingRebalance);
    if (!decided) continue;
    CHECK(std::any_of(member.says.protocols.begin(), member.says.protocols.end(),
                      [&](const GroupProtocol& protocol) { return protocol.name == protocol_; }));
  }
  CHECK_EQ(statics, statics_.size());
}

}  // namespace jangada::server::groups
