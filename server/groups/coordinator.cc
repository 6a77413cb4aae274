#include "server/groups/coordinator.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace jangada::server::groups {
namespace {

GroupError ErrorOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotLeader: return GroupError::kNotCoordinator;
    case ErrorCode::kTimeout:
    case ErrorCode::kShuttingDown: return GroupError::kTimeout;  // its fate is unknown
    default: return GroupError::kNotAvailable;
  }
}

}  // namespace

// ---- the state machine ----

class Coordinator::Machine final : public StateMachine {
 public:
  explicit Machine(Coordinator& coordinator) : coordinator_(coordinator) {}

  void Apply(const raft::Entry& entry) override { coordinator_.Apply(entry); }
  Bytes EncodeState() const override { return coordinator_.state_.Encode(); }
  Status RestoreState(std::string_view state, int64_t, int64_t) override {
    return coordinator_.state_.Restore(state);
  }
  void OnLeaderReady(raft::Term) override { coordinator_.OnLeaderReady(); }
  void OnLeadershipLost() override { coordinator_.OnLeadershipLost(); }

 private:
  Coordinator& coordinator_;
};

Coordinator::Coordinator(const CoordinatorOptions& options, const ReplicaContext& context,
                         ReplicaObserver& observer)
    : options_(options),
      context_(context),
      observer_(observer),
      random_(options.seed),
      replica_(options.replica, context, std::make_unique<Machine>(*this), observer) {}

Coordinator::~Coordinator() {
  context_.executor.Cancel(timer_);
  context_.executor.Cancel(housekeeping_timer_);
}

Status Coordinator::Start(const storage::GroupState& state, const raft::Membership& bootstrap) {
  return replica_.Start(state, bootstrap);
}

void Coordinator::Apply(const raft::Entry& entry) {
  if (stuck_ || entry.type != raft::EntryType::kCommand) return;
  const Result<Command> command = DecodeCommand(entry.payload.view());
  if (!command.ok()) {
    stuck_ = true;
    return observer_.OnFatal(options_.replica.group, command.error());
  }
  state_.Apply(*command);
}

void Coordinator::OnLeaderReady() {
  size_t members = 0;
  for (const auto& [id, kept] : state_.groups()) {
    if (kept.record.members.empty()) continue;
    members += kept.record.members.size();
    Bring(id);
    SettleMembers(id);
  }
  if (!state_.groups().empty()) {
    spdlog::info("coordinates consumer groups group={} partition={} groups={} members={}",
                 options_.replica.group.value(), options_.where.partition, state_.groups().size(),
                 members);
  }
  image_looked_at_ = 0;
  ArmHousekeeping();
}

void Coordinator::OnLeadershipLost() {
  context_.executor.Cancel(std::exchange(timer_, 0));
  context_.executor.Cancel(std::exchange(housekeeping_timer_, 0));
  timer_at_us_ = kNever;
  dues_.clear();
  live_bytes_ = 0;
  for (auto& [id, live] : std::exchange(live_, {})) live.group->Kill(GroupError::kNotCoordinator);
}

// ---- who may be served ----

GroupError Coordinator::CheckServing() const {
  const Status ready = replica_.CheckReadyLeader();
  if (ready.ok()) return GroupError::kNone;
  // Nothing was begun yet, so another node may be asked at once, also where this one shuts down.
  return ready.error().code == ErrorCode::kUnavailable ? GroupError::kLoading
                                                       : GroupError::kNotCoordinator;
}

GroupError Coordinator::CheckGroup(const std::string& group) const {
  if (const GroupError error = CheckServing(); error != GroupError::kNone) return error;
  return group.size() > kMaxGroupIdBytes ? GroupError::kInvalidGroupId : GroupError::kNone;
}

// ---- live groups ----

Group* Coordinator::FindLive(const std::string& group) {
  const auto found = live_.find(group);
  return found == live_.end() ? nullptr : found->second.group.get();
}

/// The live group, made of what the log says of it if it was none yet.
Group& Coordinator::Bring(const std::string& id) {
  Live& live = live_[id];
  if (live.group) return *live.group;
  live.incarnation = ++last_incarnation_;
  const KeptGroup* kept = state_.Find(id);
  live.group = kept == nullptr ? std::make_unique<Group>(id, options_.group, random_)
                               : std::make_unique<Group>(id, options_.group, random_, kept->record,
                                                         context_.executor.NowUs());
  return *live.group;
}

/// Where the shard is full only those go on that are there.
bool Coordinator::HasRoomFor(const JoinGroup& request) const {
  const bool live = live_.contains(request.group);
  if (state_.bytes() >= kMaxShardBytes) return live && !request.member_id.empty();
  return live || live_.size() < kMaxLiveGroups;
}

/// After every call of a group: what it wants written is proposed, and its next deadline noted. One
/// about which the log says all there is to say is let go.
void Coordinator::Settle(const std::string& id) {
  const auto found = live_.find(id);
  if (found == live_.end() || found->second.settling) return;
  Live& live = found->second;
  live.settling = true;
  while (auto pending = live.group->TakeRecord()) {
    const GroupRecord& record = pending->record;
    spdlog::info("consumer group changed id=\"{}\" generation={} members={} protocol={}",
                 ForLog(id), record.generation, record.members.size(), ForLog(record.protocol));
    Propose(SetGroup{id, context_.executor.WallNowMs(), record},
            [this, id, incarnation = live.incarnation, number = pending->number](GroupError fate) {
              OnRecorded(id, incarnation, number, fate);
            });
  }
  live.settling = false;
  if (live.group->IsIdle()) {
    Reschedule(found, kNever);
    live_bytes_ -= live.bytes;
    live_.erase(found);
  } else {
    Reschedule(found, live.group->next_due_us().value_or(kNever));
  }
}

void Coordinator::SettleMembers(const std::string& id) {
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  const size_t before = std::exchange(found->second.bytes, found->second.group->bytes());
  live_bytes_ += found->second.bytes;
  live_bytes_ -= before;
  Settle(id);
}

void Coordinator::OnRecorded(const std::string& id, uint64_t incarnation, uint64_t number,
                             GroupError fate) {
  const auto found = live_.find(id);
  if (found == live_.end() || found->second.incarnation != incarnation) return;
  if (fate != GroupError::kNone) {
    spdlog::warn("a change of a consumer group was not written id=\"{}\"", ForLog(id));
  }
  found->second.group->OnRecorded(number, fate, context_.executor.NowUs());
  SettleMembers(id);
}

void Coordinator::Propose(const Command& command, Callback<GroupError> done) {
  Bytes payload = EncodeCommand(command);
  if (payload.size() > kMaxCommandBytes + kMaxGroupBytes) return done(GroupError::kTooLarge);
  replica_.Propose(raft::EntryType::kCommand, std::move(payload), 0,
                   IfAlive([done = std::move(done)](const Result<Proposed>& proposed) mutable {
                     done(proposed.ok() ? GroupError::kNone : ErrorOf(proposed.error()));
                   }));
}

// ---- time ----

void Coordinator::Reschedule(std::map<std::string, Live>::iterator live, int64_t due_us) {
  const int64_t was_us = std::exchange(live->second.due_us, due_us);
  if (was_us == due_us) return;
  if (was_us != kNever) dues_.erase({was_us, live->first});
  if (due_us != kNever) dues_.emplace(due_us, live->first);
  ArmTimer();
}

/// One timer, lazily armed: deadlines mostly move on, and then it fires for nothing.
void Coordinator::ArmTimer() {
  if (dues_.empty() || dues_.begin()->first >= timer_at_us_) return;
  context_.executor.Cancel(timer_);
  timer_at_us_ = dues_.begin()->first;
  const int64_t delay_us = std::max<int64_t>(0, timer_at_us_ - context_.executor.NowUs());
  timer_ = context_.executor.After(delay_us, [this] { OnTimer(); });
}

void Coordinator::OnTimer() {
  timer_ = 0;
  timer_at_us_ = kNever;
  const int64_t now_us = context_.executor.NowUs();
  std::vector<std::string> due;
  for (const auto& [due_us, id] : dues_) {
    if (due_us > now_us) break;
    due.push_back(id);
  }
  for (const std::string& id : due) {
    Group* group = FindLive(id);
    if (group == nullptr) continue;
    group->OnTime(now_us);
    SettleMembers(id);
  }
  ArmTimer();
}

// ---- members ----

void Coordinator::Join(JoinGroup request, Callback<JoinedGroup> done) {
  GroupError error = CheckGroup(request.group);
  if (error == GroupError::kNone && request.group.empty()) error = GroupError::kInvalidGroupId;
  const bool known = live_.contains(request.group) || state_.Find(request.group) != nullptr;
  if (error == GroupError::kNone && !known && !request.member_id.empty()) {
    error = GroupError::kUnknownMember;
  }
  if (error == GroupError::kNone && !HasRoomFor(request)) error = GroupError::kGroupFull;
  if (error != GroupError::kNone) {
    return done({.error = error, .member_id = request.member_id, .members = {}});
  }
  const std::string id = request.group;
  const size_t room = kMaxLiveBytes - std::min(kMaxLiveBytes, live_bytes_);
  Bring(id).Join(std::move(request), context_.executor.NowUs(), std::move(done), room);
  SettleMembers(id);
}

void Coordinator::Sync(SyncGroup request, Callback<SyncedGroup> done) {
  GroupError error = CheckGroup(request.group);
  Group* group = FindLive(request.group);
  if (error == GroupError::kNone && group == nullptr) error = GroupError::kUnknownMember;
  if (error != GroupError::kNone) return done({.error = error});
  const std::string id = request.group;
  group->Sync(std::move(request), context_.executor.NowUs(), std::move(done));
  SettleMembers(id);
}

void Coordinator::Heartbeat(const GroupMembership& member, Callback<GroupError> done) {
  if (const GroupError error = CheckGroup(member.group); error != GroupError::kNone) {
    return done(error);
  }
  Group* group = FindLive(member.group);
  if (group == nullptr) return done(GroupError::kUnknownMember);
  done(group->Heartbeat(member, context_.executor.NowUs()));
  Settle(member.group);
}

void Coordinator::Leave(const LeaveGroup& request, Callback<LeftGroup> done) {
  if (const GroupError error = CheckGroup(request.group); error != GroupError::kNone) {
    return done({.error = error, .members = {}});
  }
  Group* group = FindLive(request.group);
  if (group == nullptr) {
    return done({.members = std::vector(request.members.size(), GroupError::kUnknownMember)});
  }
  done(group->Leave(request, context_.executor.NowUs()));
  SettleMembers(request.group);
}

}  // namespace jangada::server::groups
