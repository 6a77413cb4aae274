// The controller's records: every change of the cluster, as plain structs, and their bytes in group
// 0's log and checkpoints (proto/jangada/v1/controller_records.proto; formats are versioned and
// never change silently). A record that this version of the program doesn't know is refused with a
// sentence: a node that cannot fold an entry must stop, not guess. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/uuid.h"
#include "server/controller/cluster_image.h"

namespace jangada::server::record {

/// The first record of group 0. Every later one of its kind is refused.
struct FoundCluster {
  Uuid cluster_id;
  std::vector<FounderDisk> founders;
  friend bool operator==(const FoundCluster&, const FoundCluster&) = default;
};

/// A node says where it listens. Its disk must be the one that the cluster knows, or the first of a
/// node that was admitted.
struct RegisterNode {
  NodeInfo node;
  friend bool operator==(const RegisterNode&, const RegisterNode&) = default;
};

/// The operator admits a node id; its disk is unknown until it registers.
struct AdmitNode {
  NodeId node;
  friend bool operator==(const AdmitNode&, const AdmitNode&) = default;
};

/// New desired replicas of one partition. Refused if the partition is no longer at `revision`.
struct ReplicaChange {
  GroupId group;
  uint64_t revision = 0;  // that the change was made from
  std::vector<NodeId> replicas;
  friend bool operator==(const ReplicaChange&, const ReplicaChange&) = default;
};

/// The operator removes a node: it gets no new replicas from here on.
struct RemoveNode {
  NodeId node;
  friend bool operator==(const RemoveNode&, const RemoveNode&) = default;
};

/// The last trace of a removed node: no group has it as a member any more.
struct ForgetNode {
  NodeId node;
  friend bool operator==(const ForgetNode&, const ForgetNode&) = default;
};

struct CreateTopic {
  std::string name;
  Uuid id;  // chosen by the requester: the same id again is the same request again
  TopicKind kind = TopicKind::kRecords;
  int32_t replication_factor = 1;
  std::vector<std::vector<NodeId>> assignment;  // a list of replicas per partition
  std::map<std::string, std::string> configs;
  friend bool operator==(const CreateTopic&, const CreateTopic&) = default;
};

struct DeleteTopic {
  std::string name;
  Uuid id;
  friend bool operator==(const DeleteTopic&, const DeleteTopic&) = default;
};

struct AddPartitions {
  std::string topic;
  Uuid topic_id;
  int32_t first = 0;  // the number of partitions that the request was made from
  std::vector<std::vector<NodeId>> assignment;
  friend bool operator==(const AddPartitions&, const AddPartitions&) = default;
};

struct AlterTopicConfigs {
  std::string topic;
  Uuid topic_id;
  std::map<std::string, std::optional<std::string>> changes;  // nullopt: back to the default
  friend bool operator==(const AlterTopicConfigs&, const AlterTopicConfigs&) = default;
};

/// Each change stands for itself: one whose partition moved on meanwhile is skipped. Answers how
/// many were made; an error if there was none to make.
struct ChangeReplicas {
  std::vector<ReplicaChange> changes;
  friend bool operator==(const ChangeReplicas&, const ChangeReplicas&) = default;
};

/// The group's leader reports: its committed membership is the desired one of `revision`, so that
/// nobody is leaving any more.
struct SettleReplicas {
  GroupId group;
  uint64_t revision = 0;
  friend bool operator==(const SettleReplicas&, const SettleReplicas&) = default;
};

/// Answers the first of `count` producer ids that nobody else gets.
struct AllotProducerIds {
  int64_t count = 0;
  friend bool operator==(const AllotProducerIds&, const AllotProducerIds&) = default;
};

using Body = std::variant<FoundCluster, RegisterNode, AdmitNode, RemoveNode, ForgetNode,
                          CreateTopic, DeleteTopic, AddPartitions, AlterTopicConfigs,
                          ChangeReplicas, SettleReplicas, AllotProducerIds>;

/// One kCommand entry of group 0.
struct Command {
  /// Names the proposal to its proposer, who waits for the outcome. Nothing replicated depends on
  /// it.
  uint64_t request = 0;
  Body body;
  friend bool operator==(const Command&, const Command&) = default;
};

Bytes EncodeCommand(const Command& command);
/// kUnsupportedVersion for a version, kind or field that this program doesn't know; kDataCorrupt
/// for bytes that no version wrote.
Result<Command> DecodeCommand(std::string_view bytes);

/// The state of group 0 in its checkpoints.
Bytes EncodeImage(const ClusterImage& image);
Result<ClusterImage> DecodeImage(std::string_view bytes);

}  // namespace jangada::server::record
