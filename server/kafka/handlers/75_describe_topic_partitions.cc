// DescribeTopicPartitions, key 75, v0: topics in the order of their names, page by page. A page
// ends after as many partitions as the client wants, 2,000 at most, and names where the next
// begins.
#include <algorithm>
#include <set>

#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"
#include "server/partition/topic_config.h"

namespace jangada::server::kafka {
namespace {

constexpr int32_t kMaxPartitionsOnPage = 2000;

std::set<std::string> NamesFrom(const ClusterView& view,
                                const DescribeTopicPartitionsRequest& request) {
  std::set<std::string> names;
  for (const auto& topic : request.topics) names.insert(topic.name);
  if (request.topics.empty()) {
    for (const auto& [name, topic] : view.image().topics) names.insert(name);
  }
  if (request.cursor) names.erase(names.begin(), names.lower_bound(request.cursor->topic));
  return names;
}

DescribeTopicPartitionsResponse::Partition Describe(const ClusterView& view, const TopicInfo& topic,
                                                    const PartitionInfo& partition) {
  PartitionLine line = view.Describe(topic, partition);
  return {.error_code = line.error_code,
          .index = partition.partition,
          .leader_id = line.leader_id,
          .leader_epoch = line.leader_epoch,
          .replica_nodes = std::move(line.replicas),
          .isr_nodes = std::move(line.in_sync),
          // There are none beyond the in-sync replicas; Java's AdminClient can't take null for it.
          .eligible_leader_replicas = std::vector<int32_t>(),
          .last_known_elr = std::vector<int32_t>(),
          .offline_replicas = std::move(line.offline)};
}

}  // namespace

void HandleDescribeTopicPartitions(Call<DescribeTopicPartitionsRequest> call) {
  const ClusterView view(call.broker());
  const DescribeTopicPartitionsRequest& request = call.request;
  int32_t left = std::clamp(request.response_partition_limit, 1, kMaxPartitionsOnPage);
  DescribeTopicPartitionsResponse response;
  for (const std::string& name : NamesFrom(view, request)) {
    const bool is_first = request.cursor && request.cursor->topic == name;
    const int32_t from = is_first ? std::max(request.cursor->partition, 0) : 0;
    if (left == 0) {
      response.next_cursor = TopicCursor{name, from};
      break;
    }
    auto& answer = response.topics.emplace_back();
    answer.name = name;
    const TopicInfo* topic = view.FindTopic(name);
    if (topic == nullptr) {
      answer.error_code =
          CheckTopicName(name).ok() ? Code::kUnknownTopicOrPartition : Code::kInvalidTopic;
      continue;
    }
    answer.id = topic->id;
    answer.is_internal = topic->kind != TopicKind::kRecords;
    answer.authorized_operations = kTopicOperations;
    auto place = static_cast<size_t>(from);
    for (; place < topic->partitions.size() && left > 0; ++place, --left) {
      answer.partitions.push_back(Describe(view, *topic, topic->partitions[place]));
    }
    if (place < topic->partitions.size()) {
      response.next_cursor = TopicCursor{name, static_cast<int32_t>(place)};
      break;
    }
  }
  call.Answer(response);
}

}  // namespace jangada::server::kafka
