// Admin.DescribePartitions: asks each partition's leader, all at once, and tells what this node
// knows of those that have none.
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/countdown.h"
#include "server/grpc/admin_service.h"
#include "server/grpc/arguments.h"
#include "server/grpc/convert.h"
#include "server/grpc/partition_health.h"
#include "server/grpc/retry.h"
#include "server/grpc/unary_call.h"

namespace jangada::server::grpc_door {
namespace {

Result<std::vector<TopicPartition>> PartitionsAskedFor(const v1::DescribePartitionsRequest& request,
                                                       const ClusterImage& image) {
  std::vector<TopicPartition> wanted;
  for (const auto& id : request.partitions()) {
    TRY(CheckWhere(id.topic(), id.partition()));
    const auto topic = image.FindTopic(id.topic());
    if (topic == nullptr || static_cast<size_t>(id.partition()) >= topic->partitions.size()) {
      return Error{ErrorCode::kUnknownTopic, "There is no partition " +
                                                 std::to_string(id.partition()) + " of a topic \"" +
                                                 id.topic() + "\"."};
    }
    wanted.push_back({id.topic(), id.partition()});
  }
  const auto add_topic = [&wanted](const TopicInfo& topic) {
    for (const auto& partition : topic.partitions)
      wanted.push_back({topic.name, partition.partition});
  };
  for (const std::string& name : request.topics()) {
    const auto topic = image.FindTopic(name);
    if (topic == nullptr)
      return Error{ErrorCode::kUnknownTopic, "There is no topic \"" + name + "\"."};
    add_topic(*topic);
  }
  if (request.partitions().empty() && request.topics().empty()) {
    for (const auto& [name, topic] : image.topics) add_topic(*topic);
  }
  return wanted;
}

/// What this node knows of a partition whose leader did not answer.
PartitionView ViewFromImage(const TopicPartition& where, const Broker& broker) {
  PartitionView view{.where = where};
  view.leader = broker.LeaderOf(where);
  const auto topic = broker.image()->FindTopic(where.topic);
  if (topic != nullptr && static_cast<size_t>(where.partition) < topic->partitions.size()) {
    const PartitionInfo& info = topic->partitions[static_cast<size_t>(where.partition)];
    view.group = info.group;
    view.desired_replicas = info.replicas;
  }
  return view;
}

void Describe(UnaryCall* call, const std::vector<TopicPartition>& wanted, int64_t wait_us,
              v1::DescribePartitionsResponse* response) {
  if (wanted.empty()) return call->Answer();
  Door& door = call->door();
  const CallScope scope = call->scope().WithDeadline(AfterNow(wait_us));
  for (size_t i = 0; i < wanted.size(); ++i) response->add_partitions();
  const auto nodes = std::make_shared<const std::map<NodeId, NodeView>>(door.broker.Nodes());
  auto countdown =
      std::make_shared<Countdown>(static_cast<int>(wanted.size()), [call] { call->Answer(); });
  for (size_t i = 0; i < wanted.size(); ++i) {
    auto* state = response->mutable_partitions(static_cast<int>(i));
    door.router.DescribePartition(
        wanted[i], scope,
        [&door, where = wanted[i], countdown, state, nodes](Result<PartitionView> answer) {
          const PartitionView view = answer.ok() ? *answer : ViewFromImage(where, door.broker);
          ToProto(view, state);
          ToProto(JudgePartition(view, *door.broker.image(), *nodes), state);
          countdown->Done();
        });
  }
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::DescribePartitions(
    grpc::CallbackServerContext* context, const v1::DescribePartitionsRequest* request,
    v1::DescribePartitionsResponse* response) {
  auto* call = new UnaryCall(door_, Method::kDescribePartitions, *context, kMaxCallUs);
  const auto wait_us =
      WaitOf("max_wait_ms", request->max_wait_ms(), kDefaultDescribeWaitUs, kMaxFetchWaitUs);
  if (!wait_us.ok()) {
    call->Fail(wait_us.error());
    return call;
  }
  WithRetry<std::vector<TopicPartition>>(
      call->scope(), true,
      [this, request](Callback<Result<std::vector<TopicPartition>>> tried) {
        tried(PartitionsAskedFor(*request, *door_.broker.image()));
      },
      [call, wait_us = *wait_us, response](Result<std::vector<TopicPartition>> wanted) {
        wanted.ok() ? Describe(call, *wanted, wait_us, response) : call->Fail(wanted.error());
      });
  return call;
}

}  // namespace jangada::server::grpc_door
