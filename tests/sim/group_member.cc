#include "tests/sim/group_member.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/groups/assignor.h"
#include "server/groups/consumer_protocol.h"

namespace jangada::sim {
namespace {

using history::GroupEvent;
using Kind = GroupEvent::Kind;
using server::TopicPartition;
using server::kafka::FindCoordinatorRequest;
using server::kafka::FindCoordinatorResponse;
using server::kafka::JoinGroupRequest;
using server::kafka::JoinGroupResponse;
using server::kafka::SyncGroupRequest;
using server::kafka::SyncGroupResponse;
namespace groups = server::groups;

constexpr int64_t kBackoffUs = 100'000;
constexpr int64_t kSlowUs = 5'000;  // what took longer was parked at the coordinator

}  // namespace

GroupMember::GroupMember(ClientContext& context, GroupWatch& watch, Options options)
    : context_(context),
      watch_(watch),
      options_(std::move(options)),
      client_id_("member-" + std::to_string(options_.number)),
      random_(context.world.Stream(0x6d656d62'00 + options_.number)) {}

// ---- its life ----

void GroupMember::After(int64_t delay_us, std::function<void()> task) {
  context_.world.After(delay_us, [this, life = life_, task = std::move(task)] {
    if (life == life_) task();
  });
}

GroupMember::Versions GroupMember::ChooseVersions() {
  const auto between = [this](int16_t low, int16_t high) {
    return static_cast<int16_t>(
        random_.Between(static_cast<uint64_t>(low), static_cast<uint64_t>(high)));
  };
  const bool is_static = options_.is_static;  // of which older versions know nothing
  return {.find = between(0, 4),
          .join = between(is_static ? 5 : 0, 9),
          .sync = between(is_static ? 3 : 0, 5),
          .heartbeat = between(is_static ? 3 : 0, 4),
          .leave = between(is_static ? 3 : 0, 5),
          .commit = between(is_static ? 7 : 1, 9),
          .offsets = between(1, 9),
          .fetch = between(4, 12),
          .list = between(1, 7),
          .metadata = between(0, 12)};
}

/// A new process.
void GroupMember::Begin() {
  ++life_;
  process_ = context_.recorder.NewProcess();
  versions_ = ChooseVersions();
  stage_ = Stage::kJoin;
  busy_ = false;
  coordinator_.reset();
  stalled_until_us_ = 0;
  member_id_.clear();
  generation_ = -1;
  is_new_ = true;
  asking_ = false;
  Go();
  Tick();
  ReadSoon();
}

void GroupMember::Finish() {
  StopReading();
  ++life_;
  stage_ = Stage::kAway;
}

void GroupMember::ComeBackLater() {
  Finish();
  const auto most = static_cast<uint64_t>(2 * context_.swarm.session_us);
  After(static_cast<int64_t>(random_.Below(most)), [this] { Begin(); });
}

void GroupMember::Tick() {
  const int64_t beat_us = context_.swarm.session_us / 5;
  const int64_t every_us = std::min(context_.swarm.commit_every_us, beat_us / 2);
  After(1 + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(2 * every_us))),
        [this, every_us, beat_us] {
          if (settling_) stalled_until_us_ = 0;
          if (context_.world.now_us() < stalled_until_us_) return Tick();
          if (MeetsMishap(every_us)) return;
          Tick();
          if (busy_ || stage_ != Stage::kReading) return;
          if (!coordinator_) return Find();
          // A commit tells nothing of a rebalance, so that heartbeats must not wait for them; but
          // whoever stood still may commit first.
          const int64_t silent_us = context_.world.now_us() - beaten_at_us_;
          const bool stood_still = silent_us > context_.swarm.session_us;
          const bool read = std::any_of(places_.begin(), places_.end(), [](const auto& entry) {
            return entry.second.position > entry.second.committed;
          });
          if (read && (silent_us < beat_us || (stood_still && random_.Chance(1, 2)))) {
            return Commit(false);
          }
          if (silent_us >= beat_us) Heartbeat();
        });
}

/// True: it is away now.
bool GroupMember::MeetsMishap(int64_t within_us) {
  if (settling_ || context_.swarm.mishap_every_us == 0) return false;
  const auto every = static_cast<uint64_t>(context_.swarm.mishap_every_us);
  if (!random_.Chance(std::min(every, static_cast<uint64_t>(within_us)), every)) return false;
  switch (random_.Below(3)) {
    case 0:
      spdlog::debug("member {} dies", client_id_);
      gone_ = options_.may_go && random_.Chance(1, 4);
      gone_ ? Finish() : ComeBackLater();
      return true;
    case 1: {
      if (busy_ || !coordinator_ || stage_ != Stage::kReading) return false;
      Leave();
      return true;
    }
    default: {
      const auto most = static_cast<uint64_t>(2 * context_.swarm.session_us);
      stalled_until_us_ = context_.world.now_us() + static_cast<int64_t>(random_.Below(most));
      spdlog::debug("member {} stands still", client_id_);
      Tick();
      return true;
    }
  }
}

void GroupMember::Go() {
  if (busy_) return;
  if (!coordinator_) return Find();
  switch (stage_) {
    case Stage::kJoin: return Join();
    case Stage::kSync: return Sync();
    case Stage::kOffsets: return AskOffsets();
    case Stage::kAway:
    case Stage::kReading: return;
  }
}

void GroupMember::Later() {
  After(1 + static_cast<int64_t>(random_.Below(kBackoffUs)), [this] { Go(); });
}

// ---- what all calls share ----

GroupEvent GroupMember::EventOf(Kind kind) const {
  GroupEvent event;
  event.kind = kind;
  event.group = options_.group;
  event.process = process_;
  event.instance = options_.is_static ? static_cast<int64_t>(options_.number) : 0;
  event.generation = generation_;
  return event;
}

bool GroupMember::Handle(Code code) {
  switch (code) {
    case Code::kNotCoordinator:
      NoteInterrupted();
      coordinator_.reset();
      Later();
      return true;
    case Code::kCoordinatorLoadInProgress:
      context_.reached.Count(Rare::kCoordinatorLoading);
      Later();
      return true;
    case Code::kCoordinatorNotAvailable:
      coordinator_.reset();
      Later();
      return true;
    case Code::kRebalanceInProgress:
    case Code::kIllegalGeneration: JoinAgain(); return true;
    case Code::kUnknownMemberId:
      if (stage_ == Stage::kReading) context_.reached.Count(Rare::kMemberExpired);
      member_id_.clear();
      JoinAgain();
      return true;
    case Code::kFencedInstanceId: ComeBackLater(); return true;
    default:
      context_.judge.Fail("group-codes", client_id_ + " was told " +
                                             std::to_string(static_cast<int>(code)) + " in stage " +
                                             std::to_string(static_cast<int>(stage_)));
      return false;
  }
}

void GroupMember::JoinAgain() {
  StopReading();
  stage_ = Stage::kJoin;
  Later();
}

void GroupMember::NoteStillThere() {
  if (stage_ != Stage::kReading || assigned_at_ == coordinator_) return;
  assigned_at_ = coordinator_;
  context_.reached.Count(Rare::kCoordinatorMoved);
}

void GroupMember::NoteInterrupted() {
  const bool gathers = stage_ == Stage::kJoin || stage_ == Stage::kSync;
  if (!gathers || context_.world.now_us() - asked_at_us_ < kSlowUs) return;
  context_.reached.Count(Rare::kRebalanceInterrupted);
}

// ---- finding ----

void GroupMember::Find() {
  const auto nodes = static_cast<uint64_t>(context_.swarm.nodes);
  coordinator_ = NodeId(static_cast<int32_t>(1 + random_.Below(nodes)));  // anybody knows
  FindCoordinatorRequest request;
  request.key = options_.group;
  request.coordinator_keys = {options_.group};
  Ask<FindCoordinatorRequest>(request, versions_.find, context_.swarm.call_timeout_us,
                              [this](const FindCoordinatorResponse& found) {
                                if (versions_.find < 4) {
                                  return OnFound(found.error_code, found.node_id);
                                }
                                const auto& only = found.coordinators.at(0);
                                OnFound(only.error_code, only.node_id);
                              });
}

void GroupMember::OnFound(Code code, int32_t node) {
  coordinator_.reset();
  if (code != Code::kNone) {
    if (code != Code::kCoordinatorNotAvailable) {
      context_.judge.Fail("group-codes",
                          "no coordinator was found: " + std::to_string(static_cast<int>(code)));
    }
    return Later();
  }
  coordinator_ = NodeId(node);
  Go();
}

// ---- joining ----

void GroupMember::Join() {
  const Swarm& swarm = context_.swarm;
  groups::Subscription subscription;
  for (const TopicPlan& topic : swarm.topics) subscription.topics.push_back(topic.name);
  subscription.owned = owned_before_;
  const Bytes metadata(groups::EncodeSubscription(subscription));
  JoinGroupRequest request;
  request.group_id = options_.group;
  request.session_timeout_ms = static_cast<int32_t>(swarm.session_us / 1000);
  request.rebalance_timeout_ms = static_cast<int32_t>(swarm.rebalance_us / 1000);
  request.member_id = member_id_;
  if (options_.is_static) request.group_instance_id = client_id_;
  request.protocol_type = groups::kConsumerProtocolType;
  request.protocols = {{"range", metadata}, {"sticky", metadata}};
  if (random_.Chance(1, 2)) std::swap(request.protocols[0], request.protocols[1]);
  const int64_t parked_us = std::max(swarm.rebalance_us, swarm.session_us) +
                            swarm.config.groups.initial_rebalance_delay_ms * 1000;
  Ask<JoinGroupRequest>(request, versions_.join, parked_us + swarm.call_timeout_us,
                        [this](const JoinGroupResponse& joined) { OnJoined(joined); });
}

void GroupMember::OnJoined(const JoinGroupResponse& joined) {
  if (joined.error_code == Code::kMemberIdRequired) {
    member_id_ = joined.member_id;
    return Go();
  }
  if (joined.error_code != Code::kNone) {
    Handle(joined.error_code);
    return;
  }
  member_id_ = joined.member_id;
  generation_ = joined.generation_id;
  divided_.clear();
  if (joined.leader == member_id_ && !joined.skip_assignment) Divide(joined);
  stage_ = Stage::kSync;
  Go();
}

/// Who reads what: the leader says it.
void GroupMember::Divide(const JoinGroupResponse& joined) {
  std::vector<groups::AssignedMember> members;
  for (const JoinGroupResponse::Member& member : joined.members) {
    const auto subscription = groups::DecodeSubscription(member.metadata.view());
    if (!subscription) {
      return context_.judge.Fail("group-codes", "a member's subscription came as other bytes");
    }
    members.push_back({member.member_id, subscription->topics, subscription->owned});
  }
  std::map<std::string, int32_t> partitions;
  for (const TopicPlan& topic : context_.swarm.topics) partitions[topic.name] = topic.partitions;
  for (const auto& [member, part] : groups::Assign(members, partitions)) {
    divided_.push_back({member, Bytes(groups::EncodeAssignment(part))});
  }
}

void GroupMember::Sync() {
  SyncGroupRequest request;
  request.group_id = options_.group;
  request.generation_id = generation_;
  request.member_id = member_id_;
  if (options_.is_static) request.group_instance_id = client_id_;
  request.assignments = divided_;
  Ask<SyncGroupRequest>(request, versions_.sync,
                        context_.swarm.rebalance_us + context_.swarm.call_timeout_us,
                        [this](const SyncGroupResponse& synced) { OnSynced(synced); });
}

void GroupMember::OnSynced(const SyncGroupResponse& synced) {
  if (synced.error_code != Code::kNone) {
    Handle(synced.error_code);
    return;
  }
  const auto part = groups::DecodeAssignment(synced.assignment.view());
  if (!part) return context_.judge.Fail("group-codes", "an assignment came as other bytes");
  StopReading();
  history::Operation subscribe;
  subscribe.process = process_;
  subscribe.function = history::Function::kSubscribe;
  GroupEvent assigned = EventOf(Kind::kAssigned);
  for (const TopicPartition& where : *part) {
    const history::Key key = context_.recorder.KeyOf(where);
    places_[where].key = key;
    assigned.offsets[key] = 0;
    subscribe.keys.push_back(key);
  }
  context_.recorder.Add(subscribe);
  subscribe.type = history::Type::kOk;
  context_.recorder.Add(subscribe);
  watch_.Add(assigned);
  if (is_new_ && options_.is_static && generation_ == last_generation_) {
    context_.reached.Count(Rare::kStaticMemberReturned);
  }
  is_new_ = false;
  last_generation_ = generation_;
  owned_before_ = *part;
  assigned_at_ = coordinator_;
  beaten_at_us_ = context_.world.now_us();
  stage_ = places_.empty() ? Stage::kReading : Stage::kOffsets;
  Go();
}

void GroupMember::StopReading() {
  ++session_;
  places_.clear();
  if (!polling_) return;
  history::Operation operation;
  operation.process = process_;
  operation.type = history::Type::kFail;
  operation.error = "ABANDONED";
  EndPoll(std::move(operation));
}

// ---- for others ----

std::optional<GroupMember::Part> GroupMember::Reads() const {
  if (stage_ != Stage::kReading) return std::nullopt;
  Part part{generation_, {}};
  for (const auto& [where, place] : places_) part.partitions.insert(where);
  return part;
}

std::string GroupMember::Describe() const {
  std::string text = options_.group + " " + client_id_ + " id \"" + member_id_ + "\" generation " +
                     std::to_string(generation_) + " stage " +
                     std::to_string(static_cast<int>(stage_)) + " coordinator " +
                     (coordinator_ ? std::to_string(coordinator_->value()) : "unknown");
  for (const auto& [where, place] : places_) {
    text += " " + where.topic + "/" + std::to_string(where.partition) + "@" +
            std::to_string(place.position) + " committed " + std::to_string(place.committed);
  }
  return text;
}

}  // namespace jangada::sim
