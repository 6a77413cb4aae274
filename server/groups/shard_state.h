// ShardState: what the log of one shard of consumer groups folds into: groups and their committed
// offsets. A pure fold of committed entries: equal logs give equal states, whether applied live,
// replayed after a restart or taken from a checkpoint. No clock: time comes in with entries only.
// Owned by a shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "server/groups/records.h"

namespace jangada::server::groups {

/// One group as the log tells it.
struct KeptGroup {
  GroupRecord record;
  /// When it was last used: left by its last member, or committed to while it was empty.
  int64_t idle_since_ms = 0;
  std::map<std::string, TopicOffsets> topics;
  static void Fields(auto& m, auto& v) { v(m.record), v(m.idle_since_ms), v(m.topics); }
  friend bool operator==(const KeptGroup&, const KeptGroup&) = default;
};

class ShardState {
 public:
  void Apply(const Command& command);

  const std::map<std::string, KeptGroup>& groups() const { return groups_; }
  const KeptGroup* Find(const std::string& group) const;
  const OffsetRecord* FindOffset(const std::string& group, const TopicPartition& where,
                                 const Uuid& topic_id) const;
  /// Of the newest cluster image that topics of commits were looked up in. Whoever serves offsets
  /// must know it, or a later one: else a topic that it misses may merely be new.
  uint64_t image_version() const { return image_version_; }
  /// What the state takes in memory and in a checkpoint, about.
  size_t bytes() const { return bytes_; }

  /// Its own, versioned encoding.
  Bytes Encode() const;
  /// An empty `state` is that of a new shard. kDataCorrupt or kUnsupportedVersion.
  Status Restore(std::string_view state);

  friend bool operator==(const ShardState&, const ShardState&) = default;

 private:
  void Do(const SetGroup& command);
  void Do(const CommitCommand& command);
  void Do(const DeleteOffsetsCommand& command);
  void Do(const DeleteGroupCommand& command);
  void Do(const ExpireGroups& command);
  void Do(const DropTopics& command);
  KeptGroup& Touch(const std::string& group);
  void Erase(std::map<std::string, KeptGroup>::iterator group);
  void EraseTopic(KeptGroup* group, std::map<std::string, TopicOffsets>::iterator topic);

  // 1. bytes_ is the sum of the sizes of all groups and offsets.
  std::map<std::string, KeptGroup> groups_;
  uint64_t image_version_ = 0;
  size_t bytes_ = 0;
};

}  // namespace jangada::server::groups
