// Metadata, key 3, v0 to v12. Topics by name; from v12 on also by id. No list (v0: an empty one)
// asks for all. A topic that is not there is created, if the client and the operator allow it, once
// as many nodes live as it is to have replicas; until it is served its client is told
// LEADER_NOT_AVAILABLE and asks again. A partition's leader epoch is the Raft term of its leader.
#include <map>
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"
#include "server/partition/topic_config.h"

namespace jangada::server::kafka {
namespace {

constexpr int16_t kFirstWithIds = 10;     // in the response, and as a field of the request
constexpr int16_t kFirstLookupById = 12;  // ... that is looked at
constexpr int64_t kCreateUs = 5'000'000;  // then the client asks again

struct MetadataWork {
  explicit MetadataWork(Call<MetadataRequest> its_call) : call(std::move(its_call)) {}
  Call<MetadataRequest> call;
  /// What became of the topics that are created on the way.
  std::map<std::string, Code> created;
};

MetadataResponse::Topic Missing(Code code, const MetadataRequest::Topic& asked) {
  return {.error_code = code, .name = asked.name, .id = asked.id};
}

MetadataResponse::Topic Describe(const ClusterView& view, const TopicInfo& topic,
                                 bool with_operations) {
  MetadataResponse::Topic answer{
      .name = topic.name, .id = topic.id, .is_internal = topic.kind != TopicKind::kRecords};
  if (with_operations) answer.authorized_operations = kTopicOperations;
  answer.partitions.reserve(topic.partitions.size());
  for (const PartitionInfo& partition : topic.partitions) {
    PartitionLine line = view.Describe(topic, partition);
    answer.partitions.push_back({.error_code = line.error_code,
                                 .index = partition.partition,
                                 .leader_id = line.leader_id,
                                 .leader_epoch = line.leader_epoch,
                                 .replica_nodes = std::move(line.replicas),
                                 .isr_nodes = std::move(line.in_sync),
                                 .offline_replicas = std::move(line.offline)});
  }
  return answer;
}

MetadataResponse::Topic Find(const MetadataWork& work, const ClusterView& view,
                             const MetadataRequest::Topic& asked) {
  const int16_t version = work.call.version();
  const bool with_operations = work.call.request.include_topic_authorized_operations;
  if (version >= kFirstWithIds && version < kFirstLookupById &&
      (!asked.name || !asked.id.IsZero())) {
    return Missing(Code::kInvalidRequest, {.id = asked.id, .name = asked.name.value_or("")});
  }
  if (!asked.name) {
    const TopicInfo* topic = view.FindTopic(asked.id);
    return topic != nullptr ? Describe(view, *topic, with_operations)
                            : Missing(Code::kUnknownTopicId, asked);
  }
  if (const TopicInfo* topic = view.FindTopic(*asked.name)) {
    return Describe(view, *topic, with_operations);
  }
  if (!CheckTopicName(*asked.name).ok()) return Missing(Code::kInvalidTopic, asked);
  const auto created = work.created.find(*asked.name);
  if (created != work.created.end()) return Missing(created->second, asked);
  // A node that has not heard from the controller which topics there are has its client ask again.
  return Missing(work.call.broker().ControllerLeader() ? Code::kUnknownTopicOrPartition
                                                       : Code::kLeaderNotAvailable,
                 asked);
}

void Answer(MetadataWork& work) {
  const ClusterView view(work.call.broker());
  const MetadataRequest& request = work.call.request;
  MetadataResponse response;
  for (NodeEndpoint& node : view.Nodes()) {
    response.brokers.push_back(
        {node.node_id, std::move(node.host), node.port, std::move(node.rack)});
  }
  response.cluster_id = view.image().cluster_id.ToString();
  response.controller_id = view.ControllerId();
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = kClusterOperations;
  }
  const bool all = !request.topics || (work.call.version() == 0 && request.topics->empty());
  if (all) {
    for (const auto& [name, topic] : view.image().topics) {
      response.topics.push_back(
          Describe(view, *topic, request.include_topic_authorized_operations));
    }
  } else {
    for (const MetadataRequest::Topic& asked : *request.topics) {
      response.topics.push_back(Find(work, view, asked));
    }
  }
  work.call.Answer(response);
}

/// The topics to create first, each with what its client is told unless it is there in the end.
std::map<std::string, Code> ToCreate(const Call<MetadataRequest>& call) {
  std::map<std::string, Code> names;
  const MetadataRequest& request = call.request;
  const bool allowed = call.door().options.auto_create_topics && request.allow_auto_topic_creation;
  if (!allowed || !request.topics) return names;
  const ClusterView view(call.broker());
  for (const MetadataRequest::Topic& asked : *request.topics) {
    if (!asked.name || *asked.name == kGroupsTopic) continue;
    if (view.FindTopic(*asked.name) == nullptr && CheckTopicName(*asked.name).ok()) {
      names[*asked.name] = Code::kLeaderNotAvailable;
    }
  }
  return names;
}

}  // namespace

void HandleMetadata(Call<MetadataRequest> call) {
  auto work = std::make_shared<MetadataWork>(std::move(call));
  work->created = ToCreate(work->call);
  Door& door = work->call.door();
  const int32_t replicas = DefaultReplicas(door, *door.broker.image());
  if (work->created.empty() || static_cast<int32_t>(door.broker.LiveNodes().size()) < replicas) {
    return Answer(*work);
  }
  auto left = std::make_shared<Countdown>(static_cast<int>(work->created.size()),
                                          [work] { Answer(*work); });
  for (const auto& [name, code] : work->created) {
    door.broker.CreateTopic({.name = name,
                             .partitions = door.options.default_partitions,
                             .replication_factor = replicas,
                             .timeout_us = kCreateUs},
                            // Whatever it says: either the topic is there now, or its client asks
                            // again.
                            [left](const Result<Uuid>&) { left->Done(); });
  }
}

}  // namespace jangada::server::kafka
