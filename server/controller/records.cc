#include "server/controller/records.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <utility>

#include "jangada/v1/controller_records.pb.h"

namespace jangada::server::record {
namespace {

namespace pb = jangada::v1::controller;

constexpr uint32_t kCommandVersion = 1;
constexpr uint32_t kImageVersion = 1;

// ---- shared parts: ToProto writes, FromProto reads ----
// Reading is lenient about values: a record was checked before it was proposed and is checked again
// when it is folded. Only the shape of a UUID is checked here, by the caller of ReadUuid.

void ToProto(const Uuid& id, pb::Uuid* out) { out->set_raw(id.Raw()); }

/// The zero UUID for an absent one. Bytes of another length make `*good` false.
Uuid ReadUuid(const pb::Uuid& in, bool* good) {
  if (in.raw().empty()) return Uuid();
  const std::optional<Uuid> id = Uuid::FromRaw(in.raw());
  if (!id) *good = false;
  return id.value_or(Uuid());
}

void ToProto(const Endpoint& endpoint, pb::Endpoint* out) {
  out->set_host(endpoint.host);
  out->set_port(endpoint.port);
}

Endpoint FromProto(const pb::Endpoint& in) { return {in.host(), static_cast<uint16_t>(in.port())}; }

void ToProto(const std::vector<NodeId>& nodes, pb::Replicas* out) {
  for (const NodeId node : nodes) out->add_nodes(node.value());
}

std::vector<NodeId> FromProto(const pb::Replicas& in) {
  std::vector<NodeId> nodes;
  for (const int32_t node : in.nodes()) nodes.emplace_back(node);
  return nodes;
}

void ToProto(const FounderDisk& founder, pb::FounderDisk* out) {
  out->set_node(founder.node.value());
  ToProto(founder.peer, out->mutable_peer());
  ToProto(founder.disk_id, out->mutable_disk_id());
}

FounderDisk FromProto(const pb::FounderDisk& in, bool* good) {
  return {NodeId(in.node()), FromProto(in.peer()), ReadUuid(in.disk_id(), good)};
}

void ToProto(const NodeInfo& node, pb::NodeInfo* out) {
  out->set_node(node.id.value());
  if (!node.disk_id.IsZero()) ToProto(node.disk_id, out->mutable_disk_id());
  out->set_removing(node.removing);
  out->set_rack(node.rack);
  ToProto(node.peer, out->mutable_peer());
  ToProto(node.grpc, out->mutable_grpc());
  ToProto(node.kafka, out->mutable_kafka());
  ToProto(node.http, out->mutable_http());
  out->set_first_group(node.first_group.value());
}

NodeInfo FromProto(const pb::NodeInfo& in, bool* good) {
  NodeInfo node;
  node.id = NodeId(in.node());
  node.disk_id = ReadUuid(in.disk_id(), good);
  node.removing = in.removing();
  node.rack = in.rack();
  node.peer = FromProto(in.peer());
  node.grpc = FromProto(in.grpc());
  node.kafka = FromProto(in.kafka());
  node.http = FromProto(in.http());
  node.first_group = GroupId(in.first_group());
  return node;
}

template <class ProtoMap>
void ToProto(const std::map<std::string, std::string>& from, ProtoMap* out) {
  for (const auto& [key, value] : from) (*out)[key] = value;
}

template <class ProtoMap>
std::map<std::string, std::string> FromProtoMap(const ProtoMap& in) {
  return {in.begin(), in.end()};
}

// ---- commands: one Write and one Read each ----

void Write(const FoundCluster& body, pb::Command* out) {
  pb::FoundCluster* to = out->mutable_found_cluster();
  ToProto(body.cluster_id, to->mutable_cluster_id());
  for (const FounderDisk& founder : body.founders) ToProto(founder, to->add_founders());
}

Body Read(const pb::FoundCluster& in, bool* good) {
  FoundCluster body;
  body.cluster_id = ReadUuid(in.cluster_id(), good);
  for (const pb::FounderDisk& founder : in.founders()) {
    body.founders.push_back(FromProto(founder, good));
  }
  return body;
}

void Write(const RegisterNode& body, pb::Command* out) {
  ToProto(body.node, out->mutable_register_node()->mutable_node());
}

Body Read(const pb::RegisterNode& in, bool* good) {
  return RegisterNode{FromProto(in.node(), good)};
}

void Write(const AdmitNode& body, pb::Command* out) {
  out->mutable_admit_node()->set_node(body.node.value());
}
void Write(const RemoveNode& body, pb::Command* out) {
  out->mutable_remove_node()->set_node(body.node.value());
}
void Write(const ForgetNode& body, pb::Command* out) {
  out->mutable_forget_node()->set_node(body.node.value());
}

void Write(const CreateTopic& body, pb::Command* out) {
  pb::CreateTopic* to = out->mutable_create_topic();
  to->set_name(body.name);
  ToProto(body.id, to->mutable_id());
  to->set_replication_factor(body.replication_factor);
  for (const std::vector<NodeId>& replicas : body.assignment) {
    ToProto(replicas, to->add_assignment());
  }
  ToProto(body.configs, to->mutable_configs());
  to->set_kind(static_cast<uint32_t>(body.kind));
}

Body Read(const pb::CreateTopic& in, bool* good) {
  CreateTopic body;
  body.name = in.name();
  body.id = ReadUuid(in.id(), good);
  body.kind = static_cast<TopicKind>(in.kind());
  body.replication_factor = in.replication_factor();
  for (const pb::Replicas& replicas : in.assignment()) {
    body.assignment.push_back(FromProto(replicas));
  }
  body.configs = FromProtoMap(in.configs());
  return body;
}

void Write(const DeleteTopic& body, pb::Command* out) {
  pb::DeleteTopic* to = out->mutable_delete_topic();
  to->set_name(body.name);
  ToProto(body.id, to->mutable_id());
}

Body Read(const pb::DeleteTopic& in, bool* good) {
  return DeleteTopic{in.name(), ReadUuid(in.id(), good)};
}

void Write(const AddPartitions& body, pb::Command* out) {
  pb::AddPartitions* to = out->mutable_add_partitions();
  to->set_topic(body.topic);
  ToProto(body.topic_id, to->mutable_topic_id());
  to->set_first(body.first);
  for (const std::vector<NodeId>& replicas : body.assignment) {
    ToProto(replicas, to->add_assignment());
  }
}

Body Read(const pb::AddPartitions& in, bool* good) {
  AddPartitions body;
  body.topic = in.topic();
  body.topic_id = ReadUuid(in.topic_id(), good);
  body.first = in.first();
  for (const pb::Replicas& replicas : in.assignment()) {
    body.assignment.push_back(FromProto(replicas));
  }
  return body;
}

void Write(const AlterTopicConfigs& body, pb::Command* out) {
  pb::AlterTopicConfigs* to = out->mutable_alter_topic_configs();
  to->set_topic(body.topic);
  ToProto(body.topic_id, to->mutable_topic_id());
  for (const auto& [key, value] : body.changes) {
    pb::ConfigChange* change = to->add_changes();
    change->set_key(key);
    change->set_unset(!value.has_value());
    if (value) change->set_value(*value);
  }
}

Body Read(const pb::AlterTopicConfigs& in, bool* good) {
  AlterTopicConfigs body;
  body.topic = in.topic();
  body.topic_id = ReadUuid(in.topic_id(), good);
  for (const pb::ConfigChange& change : in.changes()) {
    body.changes[change.key()] =
        change.unset() ? std::nullopt : std::optional<std::string>(change.value());
  }
  return body;
}

void Write(const ChangeReplicas& body, pb::Command* out) {
  for (const ReplicaChange& change : body.changes) {
    pb::ReplicaChange* to = out->mutable_change_replicas()->add_changes();
    to->set_group(change.group.value());
    to->set_revision(change.revision);
    ToProto(change.replicas, to->mutable_replicas());
  }
}

Body Read(const pb::ChangeReplicas& in) {
  ChangeReplicas body;
  for (const pb::ReplicaChange& change : in.changes()) {
    body.changes.push_back(
        {GroupId(change.group()), change.revision(), FromProto(change.replicas())});
  }
  return body;
}

void Write(const SettleReplicas& body, pb::Command* out) {
  out->mutable_settle_replicas()->set_group(body.group.value());
  out->mutable_settle_replicas()->set_revision(body.revision);
}

void Write(const AllotProducerIds& body, pb::Command* out) {
  out->mutable_allot_producer_ids()->set_count(body.count);
}

/// nullopt: no kind of command that this program knows.
std::optional<Body> ReadBody(const pb::Command& in, bool* good) {
  switch (in.body_case()) {
    case pb::Command::kFoundCluster: return Read(in.found_cluster(), good);
    case pb::Command::kRegisterNode: return Read(in.register_node(), good);
    case pb::Command::kAdmitNode: return AdmitNode{NodeId(in.admit_node().node())};
    case pb::Command::kRemoveNode: return RemoveNode{NodeId(in.remove_node().node())};
    case pb::Command::kForgetNode: return ForgetNode{NodeId(in.forget_node().node())};
    case pb::Command::kCreateTopic: return Read(in.create_topic(), good);
    case pb::Command::kDeleteTopic: return Read(in.delete_topic(), good);
    case pb::Command::kAddPartitions: return Read(in.add_partitions(), good);
    case pb::Command::kAlterTopicConfigs: return Read(in.alter_topic_configs(), good);
    case pb::Command::kChangeReplicas: return Read(in.change_replicas());
    case pb::Command::kSettleReplicas:
      return SettleReplicas{GroupId(in.settle_replicas().group()), in.settle_replicas().revision()};
    case pb::Command::kAllotProducerIds: return AllotProducerIds{in.allot_producer_ids().count()};
    case pb::Command::BODY_NOT_SET: return std::nullopt;
  }
  return std::nullopt;
}

// ---- the image ----

void ToProto(const TopicInfo& topic, pb::Topic* out) {
  out->set_name(topic.name);
  ToProto(topic.id, out->mutable_id());
  out->set_replication_factor(topic.replication_factor);
  for (const PartitionInfo& partition : topic.partitions) {
    pb::Partition* to = out->add_partitions();
    to->set_group(partition.group.value());
    ToProto(partition.replicas, to->mutable_replicas());
    ToProto(partition.founders, to->mutable_founders());
    to->set_revision(partition.revision);
    ToProto(partition.leaving, to->mutable_leaving());
  }
  ToProto(topic.configs, out->mutable_configs());
  out->set_kind(static_cast<uint32_t>(topic.kind));
}

TopicInfo FromProto(const pb::Topic& in, bool* good) {
  TopicInfo topic;
  topic.name = in.name();
  topic.id = ReadUuid(in.id(), good);
  topic.kind = static_cast<TopicKind>(in.kind());
  topic.replication_factor = in.replication_factor();
  for (const pb::Partition& from : in.partitions()) {
    PartitionInfo partition;
    partition.partition = static_cast<int32_t>(topic.partitions.size());
    partition.group = GroupId(from.group());
    partition.replicas = FromProto(from.replicas());
    partition.founders = FromProto(from.founders());
    partition.revision = from.revision();
    partition.leaving = FromProto(from.leaving());
    topic.partitions.push_back(std::move(partition));
  }
  topic.configs = FromProtoMap(in.configs());
  return topic;
}

// ---- bytes ----

/// Equal messages give equal bytes: maps are written in the order of their keys.
Bytes Serialize(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    CHECK(message.SerializeToCodedStream(&coded));
  }
  return Bytes(std::move(bytes));
}

/// Fields that this program doesn't know, at any depth: a later version wrote them with a meaning.
bool HasUnknownFields(const google::protobuf::Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (HasUnknownFields(reflection.GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (HasUnknownFields(reflection.GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

Error Unsupported(const std::string& what) {
  return {ErrorCode::kUnsupportedVersion,
          what + "; a newer jangada-server wrote it: start this node with that version"};
}

Error Corrupt(const std::string& what) {
  return {ErrorCode::kDataCorrupt, what + " is damaged: its bytes are none that jangada writes"};
}

/// A kind of topic from the future: its partitions would be run as what they are not.
Status CheckKind(uint32_t kind, const char* what) {
  if (kind <= static_cast<uint32_t>(TopicKind::kGroups)) return {};
  return Unsupported(std::string(what) + " has a kind of topic that this program doesn't know");
}

Status CheckShape(const google::protobuf::Message& message, const char* what, uint32_t version,
                  uint32_t known_version) {
  if (version == 0) return Corrupt(what);
  if (version > known_version) {
    return Unsupported(std::string(what) + " has version " + std::to_string(version) +
                       ", known is " + std::to_string(known_version));
  }
  if (HasUnknownFields(message)) {
    return Unsupported(std::string(what) + " has a field or a kind that this program doesn't know");
  }
  return {};
}

}  // namespace

Bytes EncodeCommand(const Command& command) {
  pb::Command out;
  out.set_version(kCommandVersion);
  out.set_request(command.request);
  std::visit([&out](const auto& body) { Write(body, &out); }, command.body);
  return Serialize(out);
}

Result<Command> DecodeCommand(std::string_view bytes) {
  constexpr const char* kWhat = "a record of the controller's log";
  pb::Command in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Corrupt(kWhat);
  TRY(CheckShape(in, kWhat, in.version(), kCommandVersion));
  TRY(CheckKind(in.create_topic().kind(), kWhat));
  bool good = true;
  std::optional<Body> body = ReadBody(in, &good);
  if (!good || !body) return Corrupt(kWhat);
  return Command{in.request(), *std::move(body)};
}

Bytes EncodeImage(const ClusterImage& image) {
  pb::Image out;
  out.set_version(kImageVersion);
  ToProto(image.cluster_id, out.mutable_cluster_id());
  out.set_applied(image.version);
  for (const FounderDisk& founder : image.founders) ToProto(founder, out.add_founders());
  for (const auto& [id, node] : image.nodes) ToProto(node, out.add_nodes());
  for (const auto& [name, topic] : image.topics) ToProto(*topic, out.add_topics());
  for (const Uuid& id : image.deleted_topics) ToProto(id, out.add_deleted_topics());
  out.set_next_group(image.next_group);
  out.set_next_producer_id(image.next_producer_id);
  ToProto(image.cluster_configs, out.mutable_cluster_configs());
  return Serialize(out);
}

Result<ClusterImage> DecodeImage(std::string_view bytes) {
  constexpr const char* kWhat = "a checkpoint of the controller";
  pb::Image in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Corrupt(kWhat);
  TRY(CheckShape(in, kWhat, in.version(), kImageVersion));
  for (const pb::Topic& topic : in.topics()) TRY(CheckKind(topic.kind(), kWhat));
  bool good = true;
  ClusterImage image;
  image.cluster_id = ReadUuid(in.cluster_id(), &good);
  image.version = in.applied();
  for (const pb::FounderDisk& founder : in.founders()) {
    image.founders.push_back(FromProto(founder, &good));
  }
  for (const pb::NodeInfo& node : in.nodes()) {
    image.nodes[NodeId(node.node())] = FromProto(node, &good);
  }
  for (const pb::Topic& from : in.topics()) {
    auto topic = std::make_shared<const TopicInfo>(FromProto(from, &good));
    for (const PartitionInfo& partition : topic->partitions) {
      image.groups[partition.group] = {topic->name, partition.partition};
    }
    image.topics[topic->name] = std::move(topic);
  }
  for (const pb::Uuid& id : in.deleted_topics()) {
    image.deleted_topics.push_back(ReadUuid(id, &good));
  }
  image.next_group = in.next_group();
  image.next_producer_id = in.next_producer_id();
  image.cluster_configs = FromProtoMap(in.cluster_configs());
  if (!good) return Corrupt(kWhat);
  return image;
}

}  // namespace jangada::server::record
