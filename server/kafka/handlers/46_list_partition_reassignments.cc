// ListPartitionReassignments, key 46, v0, on any node: the partitions whose group has other voters
// than they are to have, as their leaders say. One whose leader can't be asked counts as on the
// move if its replicas ever changed.
#include <algorithm>
#include <memory>
#include <mutex>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

using Response = ListPartitionReassignmentsResponse;

struct ListReassignmentsWork {
  explicit ListReassignmentsWork(Call<ListPartitionReassignmentsRequest> its_call)
      : call(std::move(its_call)) {}
  Call<ListPartitionReassignmentsRequest> call;
  std::mutex mutex;
  std::map<TopicPartition, Response::Partition> moving;  // guarded by mutex

  void End() {
    Response response;
    for (auto& [where, partition] : moving) {
      if (response.topics.empty() || response.topics.back().name != where.topic) {
        response.topics.push_back({.name = where.topic});
      }
      response.topics.back().partitions.push_back(std::move(partition));
    }
    call.Answer(response);
  }
};

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

Response::Partition Describe(const PartitionInfo& info, const PartitionView& view) {
  Response::Partition partition{.index = info.partition};
  for (const NodeId node : info.replicas) {
    partition.replicas.push_back(node.value());
    const bool votes = std::any_of(
        view.replicas.begin(), view.replicas.end(),
        [node](const ReplicaView& replica) { return replica.node == node && replica.voter; });
    if (!votes) partition.adding_replicas.push_back(node.value());
  }
  for (const ReplicaView& replica : view.replicas) {
    if (Contains(info.replicas, replica.node)) continue;
    partition.replicas.push_back(replica.node.value());
    partition.removing_replicas.push_back(replica.node.value());
  }
  return partition;
}

bool IsAskedFor(const ListPartitionReassignmentsRequest& request, const TopicPartition& where) {
  if (!request.topics) return true;
  return std::any_of(request.topics->begin(), request.topics->end(), [&](const auto& topic) {
    return topic.name == where.topic && std::find(topic.partitions.begin(), topic.partitions.end(),
                                                  where.partition) != topic.partitions.end();
  });
}

}  // namespace

void HandleListPartitionReassignments(Call<ListPartitionReassignmentsRequest> call) {
  auto work = std::make_shared<ListReassignmentsWork>(std::move(call));
  const ClusterImagePtr image = work->call.broker().image();
  std::vector<std::pair<TopicPartition, PartitionInfo>> suspects;
  for (const auto& [name, topic] : image->topics) {
    for (const PartitionInfo& partition : topic->partitions) {
      const TopicPartition where{name, partition.partition};
      // A partition whose replicas were never changed is where it should be.
      if (partition.revision == kFirstRevision || !IsAskedFor(work->call.request, where)) continue;
      suspects.emplace_back(where, partition);
    }
  }
  auto left =
      std::make_shared<Countdown>(static_cast<int>(suspects.size()) + 1, [work] { work->End(); });
  for (const auto& [where, info] : suspects) {
    work->call.broker().InspectPartition(
        where, [work, left, where = where, info = info](const Result<PartitionView>& view) {
          if (!view.ok() || view->reassigning) {
            const std::lock_guard lock(work->mutex);
            work->moving[where] = Describe(info, view.ok() ? *view : PartitionView{});
          }
          left->Done();
        });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
