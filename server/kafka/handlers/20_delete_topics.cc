// DeleteTopics, key 20, v0 to v6, on any node. By name, from v6 on also by id.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

constexpr int16_t kFirstWithIds = 6;

struct DeleteTopicsWork {
  explicit DeleteTopicsWork(Call<DeleteTopicsRequest> its_call) : call(std::move(its_call)) {}
  Call<DeleteTopicsRequest> call;
  DeleteTopicsResponse response;
};

/// What is to be deleted, each with its name, or with the reason why not.
std::vector<DeleteTopicsResponse::Topic> Resolve(const Call<DeleteTopicsRequest>& call) {
  std::vector<DeleteTopicsResponse::Topic> topics;
  if (call.version() < kFirstWithIds) {
    for (const std::string& name : call.request.topic_names) topics.push_back({.name = name});
    return topics;
  }
  const ClusterView view(call.broker());
  for (const DeleteTopicsRequest::Topic& asked : call.request.topics) {
    DeleteTopicsResponse::Topic& topic = topics.emplace_back();
    topic.name = asked.name;
    topic.id = asked.id;
    if (asked.name && !asked.id.IsZero()) {
      topic.error_code = Code::kInvalidRequest;
      topic.error_message = "a topic is deleted by its name or by its id, not by both";
    } else if (!asked.name) {
      const TopicInfo* known = view.FindTopic(asked.id);
      topic.error_code = known == nullptr ? Code::kUnknownTopicId : Code::kNone;
      if (known != nullptr) topic.name = known->name;
    } else if (const TopicInfo* known = view.FindTopic(*asked.name)) {
      topic.id = known->id;
    }
  }
  return topics;
}

}  // namespace

void HandleDeleteTopics(Call<DeleteTopicsRequest> call) {
  auto work = std::make_shared<DeleteTopicsWork>(std::move(call));
  work->response.topics = Resolve(work->call);
  std::vector<DeleteTopicsResponse::Topic>& topics = work->response.topics;
  auto left = std::make_shared<Countdown>(static_cast<int>(topics.size()) + 1,
                                          [work] { work->call.Answer(work->response); });
  for (DeleteTopicsResponse::Topic& topic : topics) {
    if (topic.error_code != Code::kNone) {
      left->Done();
      continue;
    }
    work->call.broker().DeleteTopic(*topic.name, [work, left, &topic](const Status& deleted) {
      if (!deleted.ok()) {
        topic.error_code = AdminCodeOf(deleted.error().code);
        topic.error_message = deleted.error().message;
      }
      left->Done();
    });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
