// ClusterImage: what the controller group has decided, as one immutable value. Folded from the controller's
// log by ControllerMachine on every node; readers hold a shared_ptr and never see a half-made change.
#pragma once

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

struct NodeInfo {
  NodeId id;
  Uuid disk_id;         // zero: added by the operator, has not registered yet
  std::string rack;     // empty: none
  Endpoint peer;        // 6092: the other nodes
  Endpoint grpc;        // 7092: clients
  Endpoint kafka;       // 9092
  Endpoint http;        // 8092
  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

struct PartitionInfo {
  int32_t partition = 0;
  GroupId group;
  /// Desired; [0] is the preferred leader. Who votes is the group's own committed membership.
  std::vector<NodeId> replicas;
  /// The voters that the group was created with: only they bootstrap it.
  std::vector<NodeId> founders;
  uint64_t revision = 0;  // grows with each change of `replicas`
  friend bool operator==(const PartitionInfo&, const PartitionInfo&) = default;
};

struct TopicInfo {
  std::string name;
  Uuid id;
  int32_t replication_factor = 1;
  std::vector<PartitionInfo> partitions;       // index = partition number
  std::map<std::string, std::string> configs;  // only what was set; defaults: topic_config.h
};

struct ClusterImage {
  Uuid cluster_id;
  uint64_t version = 0;  // index of the last controller entry folded in
  std::map<NodeId, NodeInfo> nodes;
  std::map<std::string, std::shared_ptr<const TopicInfo>> topics;
  std::map<GroupId, std::pair<std::string, int32_t>> groups;  // partition groups -> (topic, partition)
  uint64_t next_group = 1;
  int64_t next_producer_id = 1;
  std::map<std::string, std::string> cluster_configs;

  std::shared_ptr<const TopicInfo> FindTopic(const std::string& name) const {
    auto it = topics.find(name);
    return it == topics.end() ? nullptr : it->second;
  }
};

using ClusterImagePtr = std::shared_ptr<const ClusterImage>;

}  // namespace jangada::server
