// FindCoordinator, key 10, v0 to v4, on any node: which node coordinates a group. Version 4 asks
// for many. The first of all calls makes the topic that keeps the groups, and is answered when it
// is there. There are no transactions: a transactional id has no coordinator.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

using Answer = FindCoordinatorResponse::Coordinator;

constexpr int8_t kGroupKey = 0;

void NameNode(const ClusterView& view, const FoundCoordinator& found, Answer* answer) {
  answer->error_code = CodeOf(found.error);
  if (found.error == GroupError::kNone) {
    for (const NodeEndpoint& node : view.Nodes()) {
      if (node.node_id != found.node.value()) continue;
      answer->node_id = node.node_id;
      answer->host = node.host;
      answer->port = node.port;
      return;
    }
    answer->error_code = Code::kCoordinatorNotAvailable;  // it is not heard from
  }
  answer->error_message = "the group has no coordinator just now; try again";
}

struct Work {
  explicit Work(Call<FindCoordinatorRequest> its_call) : call(std::move(its_call)) {}

  void Finish() {
    FindCoordinatorResponse response;
    if (call.version() >= 4) {
      response.coordinators = std::move(answers);
      return call.Answer(response);
    }
    const Answer& only = answers.front();
    response.error_code = only.error_code;
    response.error_message = only.error_message;
    response.node_id = only.node_id;
    response.host = only.host;
    response.port = only.port;
    call.Answer(response);
  }

  Call<FindCoordinatorRequest> call;
  std::vector<Answer> answers;  // one a key
};

}  // namespace

void HandleFindCoordinator(Call<FindCoordinatorRequest> call) {
  const auto work = std::make_shared<Work>(std::move(call));
  FindCoordinatorRequest& request = work->call.request;
  const std::vector<std::string> keys =
      work->call.version() >= 4 ? request.coordinator_keys : std::vector{request.key};
  work->answers.resize(keys.size());
  const auto left =
      std::make_shared<Countdown>(static_cast<int>(keys.size()) + 1, [work] { work->Finish(); });
  for (size_t i = 0; i < keys.size(); ++i) {
    Answer* answer = &work->answers[i];
    answer->key = keys[i];
    if (request.key_type != kGroupKey) {
      answer->error_code = Code::kInvalidRequest;
      answer->error_message = "there are no transactions here, only groups have a coordinator";
      left->Done();
      continue;
    }
    work->call.broker().groups().FindCoordinator(
        keys[i], [work, left, answer](const FoundCoordinator& found) {
          NameNode(ClusterView(work->call.broker()), found, answer);
          left->Done();
        });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
