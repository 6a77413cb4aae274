// ClusterImage: what the controller group has decided, as one immutable value. Folded from the
// controller's log by ControllerMachine on every node; readers hold a shared_ptr and never see a
// half-made change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/uuid.h"

namespace jangada::server {

struct Endpoint {
  std::string host;
  uint16_t port = 0;
  std::string ToString() const { return host + ":" + std::to_string(port); }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// A line of `cluster.founders`: one of the nodes that found the cluster, and where the others
/// reach it.
struct Founder {
  NodeId node;
  Endpoint peer;
  static void Fields(auto& m, auto& v) { v(m.node), v(m.peer); }
  friend bool operator==(const Founder&, const Founder&) = default;
};

struct NodeInfo {
  NodeId id;
  Uuid disk_id;  // zero: added by the operator, has not registered yet
  /// The operator removes it: no new replicas; it goes for good when no group has it as a member.
  bool removing = false;
  /// The groups below were made before this disk was the node's: it is no founder of theirs, even
  /// where the node was one.
  GroupId first_group;
  std::string rack;  // empty: none
  Endpoint peer;     // 6092: the other nodes
  Endpoint grpc;     // 7092: clients
  Endpoint kafka;    // 9092
  Endpoint http;     // 8092
  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

struct PartitionInfo {
  int32_t partition = 0;
  GroupId group;
  /// Desired; [0] is the preferred leader. Who votes is the group's own committed membership.
  std::vector<NodeId> replicas;
  /// The voters that the group was created with: only they bootstrap it, each when it first hears
  /// of it, unless its disk is a newer one (NodeInfo::first_group).
  std::vector<NodeId> founders;
  uint64_t revision = 0;  // kFirstRevision at creation; grows with each change of `replicas`
  /// Taken out of `replicas`, but perhaps still a member of the group. Not taken back before the
  /// group's leader reports that its committed membership excludes them: the node's disk may be a
  /// new one by then.
  std::vector<NodeId> leaving;
  friend bool operator==(const PartitionInfo&, const PartitionInfo&) = default;
};

/// Of a partition whose replicas were never changed.
inline constexpr uint64_t kFirstRevision = 1;

/// What the partitions of a topic are.
enum class TopicKind : uint8_t {
  kRecords = 0,  // logs that clients write and read
  kGroups = 1,   // shards of the consumer groups: the cluster's own
};

/// The one topic of kind kGroups. Clients can't make it: the cluster does, at the first use.
inline constexpr const char* kGroupsTopic = "__consumer_offsets";

struct TopicInfo {
  std::string name;
  Uuid id;
  TopicKind kind = TopicKind::kRecords;
  int32_t replication_factor = 1;
  std::vector<PartitionInfo> partitions;       // index = partition number
  std::map<std::string, std::string> configs;  // only what was set; defaults: topic_config.h
  friend bool operator==(const TopicInfo&, const TopicInfo&) = default;
};

/// One of the nodes that made the cluster, and the disk that it did so with.
struct FounderDisk {
  NodeId node;
  Endpoint peer;
  Uuid disk_id;
  static void Fields(auto& m, auto& v) { v(m.node), v(m.peer), v(m.disk_id); }
  friend bool operator==(const FounderDisk&, const FounderDisk&) = default;
};

/// More than anybody deletes while one creation is being repeated.
inline constexpr size_t kMaxDeletedTopics = 1'024;

struct ClusterImage {
  Uuid cluster_id;
  uint64_t version = 0;               // index of the last controller entry folded in
  std::vector<FounderDisk> founders;  // as they were: never changes
  std::map<NodeId, NodeInfo> nodes;
  std::map<std::string, std::shared_ptr<const TopicInfo>> topics;
  std::map<GroupId, std::pair<std::string, int32_t>>
      groups;  // partition groups -> (topic, partition)
  /// The ids of the topics deleted last, newest last, kMaxDeletedTopics at most: a creation that a
  /// node repeats, for it does not know whether it was done, brings none of them back.
  std::vector<Uuid> deleted_topics;
  uint64_t next_group = 1;
  int64_t next_producer_id = 1;
  std::map<std::string, std::string> cluster_configs;

  std::shared_ptr<const TopicInfo> FindTopic(const std::string& name) const {
    auto it = topics.find(name);
    return it == topics.end() ? nullptr : it->second;
  }
  bool WasDeleted(const Uuid& topic) const {
    return std::find(deleted_topics.begin(), deleted_topics.end(), topic) != deleted_topics.end();
  }
  const NodeInfo* FindNode(NodeId node) const {
    auto it = nodes.find(node);
    return it == nodes.end() ? nullptr : &it->second;
  }
  /// The partition of a group, valid as long as this image; nullptr if there is none.
  const PartitionInfo* FindGroup(GroupId group) const {
    auto it = groups.find(group);
    if (it == groups.end()) return nullptr;
    return &topics.at(it->second.first)->partitions.at(static_cast<size_t>(it->second.second));
  }
};

using ClusterImagePtr = std::shared_ptr<const ClusterImage>;

}  // namespace jangada::server
