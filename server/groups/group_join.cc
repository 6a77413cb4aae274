// How members come into a group: JoinGroup, for new members, for those that were told their id
// first, for known ones, and for static ones that return under a new id.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/uuid.h"
#include "server/groups/group.h"

namespace jangada::server::groups {
namespace {

constexpr size_t kMaxNameInMemberId = 128;

JoinedGroup Refusal(GroupError error, std::string member_id = {}) {
  return {.error = error, .member_id = std::move(member_id), .members = {}};
}

MemberRecord RecordOf(std::string member_id, JoinGroup request) {
  return {.member_id = std::move(member_id),
          .instance_id = std::move(request.instance_id),
          .client_id = std::move(request.client_id),
          .client_host = std::move(request.client_host),
          .session_timeout_ms = request.session_timeout_ms,
          .rebalance_timeout_ms = request.rebalance_timeout_ms,
          .protocols = std::move(request.protocols),
          .assignment = {}};
}

}  // namespace

void Group::Join(JoinGroup request, int64_t now_us, Callback<JoinedGroup> done, size_t room) {
  const GroupError error = CheckJoin(request, room);
  if (error != GroupError::kNone) return done(Refusal(error, request.member_id));
  if (request.member_id.empty()) {
    JoinNew(std::move(request), now_us, std::move(done));
  } else {
    JoinAgain(std::move(request), now_us, std::move(done));
  }
  MaybeCompleteJoin(now_us);
  CheckInvariants();
}

GroupError Group::CheckJoin(const JoinGroup& request, size_t room) const {
  if (state_ == GroupState::kDead) return GroupError::kNotAvailable;
  const int64_t session_us = request.session_timeout_ms * 1000;
  if (session_us < options_.min_session_us || session_us > options_.max_session_us) {
    return GroupError::kInvalidSessionTimeout;
  }
  if (request.protocol_type.empty() || request.protocols.empty() ||
      request.protocols.size() > kMaxProtocolsOfMember) {
    return GroupError::kInconsistentProtocol;
  }
  // Whoever takes the place of a member need not agree with it.
  std::string replaced = request.member_id;
  if (request.instance_id) {
    const auto known = statics_.find(*request.instance_id);
    if (known != statics_.end()) replaced = known->second;
  }
  const GroupError error = CheckProtocols(request, replaced);
  if (error != GroupError::kNone) return error;
  return HasRoomFor(request, replaced, room) ? GroupError::kNone : GroupError::kGroupFull;
}

/// There must be a protocol that all know.
GroupError Group::CheckProtocols(const JoinGroup& request, const std::string& except) const {
  const size_t others = members_.size() - members_.count(except);
  if (others == 0) return GroupError::kNone;
  if (request.protocol_type != protocol_type_) return GroupError::kInconsistentProtocol;
  for (const GroupProtocol& offered : request.protocols) {
    const auto knows = [&offered, &except](const auto& entry) {
      const auto& known = entry.second.says.protocols;
      return entry.first != except &&
             std::any_of(known.begin(), known.end(), [&offered](const GroupProtocol& protocol) {
               return protocol.name == offered.name;
             });
    };
    const auto knowers = std::count_if(members_.begin(), members_.end(), knows);
    if (static_cast<size_t>(knowers) == others) return GroupError::kNone;
  }
  return GroupError::kInconsistentProtocol;
}

bool Group::HasRoomFor(const JoinGroup& request, const std::string& replaced, size_t room) const {
  const auto former = members_.find(replaced);
  const bool counted = former != members_.end() || pending_.contains(request.member_id);
  if (!counted && members_.size() + pending_.size() >= options_.max_members) return false;
  const size_t frees = former == members_.end() ? 0 : BytesOf(former->second.says);
  const size_t takes = BytesOf(RecordOf(request.member_id, request));
  return takes <= frees || (takes - frees <= room && bytes() - frees + takes <= kMaxGroupBytes);
}

void Group::JoinNew(JoinGroup request, int64_t now_us, Callback<JoinedGroup> done) {
  if (request.instance_id && statics_.contains(*request.instance_id)) {
    return ReplaceStatic(std::move(request), now_us, std::move(done));
  }
  std::string member_id = MakeMemberId(request);
  if (request.must_know_its_id && !request.instance_id) {
    // If its answer gets lost, no member is left behind that a rebalance would wait for.
    pending_[member_id] = now_us + request.session_timeout_ms * 1000;
    return done(Refusal(GroupError::kMemberIdRequired, std::move(member_id)));
  }
  AddMember(std::move(member_id), std::move(request), now_us, std::move(done));
}

void Group::JoinAgain(JoinGroup request, int64_t now_us, Callback<JoinedGroup> done) {
  if (pending_.contains(request.member_id) && !request.instance_id) {
    pending_.erase(request.member_id);
    std::string member_id = request.member_id;
    return AddMember(std::move(member_id), std::move(request), now_us, std::move(done));
  }
  const GroupError error = CheckMember(request.member_id, request.instance_id);
  if (error != GroupError::kNone) return done(Refusal(error, request.member_id));
  Member& member = members_.at(request.member_id);
  if (state_ != GroupState::kPreparingRebalance) {
    // Its answer may have been lost. The leader of a stable group joins for a reason of its own:
    // what the assignment depends on has changed.
    const bool leads_on = state_ == GroupState::kStable && leader_ == request.member_id;
    if (!leads_on && member.says.protocols == request.protocols) {
      KeepAlive(&member, now_us);
      return done(JoinAnswer(member));
    }
    PrepareRebalance(now_us);
  }
  UpdateMember(&member, std::move(request), now_us, std::move(done));
}

void Group::AddMember(std::string member_id, JoinGroup request, int64_t now_us,
                      Callback<JoinedGroup> done) {
  if (members_.empty()) protocol_type_ = request.protocol_type;
  if (request.instance_id) statics_[*request.instance_id] = member_id;
  Member& member = members_[member_id];
  member.says = RecordOf(std::move(member_id), std::move(request));
  member.deadline_us = now_us + kNewMemberJoinUs;
  member.joining = std::move(done);
  if (initial_ && state_ == GroupState::kPreparingRebalance) newcomers_ = true;
  MaybePrepareRebalance(now_us);
}

void Group::UpdateMember(Member* member, JoinGroup request, int64_t now_us,
                         Callback<JoinedGroup> done) {
  if (member->joining) {  // a second try: nobody waits for the first any more
    std::exchange(member->joining, nullptr)(Refusal(GroupError::kRebalanceInProgress));
  }
  std::string assignment = std::move(member->says.assignment);
  std::string member_id = member->says.member_id;
  if (!request.instance_id) request.instance_id = member->says.instance_id;
  member->says = RecordOf(std::move(member_id), std::move(request));
  member->says.assignment = std::move(assignment);
  member->joining = std::move(done);
  KeepAlive(member, now_us);
}

/// The same instance, restarted: it takes the place of its former self, whatever that still does.
void Group::ReplaceStatic(JoinGroup request, int64_t now_us, Callback<JoinedGroup> done) {
  const std::string old_id = statics_.at(*request.instance_id);
  const bool skip = request.understands_skipping;
  auto node = members_.extract(old_id);
  Member& member = node.mapped();
  if (member.joining) {
    std::exchange(member.joining, nullptr)(Refusal(GroupError::kFencedInstance));
  }
  if (member.syncing) {
    std::exchange(member.syncing, nullptr)(SyncedGroup{.error = GroupError::kFencedInstance});
  }
  node.key() = MakeMemberId(request);
  member.says.member_id = node.key();
  statics_[*request.instance_id] = node.key();
  if (leader_ == old_id) leader_ = node.key();
  UpdateMember(&member, std::move(request), now_us, std::move(done));
  const auto placed = members_.insert(std::move(node)).position;

  if (state_ == GroupState::kStable && ChooseProtocol() == protocol_) {
    return ReturnToStable(old_id, &placed->second, skip);
  }
  if (state_ != GroupState::kPreparingRebalance) PrepareRebalance(now_us);
}

/// What it was assigned is its own still. The new id is written down before it is told: after a
/// change of coordinators it must be known.
void Group::ReturnToStable(const std::string& old_id, Member* member, bool skip) {
  JoinedGroup answer = JoinAnswer(*member);
  const bool leads = leader_ == member->says.member_id;
  answer.skip_assignment = leads && skip;
  if (leads && !skip) {
    // It would assign anew, and nobody would hear of it: the group is stable. So it is told that
    // another leads, which is what its former self was.
    answer.leader = old_id;
    answer.members.clear();
  }
  Write({.purpose = Purpose::kReplacedStatic,
         .generation = generation_,
         .member_id = member->says.member_id,
         .answer = std::move(answer)});
}

JoinedGroup Group::JoinAnswer(const Member& member) const {
  JoinedGroup answer{.generation = generation_,
                     .protocol_type = protocol_type_,
                     .protocol = protocol_,
                     .leader = leader_,
                     .member_id = member.says.member_id,
                     .members = {}};
  if (leader_ != member.says.member_id) return answer;
  for (const auto& [id, other] : members_) {
    for (const GroupProtocol& protocol : other.says.protocols) {
      if (protocol.name != protocol_) continue;
      answer.members.push_back({id, other.says.instance_id, protocol.metadata});
      break;
    }
  }
  return answer;
}

std::string Group::MakeMemberId(const JoinGroup& request) {
  const std::string& name = request.instance_id ? *request.instance_id : request.client_id;
  return name.substr(0, kMaxNameInMemberId) + "-" + Uuid::Make(random_).ToString();
}

}  // namespace jangada::server::groups
