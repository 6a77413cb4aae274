// ClusterView: the cluster as Kafka's clients are told it, at one moment: which nodes live, who
// leads what. Soft state of this node; a client that acts on an old one is told NOT_LEADER and asks
// again. Built and used on one thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "server/broker.h"
#include "server/kafka/door.h"
#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

/// What everybody may do, as bits of Kafka's operations: there is no authorization yet.
inline constexpr int32_t kTopicOperations = 0b0'1101'1111'1000;  // read, write, create, delete, ...
inline constexpr int32_t kClusterOperations = 0b1'1111'1010'0000;  // create, alter, describe, ...

/// One partition, in the fields that Metadata and DescribeTopicPartitions share.
struct PartitionLine {
  Code error_code = Code::kNone;
  int32_t leader_id = -1;
  int32_t leader_epoch = -1;
  std::vector<int32_t> replicas;
  std::vector<int32_t> in_sync;  // on nodes heard from recently, and close to the leader's end
  std::vector<int32_t> offline;  // on nodes not heard from
};

class ClusterView {
 public:
  explicit ClusterView(const Broker& broker);

  const ClusterImage& image() const { return *image_; }
  /// nullptr: there is none.
  const TopicInfo* FindTopic(const std::string& name) const;
  const TopicInfo* FindTopic(const Uuid& id) const;

  /// The live nodes that told where Kafka's clients reach them.
  std::vector<NodeEndpoint> Nodes() const;
  /// A live node in any case: every node forwards what concerns the controller.
  int32_t ControllerId() const;
  PartitionLine Describe(const TopicInfo& topic, const PartitionInfo& partition) const;

 private:
  bool IsReachable(NodeId node) const;

  const Broker& broker_;
  const ClusterImagePtr image_;
  std::set<NodeId> live_;
};

/// Where to find the leader of a partition after NOT_LEADER (KIP-951); nullopt: nobody knows.
struct LeaderHint {
  LeaderIdAndEpoch leader;
  NodeEndpoint endpoint;
};
std::optional<LeaderHint> HintFor(const Broker& broker, const TopicPartition& where);
/// Adds an endpoint unless it is there.
void AddEndpoint(const NodeEndpoint& endpoint, std::vector<NodeEndpoint>* endpoints);

/// kNone, or what a client must be told whose knowledge of the leader is older or newer than this
/// node's. -1: it knows nothing.
Code CheckLeaderEpoch(const Broker& broker, const TopicPartition& where, int32_t epoch);

/// How many replicas a topic gets whose maker says nothing, or -1.
int32_t DefaultReplicas(const Door& door, const ClusterImage& image);

/// A request's time, as the broker takes it.
int64_t TimeoutUs(int32_t timeout_ms);

}  // namespace jangada::server::kafka
