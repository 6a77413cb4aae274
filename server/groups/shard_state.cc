#include "server/groups/shard_state.h"

#include <algorithm>
#include <utility>

#include "server/controller/fields.h"

namespace jangada::server::groups {
namespace {

constexpr uint8_t kStateVersion = 1;
constexpr size_t kOverhead = 64;  // of a node of a map, about

size_t SizeOf(const GroupRecord& record) {
  size_t bytes = kOverhead + record.protocol_type.size() + record.protocol.size();
  for (const MemberRecord& member : record.members) bytes += BytesOf(member);
  return bytes;
}

size_t SizeOf(const OffsetRecord& offset) { return kOverhead + offset.metadata.size(); }

size_t SizeOf(const std::string& name, const TopicOffsets& topic) {
  size_t bytes = kOverhead + name.size();
  for (const auto& [partition, offset] : topic.partitions) bytes += SizeOf(offset);
  return bytes;
}

}  // namespace

const KeptGroup* ShardState::Find(const std::string& group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

const OffsetRecord* ShardState::FindOffset(const std::string& group, const TopicPartition& where,
                                           const Uuid& topic_id) const {
  const KeptGroup* kept = Find(group);
  if (kept == nullptr) return nullptr;
  const auto topic = kept->topics.find(where.topic);
  if (topic == kept->topics.end() || topic->second.topic_id != topic_id) return nullptr;
  const auto offset = topic->second.partitions.find(where.partition);
  return offset == topic->second.partitions.end() ? nullptr : &offset->second;
}

void ShardState::Apply(const Command& command) {
  std::visit([this](const auto& body) { Do(body); }, command);
}

KeptGroup& ShardState::Touch(const std::string& group) {
  const auto [found, made] = groups_.try_emplace(group);
  if (made) bytes_ += kOverhead + group.size() + SizeOf(found->second.record);
  return found->second;
}

void ShardState::Do(const SetGroup& command) {
  KeptGroup& group = Touch(command.group);
  bytes_ += SizeOf(command.record);
  bytes_ -= SizeOf(group.record);
  group.record = command.record;
  group.idle_since_ms = command.at_ms;
}

void ShardState::Do(const CommitCommand& command) {
  KeptGroup& group = Touch(command.group);
  image_version_ = std::max(image_version_, command.image_version);
  group.idle_since_ms = command.at_ms;
  for (const auto& [name, committed] : command.topics) {
    auto topic = group.topics.find(name);
    if (topic != group.topics.end() && topic->second.topic_id != committed.topic_id) {
      EraseTopic(&group, topic);  // another topic of this name
      topic = group.topics.end();
    }
    if (topic == group.topics.end()) {
      topic =
          group.topics.emplace(name, TopicOffsets{.topic_id = committed.topic_id, .partitions = {}})
              .first;
      bytes_ += SizeOf(name, topic->second);
    }
    for (const auto& [partition, offset] : committed.partitions) {
      const auto [kept, made] = topic->second.partitions.try_emplace(partition);
      if (!made) bytes_ -= SizeOf(kept->second);
      kept->second = offset;
      bytes_ += SizeOf(offset);
    }
  }
}

void ShardState::Do(const DeleteOffsetsCommand& command) {
  const auto group = groups_.find(command.group);
  if (group == groups_.end()) return;
  for (const auto& [name, partitions] : command.topics) {
    const auto topic = group->second.topics.find(name);
    if (topic == group->second.topics.end()) continue;
    for (const int32_t partition : partitions) {
      const auto offset = topic->second.partitions.find(partition);
      if (offset == topic->second.partitions.end()) continue;
      bytes_ -= SizeOf(offset->second);
      topic->second.partitions.erase(offset);
    }
    if (topic->second.partitions.empty()) EraseTopic(&group->second, topic);
  }
}

void ShardState::Do(const DeleteGroupCommand& command) {
  const auto group = groups_.find(command.group);
  if (group != groups_.end()) Erase(group);
}

void ShardState::Do(const ExpireGroups& command) {
  for (const ExpireGroups::Idle& idle : command.groups) {
    const auto group = groups_.find(idle.group);
    if (group == groups_.end() || !group->second.record.members.empty()) continue;
    if (group->second.idle_since_ms == idle.idle_since_ms) Erase(group);
  }
}

void ShardState::Do(const DropTopics& command) {
  for (auto& [id, group] : groups_) {
    for (auto topic = group.topics.begin(); topic != group.topics.end();) {
      const auto here = topic++;
      const bool dropped = std::find(command.topic_ids.begin(), command.topic_ids.end(),
                                     here->second.topic_id) != command.topic_ids.end();
      if (dropped) EraseTopic(&group, here);
    }
  }
}

void ShardState::Erase(std::map<std::string, KeptGroup>::iterator group) {
  while (!group->second.topics.empty()) EraseTopic(&group->second, group->second.topics.begin());
  bytes_ -= kOverhead + group->first.size() + SizeOf(group->second.record);
  groups_.erase(group);
}

void ShardState::EraseTopic(KeptGroup* group, std::map<std::string, TopicOffsets>::iterator topic) {
  bytes_ -= SizeOf(topic->first, topic->second);
  group->topics.erase(topic);
}

Bytes ShardState::Encode() const {
  fields::Writer writer;
  writer(kStateVersion);
  writer(image_version_), writer(groups_);
  return Bytes(std::move(writer.out));
}

Status ShardState::Restore(std::string_view state) {
  ShardState restored;
  if (state.empty()) {
    *this = std::move(restored);
    return {};
  }
  fields::Reader reader(state);
  int64_t version = 0;
  reader(version);
  if (version != kStateVersion) {
    return Error{ErrorCode::kUnsupportedVersion,
                 "a checkpoint of consumer groups has format version " + std::to_string(version) +
                     ", which this program does not know; run the version that wrote it"};
  }
  reader(restored.image_version_), reader(restored.groups_);
  if (!reader.AtEnd()) {
    return Error{
        ErrorCode::kDataCorrupt,
        "a checkpoint of consumer groups is damaged; the replica must be refilled from its "
        "peers"};
  }
  for (const auto& [id, group] : restored.groups_) {
    restored.bytes_ += kOverhead + id.size() + SizeOf(group.record);
    for (const auto& [name, topic] : group.topics) restored.bytes_ += SizeOf(name, topic);
  }
  *this = std::move(restored);
  return {};
}

}  // namespace jangada::server::groups
