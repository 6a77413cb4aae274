#include "server/controller/fold.h"

#include <algorithm>
#include <set>
#include <utility>

namespace jangada::server {
namespace {

using Topics = std::map<std::string, std::shared_ptr<const TopicInfo>>;

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

std::string Name(NodeId node) { return "node " + std::to_string(node.value()); }

Error UnknownTopic(const std::string& name) {
  return {ErrorCode::kUnknownTopic,
          "there is no topic '" + name + "': see `jangada topic list` for those that exist"};
}

Error ChangedMeanwhile(const std::string& what) {
  return {ErrorCode::kFailedPrecondition, what + " changed meanwhile: look again and repeat"};
}

/// The topic of that name and id.
Result<std::shared_ptr<const TopicInfo>> FindTopic(const ClusterImage& image,
                                                   const std::string& name, const Uuid& id) {
  std::shared_ptr<const TopicInfo> topic = image.FindTopic(name);
  if (!topic) return UnknownTopic(name);
  if (topic->id != id) return ChangedMeanwhile("topic '" + name + "'");
  return topic;
}

// ---- nodes ----

Result<int64_t> Apply(const record::FoundCluster& command, ClusterImage* image) {
  if (!image->cluster_id.IsZero()) {
    return Error{ErrorCode::kAlreadyExists,
                 "the cluster is already founded, with the id " + image->cluster_id.ToString()};
  }
  if (command.cluster_id.IsZero() || command.founders.empty()) {
    return Error{ErrorCode::kInvalidArgument, "a cluster needs an id and at least one founder"};
  }
  image->cluster_id = command.cluster_id;
  image->founders = command.founders;
  for (const FounderDisk& founder : command.founders) {
    NodeInfo& node = image->nodes[founder.node];
    node.id = founder.node;
    node.disk_id = founder.disk_id;
    node.first_group = GroupId(image->next_group);
    node.peer = founder.peer;
  }
  return 0;
}

Result<int64_t> Apply(const record::RegisterNode& command, ClusterImage* image) {
  const NodeInfo& node = command.node;
  const std::string number = std::to_string(node.id.value());
  auto it = image->nodes.find(node.id);
  if (it == image->nodes.end()) {
    return Error{ErrorCode::kPermissionDenied, Name(node.id) +
                                                   " is not a member of this cluster: run `jangada "
                                                   "node add " +
                                                   number + "`, then start it again"};
  }
  if (!it->second.disk_id.IsZero() && it->second.disk_id != node.disk_id) {
    return Error{ErrorCode::kPermissionDenied,
                 Name(node.id) +
                     " is known with another disk: if its data is lost, run `jangada node remove " +
                     number + "`, then `jangada node add " + number + "`, then start it again"};
  }
  const bool is_new = it->second.disk_id.IsZero();
  const NodeInfo before = std::exchange(it->second, node);
  it->second.removing = before.removing;
  it->second.first_group = is_new ? GroupId(image->next_group) : before.first_group;
  return 0;
}

Result<int64_t> Apply(const record::AdmitNode& command, ClusterImage* image) {
  if (command.node.value() < 1) {
    return Error{ErrorCode::kInvalidArgument, "a node id must be 1 or more"};
  }
  auto it = image->nodes.find(command.node);
  if (it == image->nodes.end()) {
    image->nodes[command.node].id = command.node;
    return 0;
  }
  if (it->second.removing) {
    return Error{
        ErrorCode::kFailedPrecondition,
        Name(command.node) +
            " is still being removed: wait until `jangada cluster nodes` no longer lists it"};
  }
  if (it->second.disk_id.IsZero()) return 0;  // admitted before, not yet registered
  return Error{ErrorCode::kAlreadyExists, Name(command.node) +
                                              " is already a member: remove it first if its disk "
                                              "was lost"};
}

Result<int64_t> Apply(const record::RemoveNode& command, ClusterImage* image) {
  auto it = image->nodes.find(command.node);
  if (it == image->nodes.end()) {
    return Error{ErrorCode::kNotFound,
                 "there is no " + Name(command.node) + ": see `jangada cluster nodes`"};
  }
  if (it->second.disk_id.IsZero()) {  // it never registered, so nothing can be on it
    image->nodes.erase(it);
    return 0;
  }
  const auto stays = [&](const auto& other) {
    return other.first != command.node && !other.second.removing && !other.second.disk_id.IsZero();
  };
  if (std::none_of(image->nodes.begin(), image->nodes.end(), stays)) {
    return Error{ErrorCode::kFailedPrecondition,
                 Name(command.node) + " is the last node of the cluster and cannot be removed"};
  }
  it->second.removing = true;
  return 0;
}

Result<int64_t> Apply(const record::ForgetNode& command, ClusterImage* image) {
  auto it = image->nodes.find(command.node);
  if (it == image->nodes.end()) return 0;
  if (!it->second.removing) {
    return Error{ErrorCode::kFailedPrecondition, Name(command.node) + " is not being removed"};
  }
  for (const auto& [name, topic] : image->topics) {
    for (const PartitionInfo& partition : topic->partitions) {
      if (!Contains(partition.replicas, command.node) &&
          !Contains(partition.leaving, command.node)) {
        continue;
      }
      return Error{ErrorCode::kFailedPrecondition, Name(command.node) + " still holds partition " +
                                                       name + "/" +
                                                       std::to_string(partition.partition)};
    }
  }
  image->nodes.erase(it);
  return 0;
}

// ---- topics ----

void AppendPartitions(const std::vector<std::vector<NodeId>>& assignment, TopicInfo* topic,
                      ClusterImage* image) {
  for (const std::vector<NodeId>& replicas : assignment) {
    PartitionInfo partition;
    partition.partition = static_cast<int32_t>(topic->partitions.size());
    partition.group = GroupId(image->next_group++);
    partition.replicas = replicas;
    partition.founders = replicas;
    partition.revision = kFirstRevision;
    image->groups[partition.group] = {topic->name, partition.partition};
    topic->partitions.push_back(std::move(partition));
  }
}

Status CheckNewPartitions(const ClusterImage& image, size_t present,
                          const std::vector<std::vector<NodeId>>& assignment) {
  if (assignment.empty()) {
    return Error{ErrorCode::kInvalidArgument, "the number of new partitions must be 1 or more"};
  }
  if (present + assignment.size() > kMaxPartitionsPerTopic) {
    return Error{
        ErrorCode::kInvalidArgument,
        "a topic can have at most " + std::to_string(kMaxPartitionsPerTopic) + " partitions"};
  }
  for (const std::vector<NodeId>& replicas : assignment) TRY(CheckReplicas(image, replicas));
  return {};
}

Result<int64_t> Apply(const record::CreateTopic& command, ClusterImage* image) {
  TRY(CheckTopicName(command.name));
  if (image->WasDeleted(command.id)) return 0;  // the same request again, and somebody came between
  if (const auto topic = image->FindTopic(command.name)) {
    if (topic->id == command.id) return 0;  // the same request again
    return Error{ErrorCode::kAlreadyExists,
                 "topic '" + command.name +
                     "' already exists; choose another name, or use the one that is there"};
  }
  TRY(CheckNewPartitions(*image, 0, command.assignment));
  auto topic = std::make_shared<TopicInfo>();
  topic->name = command.name;
  topic->id = command.id;
  topic->kind = command.kind;
  topic->replication_factor = command.replication_factor;
  topic->configs = command.configs;
  AppendPartitions(command.assignment, topic.get(), image);
  image->topics[command.name] = std::move(topic);
  return 0;
}

Result<int64_t> Apply(const record::DeleteTopic& command, ClusterImage* image) {
  TRY_ASSIGN(const std::shared_ptr<const TopicInfo> topic,
             FindTopic(*image, command.name, command.id));
  for (const PartitionInfo& partition : topic->partitions) image->groups.erase(partition.group);
  image->topics.erase(command.name);
  std::vector<Uuid>& deleted = image->deleted_topics;
  if (deleted.size() == kMaxDeletedTopics) deleted.erase(deleted.begin());
  deleted.push_back(command.id);
  return 0;
}

Result<int64_t> Apply(const record::AddPartitions& command, ClusterImage* image) {
  TRY_ASSIGN(const std::shared_ptr<const TopicInfo> topic,
             FindTopic(*image, command.topic, command.topic_id));
  if (topic->partitions.size() != static_cast<size_t>(command.first)) {
    return ChangedMeanwhile("the number of partitions of topic '" + command.topic + "'");
  }
  TRY(CheckNewPartitions(*image, topic->partitions.size(), command.assignment));
  auto grown = std::make_shared<TopicInfo>(*topic);
  AppendPartitions(command.assignment, grown.get(), image);
  image->topics[command.topic] = std::move(grown);
  return 0;
}

Result<int64_t> Apply(const record::AlterTopicConfigs& command, ClusterImage* image) {
  TRY_ASSIGN(const std::shared_ptr<const TopicInfo> topic,
             FindTopic(*image, command.topic, command.topic_id));
  auto altered = std::make_shared<TopicInfo>(*topic);
  for (const auto& [key, value] : command.changes) {
    if (value) {
      altered->configs[key] = *value;
    } else {
      altered->configs.erase(key);
    }
  }
  image->topics[command.topic] = std::move(altered);
  return 0;
}

// ---- replicas ----

Status CheckChange(const ClusterImage& image, const PartitionInfo& partition,
                   const record::ReplicaChange& change) {
  if (partition.revision != change.revision) return ChangedMeanwhile("the partition's replicas");
  for (const NodeId node : change.replicas) {
    if (!Contains(partition.leaving, node)) continue;
    return Error{ErrorCode::kFailedPrecondition,
                 Name(node) + " is still leaving this partition: repeat when it has left"};
  }
  return CheckReplicas(image, change.replicas, partition.replicas);
}

void ChangePartition(const std::vector<NodeId>& replicas, PartitionInfo* partition) {
  if (partition->replicas == replicas) return;
  for (const NodeId node : partition->replicas) {
    if (!Contains(replicas, node)) partition->leaving.push_back(node);
  }
  partition->replicas = replicas;
  ++partition->revision;
}

Result<int64_t> Apply(const record::ChangeReplicas& command, ClusterImage* image) {
  std::map<std::string, std::shared_ptr<TopicInfo>> edited;  // a topic is copied once
  int64_t changed = 0;
  std::optional<Error> refused;
  for (const record::ReplicaChange& change : command.changes) {
    auto group = image->groups.find(change.group);
    if (group == image->groups.end()) {
      refused = Error{ErrorCode::kUnknownTopic, "the partition's topic was deleted meanwhile"};
      continue;
    }
    const auto& [name, number] = group->second;
    std::shared_ptr<TopicInfo>& topic = edited[name];
    if (!topic) topic = std::make_shared<TopicInfo>(*image->topics.at(name));
    PartitionInfo& partition = topic->partitions.at(static_cast<size_t>(number));
    if (const Status status = CheckChange(*image, partition, change); !status.ok()) {
      refused = status.error();
      continue;
    }
    ChangePartition(change.replicas, &partition);
    ++changed;
  }
  if (changed == 0 && refused) return *refused;
  for (auto& [name, topic] : edited) image->topics[name] = std::move(topic);
  return changed;
}

Result<int64_t> Apply(const record::SettleReplicas& command, ClusterImage* image) {
  const PartitionInfo* partition = image->FindGroup(command.group);
  if (partition == nullptr || partition->revision != command.revision) {
    return ChangedMeanwhile("the partition's replicas");
  }
  if (partition->leaving.empty()) return 0;
  const auto [name, number] = image->groups.at(command.group);
  auto topic = std::make_shared<TopicInfo>(*image->topics.at(name));
  topic->partitions.at(static_cast<size_t>(number)).leaving.clear();
  image->topics[name] = std::move(topic);
  return 0;
}

Result<int64_t> Apply(const record::AllotProducerIds& command, ClusterImage* image) {
  if (command.count < 1 || command.count > kMaxProducerIdsPerBlock) {
    return Error{ErrorCode::kInvalidArgument,
                 "producer ids come in blocks of 1 to " + std::to_string(kMaxProducerIdsPerBlock)};
  }
  const int64_t first = image->next_producer_id;
  image->next_producer_id += command.count;
  return first;
}

}  // namespace

Result<int64_t> Fold(const record::Body& command, ClusterImage* image) {
  if (image->cluster_id.IsZero() && !std::holds_alternative<record::FoundCluster>(command)) {
    return Error{ErrorCode::kUnavailable, "the cluster is still being founded: try again"};
  }
  return std::visit([image](const auto& body) { return Apply(body, image); }, command);
}

Status CheckReplicas(const ClusterImage& image, const std::vector<NodeId>& replicas,
                     const std::vector<NodeId>& present) {
  if (replicas.empty()) {
    return Error{ErrorCode::kInvalidArgument, "a partition needs at least one replica"};
  }
  std::set<NodeId> seen;
  for (const NodeId node : replicas) {
    const NodeInfo* info = image.FindNode(node);
    if (info == nullptr || info->disk_id.IsZero()) {
      return Error{ErrorCode::kInvalidArgument,
                   Name(node) +
                       " is not a member that can hold replicas: see `jangada cluster "
                       "nodes`"};
    }
    if (info->removing && !Contains(present, node)) {
      return Error{ErrorCode::kFailedPrecondition,
                   Name(node) + " is being removed and gets no replicas"};
    }
    if (!seen.insert(node).second) {
      return Error{ErrorCode::kInvalidArgument,
                   Name(node) + " stands twice among the replicas of one partition"};
    }
  }
  return {};
}

}  // namespace jangada::server
