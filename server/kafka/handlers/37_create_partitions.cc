// CreatePartitions, key 37, v0 to v3, on any node. The nodes of new partitions are chosen by the
// cluster, or named.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

using Topic = CreatePartitionsRequest::Topic;
using Answer = CreatePartitionsResponse::Result;

struct CreatePartitionsWork {
  explicit CreatePartitionsWork(Call<CreatePartitionsRequest> its_call)
      : call(std::move(its_call)) {}
  Call<CreatePartitionsRequest> call;
  CreatePartitionsResponse response;
};

void Refuse(Answer* answer, Code code, std::string why) {
  answer->error_code = code;
  answer->error_message = std::move(why);
}

/// What is wrong with it goes into `answer`.
void Check(const Broker& broker, const Topic& asked, Answer* answer) {
  const auto topic = broker.image()->FindTopic(asked.name);
  if (topic == nullptr) {
    return Refuse(answer, Code::kUnknownTopicOrPartition, "there is no topic '" + asked.name + "'");
  }
  const auto now = static_cast<int32_t>(topic->partitions.size());
  if (asked.count <= now || asked.count > kMaxPartitionsOfTopic) {
    return Refuse(answer, Code::kInvalidPartitions,
                  "topic '" + asked.name + "' has " + std::to_string(now) +
                      " partitions; afterwards it must have more, up to " +
                      std::to_string(kMaxPartitionsOfTopic));
  }
  if (asked.assignments && asked.assignments->size() != static_cast<size_t>(asked.count - now)) {
    Refuse(answer, Code::kInvalidReplicaAssignment,
           std::to_string(asked.count - now) + " partitions are new, and replicas of " +
               std::to_string(asked.assignments->size()) + " are named");
  }
}

}  // namespace

void HandleCreatePartitions(Call<CreatePartitionsRequest> call) {
  auto work = std::make_shared<CreatePartitionsWork>(std::move(call));
  const std::vector<Topic>& topics = work->call.request.topics;
  work->response.results.resize(topics.size());
  auto left = std::make_shared<Countdown>(static_cast<int>(topics.size()) + 1,
                                          [work] { work->call.Answer(work->response); });
  for (size_t i = 0; i < topics.size(); ++i) {
    Answer* answer = &work->response.results[i];
    answer->name = topics[i].name;
    Check(work->call.broker(), topics[i], answer);
    if (answer->error_code != Code::kNone || work->call.request.validate_only) {
      left->Done();
      continue;
    }
    NewPartitions request{.topic = topics[i].name, .total = topics[i].count, .assignment = {}};
    const bool placed = topics[i].assignments.has_value();
    if (placed) {
      for (const auto& asked : *topics[i].assignments) {
        request.assignment.emplace_back(asked.nodes.begin(), asked.nodes.end());
      }
    }
    work->call.broker().CreatePartitions(std::move(request), [work, left, answer,
                                                              placed](const Status& created) {
      if (!created.ok()) {
        const bool bad = placed && created.error().code == ErrorCode::kInvalidArgument;
        Refuse(answer, bad ? Code::kInvalidReplicaAssignment : AdminCodeOf(created.error().code),
               created.error().message);
      }
      left->Done();
    });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
