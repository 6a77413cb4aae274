#include "server/kafka/handlers/cluster_view.h"

#include <algorithm>

namespace jangada::server::kafka {
namespace {

constexpr int32_t kUsualReplicas = 3;

std::optional<NodeEndpoint> EndpointOf(const ClusterImage& image, NodeId id) {
  const NodeInfo* node = image.FindNode(id);
  if (node == nullptr || node->kafka.port == 0) return std::nullopt;
  NodeEndpoint endpoint{
      .node_id = id.value(), .host = node->kafka.host, .port = node->kafka.port, .rack = {}};
  if (!node->rack.empty()) endpoint.rack = node->rack;
  return endpoint;
}

}  // namespace

ClusterView::ClusterView(const Broker& broker) : broker_(broker), image_(broker.image()) {
  for (const NodeId node : broker.LiveNodes()) live_.insert(node);
  live_.insert(broker.self());
}

const TopicInfo* ClusterView::FindTopic(const std::string& name) const {
  const auto found = image_->topics.find(name);
  return found == image_->topics.end() ? nullptr : found->second.get();
}

const TopicInfo* ClusterView::FindTopic(const Uuid& id) const {
  for (const auto& [name, topic] : image_->topics) {
    if (topic->id == id) return topic.get();
  }
  return nullptr;
}

bool ClusterView::IsReachable(NodeId id) const {
  const NodeInfo* node = image_->FindNode(id);
  return node != nullptr && node->kafka.port != 0 && live_.contains(id);
}

std::vector<NodeEndpoint> ClusterView::Nodes() const {
  std::vector<NodeEndpoint> nodes;
  for (const NodeId id : live_) {
    if (auto endpoint = EndpointOf(*image_, id)) nodes.push_back(*std::move(endpoint));
  }
  return nodes;
}

int32_t ClusterView::ControllerId() const {
  const std::optional<NodeId> leader = broker_.ControllerLeader();
  return leader && IsReachable(*leader) ? leader->value() : broker_.self().value();
}

PartitionLine ClusterView::Describe(const TopicInfo& topic, const PartitionInfo& partition) const {
  PartitionLine line;
  const auto leader = broker_.KnownLeaderOf({topic.name, partition.partition});
  const auto lags = [&leader](NodeId node) {
    return leader &&
           std::find(leader->lagging.begin(), leader->lagging.end(), node) != leader->lagging.end();
  };
  for (const NodeId replica : partition.replicas) {
    line.replicas.push_back(replica.value());
    if (!live_.contains(replica)) {
      line.offline.push_back(replica.value());
    } else if (!lags(replica)) {
      line.in_sync.push_back(replica.value());
    }
  }
  if (leader && IsReachable(leader->node)) {
    line.leader_id = leader->node.value();
    line.leader_epoch = leader->epoch;
  } else {
    line.error_code = Code::kLeaderNotAvailable;
  }
  return line;
}

std::optional<LeaderHint> HintFor(const Broker& broker, const TopicPartition& where) {
  const std::optional<KnownLeader> leader = broker.KnownLeaderOf(where);
  if (!leader || leader->node == broker.self()) return std::nullopt;
  auto endpoint = EndpointOf(*broker.image(), leader->node);
  if (!endpoint) return std::nullopt;
  return LeaderHint{{leader->node.value(), leader->epoch}, *std::move(endpoint)};
}

void AddEndpoint(const NodeEndpoint& endpoint, std::vector<NodeEndpoint>* endpoints) {
  const bool known =
      std::any_of(endpoints->begin(), endpoints->end(),
                  [&](const NodeEndpoint& other) { return other.node_id == endpoint.node_id; });
  if (!known) endpoints->push_back(endpoint);
}

Code CheckLeaderEpoch(const Broker& broker, const TopicPartition& where, int32_t epoch) {
  if (epoch < 0) return Code::kNone;
  const std::optional<KnownLeader> leader = broker.KnownLeaderOf(where);
  // Who does not lead says so, whatever the client knows.
  if (!leader || leader->node != broker.self()) return Code::kNone;
  if (epoch < leader->epoch) return Code::kFencedLeaderEpoch;
  return epoch > leader->epoch ? Code::kUnknownLeaderEpoch : Code::kNone;
}

int32_t DefaultReplicas(const Door& door, const ClusterImage& image) {
  if (door.options.default_replicas > 0) return door.options.default_replicas;
  // Founders count from the beginning: a topic that is asked for while they start waits for them.
  const auto nodes = std::count_if(image.nodes.begin(), image.nodes.end(),
                                   [](const auto& node) { return !node.second.removing; });
  return std::clamp(static_cast<int32_t>(nodes), 1, kUsualReplicas);
}

int64_t TimeoutUs(int32_t timeout_ms) {
  return std::clamp<int64_t>(int64_t{timeout_ms} * 1000, 1'000, kMaxCallUs);
}

}  // namespace jangada::server::kafka
