#include "server/grpc/admin_service.h"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "base/countdown.h"
#include "server/grpc/arguments.h"
#include "server/grpc/convert.h"
#include "server/grpc/retry.h"
#include "server/grpc/unary_call.h"

namespace jangada::server::grpc_door {
namespace {

constexpr int32_t kDefaultReplicationFactor = 3;

/// A change whose answer says nothing but that it was done.
Callback<Status> AnswerTo(UnaryCall* call) {
  return [call](Status status) { call->AnswerWith(status); };
}

Callback<Status> AnswerTo(UnaryCall* call, TopicPartition where) {
  return [call, where = std::move(where)](Status status) {
    status.ok() ? call->Answer() : call->Fail(status.error(), where);
  };
}

/// Fails the call if its arguments are wrong. False: it did.
bool Checked(UnaryCall* call, const Status& status) {
  if (!status.ok()) call->Fail(status.error());
  return status.ok();
}

void AddNodes(const Broker& broker, const ClusterImage& image,
              google::protobuf::RepeatedPtrField<v1::Node>* out) {
  const std::map<NodeId, NodeView> known = broker.Nodes();
  for (const auto& [id, node] : image.nodes) {
    const auto view = known.find(id);
    ToProto(node, view == known.end() ? NodeView() : view->second, out->Add());
  }
}

Error NoTopic(const std::string& name) {
  return {ErrorCode::kUnknownTopic, "There is no topic \"" + name + "\"."};
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::CreateTopic(grpc::CallbackServerContext* context,
                                                    const v1::CreateTopicRequest* request,
                                                    v1::CreateTopicResponse* response) {
  auto* call = new UnaryCall(door_, Method::kCreateTopic, *context, kMaxCallUs);
  auto create = CreateTopicFrom(*request);
  if (!create.ok()) {
    call->Fail(create.error());
    return call;
  }
  if (create->replication_factor == 0) {
    const auto nodes = static_cast<int32_t>(door_.broker.image()->nodes.size());
    create->replication_factor = std::clamp(nodes, 1, kDefaultReplicationFactor);
  }
  create->timeout_us = std::clamp<int64_t>(call->scope().MicrosLeft(), 1, create->timeout_us);
  door_.broker.CreateTopic(std::move(*create), [call, response](Result<Uuid> id) {
    if (!id.ok()) return call->Fail(id.error());
    response->set_topic_id(id->ToString());
    call->Answer();
  });
  return call;
}

grpc::ServerUnaryReactor* AdminService::DeleteTopic(grpc::CallbackServerContext* context,
                                                    const v1::DeleteTopicRequest* request,
                                                    v1::DeleteTopicResponse*) {
  auto* call = new UnaryCall(door_, Method::kDeleteTopic, *context, kDefaultCallUs);
  if (Checked(call, CheckTopicName(request->name()))) {
    door_.broker.DeleteTopic(request->name(), AnswerTo(call));
  }
  return call;
}

grpc::ServerUnaryReactor* AdminService::ListTopics(grpc::CallbackServerContext* context,
                                                   const v1::ListTopicsRequest*,
                                                   v1::ListTopicsResponse* response) {
  auto* call = new UnaryCall(door_, Method::kListTopics, *context, kDefaultCallUs);
  for (const auto& [name, topic] : door_.broker.image()->topics) {
    auto* entry = response->add_topics();
    entry->set_name(name);
    entry->set_topic_id(topic->id.ToString());
    entry->set_partitions(static_cast<int32_t>(topic->partitions.size()));
    entry->set_replication_factor(topic->replication_factor);
  }
  call->Answer();
  return call;
}

grpc::ServerUnaryReactor* AdminService::DescribeTopics(grpc::CallbackServerContext* context,
                                                       const v1::DescribeTopicsRequest* request,
                                                       v1::DescribeTopicsResponse* response) {
  auto* call = new UnaryCall(door_, Method::kDescribeTopics, *context, kDefaultCallUs);
  auto describe = [this, request, response](Callback<Result<bool>> tried) {
    const ClusterImagePtr image = door_.broker.image();
    response->Clear();
    for (const std::string& name : request->names()) {
      const auto topic = image->FindTopic(name);
      if (topic == nullptr) return tried(NoTopic(name));
      ToProto(*topic, door_.broker, response->add_topics());
    }
    if (request->names().empty()) {
      for (const auto& [name, topic] : image->topics)
        ToProto(*topic, door_.broker, response->add_topics());
    }
    AddNodes(door_.broker, *image, response->mutable_nodes());
    tried(true);
  };
  WithRetry<bool>(call->scope(), true, std::move(describe), [call](Result<bool> described) {
    described.ok() ? call->Answer() : call->Fail(described.error());
  });
  return call;
}

grpc::ServerUnaryReactor* AdminService::AlterTopicConfigs(
    grpc::CallbackServerContext* context, const v1::AlterTopicConfigsRequest* request,
    v1::AlterTopicConfigsResponse*) {
  auto* call = new UnaryCall(door_, Method::kAlterTopicConfigs, *context, kDefaultCallUs);
  auto changes = ConfigChangesFrom(*request);
  if (!changes.ok()) {
    call->Fail(changes.error());
    return call;
  }
  door_.broker.AlterTopicConfigs(request->topic(), std::move(*changes), AnswerTo(call));
  return call;
}

grpc::ServerUnaryReactor* AdminService::CreatePartitions(grpc::CallbackServerContext* context,
                                                         const v1::CreatePartitionsRequest* request,
                                                         v1::CreatePartitionsResponse*) {
  auto* call = new UnaryCall(door_, Method::kCreatePartitions, *context, kDefaultCallUs);
  if (!Checked(call, CheckTopicName(request->topic()))) return call;
  if (request->total() < 1 || request->total() > kMaxPartitionsOfTopic) {
    call->Fail({ErrorCode::kInvalidArgument,
                "total is " + std::to_string(request->total()) +
                    ": it is the number of partitions afterwards, from 1 to " +
                    std::to_string(kMaxPartitionsOfTopic) + "."});
    return call;
  }
  door_.broker.CreatePartitions(
      {.topic = request->topic(), .total = request->total(), .assignment = {}}, AnswerTo(call));
  return call;
}

grpc::ServerUnaryReactor* AdminService::DescribeCluster(grpc::CallbackServerContext* context,
                                                        const v1::DescribeClusterRequest*,
                                                        v1::DescribeClusterResponse* response) {
  auto* call = new UnaryCall(door_, Method::kDescribeCluster, *context, kDefaultCallUs);
  const ClusterImagePtr image = door_.broker.image();
  response->set_cluster_id(image->cluster_id.ToString());
  response->set_node_id(door_.broker.self().value());
  if (const auto leader = door_.broker.ControllerLeader())
    response->set_controller_node_id(leader->value());
  AddNodes(door_.broker, *image, response->mutable_nodes());
  call->Answer();
  return call;
}

grpc::ServerUnaryReactor* AdminService::TransferLeadership(
    grpc::CallbackServerContext* context, const v1::TransferLeadershipRequest* request,
    v1::TransferLeadershipResponse*) {
  auto* call = new UnaryCall(door_, Method::kTransferLeadership, *context, kDefaultCallUs);
  if (!Checked(call, CheckWhere(request->topic(), request->partition()))) return call;
  if (!Checked(call, CheckNodeId("to_node_id", request->to_node_id()))) return call;
  const TopicPartition where{request->topic(), request->partition()};
  door_.router.TransferLeadership(where, NodeId(request->to_node_id()), call->scope(),
                                  AnswerTo(call, where));
  return call;
}

grpc::ServerUnaryReactor* AdminService::MovePartition(grpc::CallbackServerContext* context,
                                                      const v1::MovePartitionRequest* request,
                                                      v1::MovePartitionResponse*) {
  auto* call = new UnaryCall(door_, Method::kMovePartition, *context, kDefaultCallUs);
  if (!Checked(call, CheckWhere(request->topic(), request->partition()))) return call;
  auto replicas = ReplicasFrom("replicas", request->replicas());
  if (!replicas.ok()) {
    call->Fail(replicas.error());
    return call;
  }
  const TopicPartition where{request->topic(), request->partition()};
  door_.broker.MovePartition(where, std::move(*replicas), AnswerTo(call, where));
  return call;
}

grpc::ServerUnaryReactor* AdminService::DeleteRecords(grpc::CallbackServerContext* context,
                                                      const v1::DeleteRecordsRequest* request,
                                                      v1::DeleteRecordsResponse* response) {
  auto* call = new UnaryCall(door_, Method::kDeleteRecords, *context, kDefaultCallUs);
  if (!Checked(call, CheckWhere(request->topic(), request->partition()))) return call;
  const TopicPartition where{request->topic(), request->partition()};
  auto deleted = [call, response, where](Result<int64_t> log_start_offset) {
    if (!log_start_offset.ok()) return call->Fail(log_start_offset.error(), where);
    response->set_log_start_offset(*log_start_offset);
    call->Answer();
  };
  if (request->before_offset() >= 0) {
    door_.router.DeleteRecords(where, request->before_offset(), call->scope(), deleted);
  } else if (request->before_offset() == -1) {
    door_.router.ListOffset(where, kLatestOffset, call->scope(),
                            [this, call, where, deleted](Result<ListedOffset> latest) {
                              if (!latest.ok()) return call->Fail(latest.error(), where);
                              door_.router.DeleteRecords(where, latest->offset, call->scope(),
                                                         deleted);
                            });
  } else {
    call->Fail({ErrorCode::kInvalidArgument, "before_offset is " +
                                                 std::to_string(request->before_offset()) +
                                                 ": it must be 0 or more, or -1 for everything."});
  }
  return call;
}

grpc::ServerUnaryReactor* AdminService::AddNode(grpc::CallbackServerContext* context,
                                                const v1::AddNodeRequest* request,
                                                v1::AddNodeResponse*) {
  auto* call = new UnaryCall(door_, Method::kAddNode, *context, kDefaultCallUs);
  if (Checked(call, CheckNodeId("node_id", request->node_id()))) {
    door_.broker.AddNode(NodeId(request->node_id()), AnswerTo(call));
  }
  return call;
}

grpc::ServerUnaryReactor* AdminService::RemoveNode(grpc::CallbackServerContext* context,
                                                   const v1::RemoveNodeRequest* request,
                                                   v1::RemoveNodeResponse*) {
  auto* call = new UnaryCall(door_, Method::kRemoveNode, *context, kDefaultCallUs);
  if (Checked(call, CheckNodeId("node_id", request->node_id()))) {
    door_.broker.RemoveNode(NodeId(request->node_id()), AnswerTo(call));
  }
  return call;
}

}  // namespace jangada::server::grpc_door
