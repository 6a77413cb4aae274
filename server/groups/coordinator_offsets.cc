// Committed offsets of a coordinator: commits, reads, and what makes them go: deletion by their
// group or topic, and expiry. And what is asked of whole groups.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

#include "server/groups/consumer_protocol.h"
#include "server/groups/coordinator.h"

namespace jangada::server::groups {
namespace {

constexpr size_t kExpireAtOnce = 1000;  // groups in one entry

/// The topic of that partition; nullptr if there is none.
const TopicInfo* TopicOf(const ClusterImage& image, const TopicPartition& where) {
  const auto found = image.topics.find(where.topic);
  if (found == image.topics.end()) return nullptr;
  const TopicInfo& topic = *found->second;
  const bool has =
      where.partition >= 0 && static_cast<size_t>(where.partition) < topic.partitions.size();
  return has ? &topic : nullptr;
}

}  // namespace

// ---- commits ----

GroupError Coordinator::CheckCommitter(const GroupMembership& member) {
  if (Group* group = FindLive(member.group)) {
    const GroupError error = group->CheckCommit(member, context_.executor.NowUs());
    Settle(member.group);
    return error;
  }
  if (member.generation < 0 && member.member_id.empty() && !member.instance_id) {
    return GroupError::kNone;
  }
  return state_.Find(member.group) == nullptr ? GroupError::kIllegalGeneration
                                              : GroupError::kUnknownMember;
}

/// Where the shard is full, what is there may still move on.
GroupError Coordinator::CheckOffset(const ClusterImage& image, const std::string& group,
                                    const OffsetToCommit& offset) const {
  const TopicInfo* const topic = TopicOf(image, offset.where);
  if (topic == nullptr) return GroupError::kUnknownTopic;
  if (offset.metadata.size() > kMaxOffsetMetadataBytes) return GroupError::kMetadataTooLarge;
  if (state_.bytes() < kMaxShardBytes) return GroupError::kNone;
  const OffsetRecord* const kept = state_.FindOffset(group, offset.where, topic->id);
  const bool grows = kept == nullptr || offset.metadata.size() > kept->metadata.size();
  return grows ? GroupError::kTooLarge : GroupError::kNone;
}

void Coordinator::Commit(CommitOffsets request, Callback<OffsetErrors> done) {
  const ClusterImagePtr image = options_.image();
  GroupError error = CheckGroup(request.member.group);
  if (error == GroupError::kNone && image->version < state_.image_version()) {
    error = GroupError::kLoading;
  }
  if (error == GroupError::kNone) error = CheckCommitter(request.member);
  if (error != GroupError::kNone) return done({.error = error, .each = {}});

  OffsetErrors answer;
  CommitCommand command{.group = request.member.group,
                        .at_ms = context_.executor.WallNowMs(),
                        .image_version = image->version,
                        .topics = {}};
  size_t bytes = 0;
  for (OffsetToCommit& offset : request.offsets) {
    answer.each.push_back(CheckOffset(*image, command.group, offset));
    if (answer.each.back() != GroupError::kNone) continue;
    bytes += offset.metadata.size() + sizeof(OffsetRecord);
    TopicOffsets& topic = command.topics[offset.where.topic];
    topic.topic_id = TopicOf(*image, offset.where)->id;
    topic.partitions[offset.where.partition] = {.offset = offset.offset,
                                                .leader_epoch = offset.leader_epoch,
                                                .metadata = std::move(offset.metadata),
                                                .commit_ms = command.at_ms};
  }
  if (bytes > kMaxCommandBytes) return done({.error = GroupError::kTooLarge, .each = {}});
  if (command.topics.empty()) return done(std::move(answer));
  Propose(command, [answer = std::move(answer), done = std::move(done)](GroupError fate) mutable {
    if (fate != GroupError::kNone) return done({.error = fate, .each = {}});
    done(std::move(answer));
  });
}

// ---- reads ----

void Coordinator::Fetch(FetchOffsets request, Callback<FetchedOffsets> done) {
  if (const GroupError error = CheckGroup(request.group); error != GroupError::kNone) {
    return done({.error = error, .offsets = {}});
  }
  replica_.ReadBarrier(IfAlive([this, request = std::move(request),
                                done = std::move(done)](const Status& confirmed) mutable {
    if (!confirmed.ok()) {
      const bool moved = confirmed.error().code != ErrorCode::kUnavailable;
      return done(
          {.error = moved ? GroupError::kNotCoordinator : GroupError::kLoading, .offsets = {}});
    }
    done(Read(request));
  }));
}

/// Offsets of a topic that is gone are as if they were gone already.
FetchedOffsets Coordinator::Read(const FetchOffsets& request) const {
  const ClusterImagePtr image = options_.image();
  if (image->version < state_.image_version()) {
    return {.error = GroupError::kLoading, .offsets = {}};
  }
  std::vector<TopicPartition> asked;
  if (request.where) {
    asked = *request.where;
  } else if (const KeptGroup* kept = state_.Find(request.group)) {
    for (const auto& [name, topic] : kept->topics) {
      for (const auto& [partition, offset] : topic.partitions) asked.push_back({name, partition});
    }
  }
  FetchedOffsets answer;
  for (TopicPartition& where : asked) {
    const TopicInfo* topic = TopicOf(*image, where);
    const OffsetRecord* kept =
        topic == nullptr ? nullptr : state_.FindOffset(request.group, where, topic->id);
    if (kept == nullptr && !request.where) continue;
    CommittedOffset& line = answer.offsets.emplace_back();
    line.where = std::move(where);
    if (kept == nullptr) continue;
    line.offset = kept->offset;
    line.leader_epoch = kept->leader_epoch;
    line.metadata = kept->metadata;
  }
  return answer;
}

// ---- deletion ----

void Coordinator::Delete(DeleteOffsets request, Callback<OffsetErrors> done) {
  GroupError error = CheckGroup(request.group);
  const Group* live = FindLive(request.group);
  if (error == GroupError::kNone && live == nullptr && state_.Find(request.group) == nullptr) {
    error = GroupError::kGroupNotFound;
  }
  // Whose members we can't read must have none.
  std::set<std::string> subscribed;
  if (error == GroupError::kNone && live != nullptr && live->size() > 0) {
    const std::string type = live->Describe().protocol_type;
    const bool readable = type == kConsumerProtocolType || type == kGrpcProtocolType;
    if (!readable) error = GroupError::kNonEmptyGroup;
    for (const std::string& metadata : live->Subscriptions()) {
      const auto topics = SubscribedTopics(metadata);
      if (topics) subscribed.insert(topics->begin(), topics->end());
    }
  }
  if (error != GroupError::kNone) return done({.error = error, .each = {}});

  OffsetErrors answer;
  DeleteOffsetsCommand command{.group = request.group, .topics = {}};
  for (const TopicPartition& where : request.where) {
    const bool read = subscribed.contains(where.topic);
    answer.each.push_back(read ? GroupError::kSubscribed : GroupError::kNone);
    if (!read) command.topics[where.topic].push_back(where.partition);
  }
  if (command.topics.empty()) return done(std::move(answer));
  Propose(command, [answer = std::move(answer), done = std::move(done)](GroupError fate) mutable {
    if (fate != GroupError::kNone) return done({.error = fate, .each = {}});
    done(std::move(answer));
  });
}

void Coordinator::DeleteGroup(const std::string& group, Callback<GroupError> done) {
  if (const GroupError error = CheckGroup(group); error != GroupError::kNone) return done(error);
  const Group* live = FindLive(group);
  if (live != nullptr && live->size() > 0) return done(GroupError::kNonEmptyGroup);
  if (state_.Find(group) == nullptr) return done(GroupError::kGroupNotFound);
  spdlog::info("deleting consumer group id=\"{}\"", ForLog(group));
  Propose(DeleteGroupCommand{group}, std::move(done));
}

// ---- what can be seen ----

void Coordinator::Describe(const std::string& group, Callback<GroupDescription> done) {
  GroupDescription description{
      .error = CheckGroup(group), .protocol_type = {}, .protocol = {}, .members = {}};
  if (description.error != GroupError::kNone) return done(std::move(description));
  if (const Group* live = FindLive(group)) return done(live->Describe());
  if (const KeptGroup* kept = state_.Find(group)) {
    description.state = GroupState::kEmpty;
    description.protocol_type = kept->record.protocol_type;
  }
  done(std::move(description));
}

GroupList Coordinator::List() const {
  GroupList list{.error = CheckServing(), .groups = {}};
  if (list.error != GroupError::kNone) return list;
  for (const auto& [id, live] : live_) {
    const GroupDescription seen = live.group->Describe();
    list.groups.push_back({id, seen.protocol_type, seen.state});
  }
  for (const auto& [id, kept] : state_.groups()) {
    if (live_.contains(id)) continue;
    list.groups.push_back({id, kept.record.protocol_type, GroupState::kEmpty});
  }
  return list;
}

// ---- expiry ----

void Coordinator::ArmHousekeeping() {
  context_.executor.Cancel(housekeeping_timer_);
  housekeeping_timer_ = context_.executor.After(options_.housekeeping_us, [this] {
    housekeeping_timer_ = 0;
    if (CheckServing() != GroupError::kNone) return;  // armed again by whoever leads
    ExpireIdleGroups();
    DropDeletedTopics();
    ArmHousekeeping();
  });
}

/// What fails is found again at the next look.
void Coordinator::ExpireIdleGroups() {
  const int64_t before_ms = context_.executor.WallNowMs() - options_.offsets_retention_ms;
  ExpireGroups command;
  for (const auto& [id, kept] : state_.groups()) {
    if (kept.idle_since_ms > before_ms || !kept.record.members.empty() || live_.contains(id))
      continue;
    command.groups.push_back({id, kept.idle_since_ms});
    if (command.groups.size() == kExpireAtOnce) break;
  }
  if (command.groups.empty()) return;
  spdlog::info("consumer groups expire group={} count={}", options_.replica.group.value(),
               command.groups.size());
  Propose(command, [](GroupError) {});
}

void Coordinator::DropDeletedTopics() {
  const ClusterImagePtr image = options_.image();
  if (image->version < state_.image_version()) return;  // what is missing there may be new
  if (image->version == image_looked_at_) return;
  std::set<Uuid> there;
  for (const auto& [name, topic] : image->topics) there.insert(topic->id);
  std::set<Uuid> gone;
  for (const auto& [id, kept] : state_.groups()) {
    for (const auto& [name, topic] : kept.topics) {
      if (!there.contains(topic.topic_id)) gone.insert(topic.topic_id);
    }
  }
  if (gone.empty()) {
    image_looked_at_ = image->version;
    return;
  }
  spdlog::info("offsets of deleted topics go group={} topics={}", options_.replica.group.value(),
               gone.size());
  Propose(DropTopics{{gone.begin(), gone.end()}}, [](GroupError) {});
}

}  // namespace jangada::server::groups
