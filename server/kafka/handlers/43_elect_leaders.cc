// ElectLeaders, key 43, v0 to v2, on any node. Preferred elections: the leader hands over to the
// first replica. Unclean ones (type 1) can't be had: a Raft group elects no leader that lacks
// acknowledged records.
#include <algorithm>
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

using Answer = ElectLeadersResponse::Partition;
constexpr int8_t kUnclean = 1;

struct ElectLeadersWork {
  explicit ElectLeadersWork(Call<ElectLeadersRequest> its_call) : call(std::move(its_call)) {}
  Call<ElectLeadersRequest> call;
  ElectLeadersResponse response;

  void End() {
    if (!call.request.topics) {
      // Asked for all: only those that had something to elect are named.
      for (ElectLeadersResponse::Topic& topic : response.topics) {
        std::erase_if(topic.partitions, [](const Answer& partition) {
          return partition.error_code == Code::kElectionNotNeeded;
        });
      }
      std::erase_if(response.topics, [](const auto& topic) { return topic.partitions.empty(); });
    }
    call.Answer(response);
  }
};

void Refuse(Answer* answer, Code code, std::string why) {
  answer->error_code = code;
  answer->error_message = std::move(why);
}

std::vector<ElectLeadersResponse::Topic> AskedFor(const ClusterView& view,
                                                  const ElectLeadersRequest& request) {
  std::vector<ElectLeadersResponse::Topic> topics;
  if (request.topics) {
    for (const ElectLeadersRequest::Topic& asked : *request.topics) {
      topics.push_back({.name = asked.name});
      for (const int32_t index : asked.partitions) {
        topics.back().partitions.push_back({.index = index});
      }
    }
    return topics;
  }
  for (const auto& [name, topic] : view.image().topics) {
    topics.push_back({.name = name});
    for (const PartitionInfo& partition : topic->partitions) {
      topics.back().partitions.push_back({.index = partition.partition});
    }
  }
  return topics;
}

/// Who should lead; nullopt: nobody else, and `answer` says why.
std::optional<NodeId> Electable(const Broker& broker, const ClusterView& view,
                                const std::string& name, int8_t type, Answer* answer) {
  const TopicInfo* topic = view.FindTopic(name);
  if (topic == nullptr || answer->index < 0 ||
      static_cast<size_t>(answer->index) >= topic->partitions.size()) {
    Refuse(answer, Code::kUnknownTopicOrPartition, "there is no such partition");
    return std::nullopt;
  }
  const NodeId preferred = topic->partitions[static_cast<size_t>(answer->index)].replicas.front();
  const std::optional<NodeId> leader = broker.LeaderOf({name, answer->index});
  if (leader && (type == kUnclean || *leader == preferred)) {
    Refuse(answer, Code::kElectionNotNeeded, "the partition has the leader that it should have");
    return std::nullopt;
  }
  if (type == kUnclean) {
    Refuse(answer, Code::kEligibleLeadersNotAvailable,
           "no replica that has all acknowledged records can be reached");
    return std::nullopt;
  }
  const std::vector<NodeId> live = broker.LiveNodes();
  if (std::find(live.begin(), live.end(), preferred) == live.end()) {
    Refuse(answer, Code::kPreferredLeaderNotAvailable,
           "node " + std::to_string(preferred.value()) + ", the first replica, is not there");
    return std::nullopt;
  }
  return preferred;
}

}  // namespace

void HandleElectLeaders(Call<ElectLeadersRequest> call) {
  auto work = std::make_shared<ElectLeadersWork>(std::move(call));
  Broker& broker = work->call.broker();
  const ClusterView view(broker);
  work->response.topics = AskedFor(view, work->call.request);
  int partitions = 0;
  for (const auto& topic : work->response.topics) {
    partitions += static_cast<int>(topic.partitions.size());
  }
  auto left = std::make_shared<Countdown>(partitions + 1, [work] { work->End(); });
  for (ElectLeadersResponse::Topic& topic : work->response.topics) {
    for (Answer& answer : topic.partitions) {
      const auto preferred =
          Electable(broker, view, topic.name, work->call.request.election_type, &answer);
      if (!preferred) {
        left->Done();
        continue;
      }
      broker.HandOver(
          {topic.name, answer.index}, *preferred, [work, left, &answer](const Status& transferred) {
            if (!transferred.ok()) {
              Refuse(&answer, Code::kPreferredLeaderNotAvailable, transferred.error().message);
            }
            left->Done();
          });
    }
  }
  left->Done();
}

}  // namespace jangada::server::kafka
