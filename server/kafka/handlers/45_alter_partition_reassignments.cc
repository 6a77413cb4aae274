// AlterPartitionReassignments, key 45, v0, on any node: each partition moves by joint consensus,
// and the answer comes when the move is decided, not when it is done (ListPartitionReassignments).
// A move under way can't be given up; it can be followed by another.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

using Answer = AlterPartitionReassignmentsResponse::Partition;

struct AlterReassignmentsWork {
  explicit AlterReassignmentsWork(Call<AlterPartitionReassignmentsRequest> its_call)
      : call(std::move(its_call)) {}
  Call<AlterPartitionReassignmentsRequest> call;
  AlterPartitionReassignmentsResponse response;
};

void Take(const Status& moved, Answer* answer) {
  if (moved.ok()) return;
  const bool bad_replicas = moved.error().code == ErrorCode::kInvalidArgument;
  answer->error_code =
      bad_replicas ? Code::kInvalidReplicaAssignment : AdminCodeOf(moved.error().code);
  answer->error_message = moved.error().message;
}

/// A move is to be given up: either there is none, or it is too late for that.
void TakeCancel(const Result<PartitionView>& view, Answer* answer) {
  if (!view.ok()) {
    answer->error_code = AdminCodeOf(view.error().code);
    answer->error_message = view.error().message;
  } else if (!view->reassigning) {
    answer->error_code = Code::kNoReassignmentInProgress;
    answer->error_message = "the partition is not on the move";
  } else {
    answer->error_code = Code::kInvalidRequest;
    answer->error_message =
        "a move under way can't be given up; move the partition to where it should be instead";
  }
}

}  // namespace

void HandleAlterPartitionReassignments(Call<AlterPartitionReassignmentsRequest> call) {
  auto work = std::make_shared<AlterReassignmentsWork>(std::move(call));
  const auto& topics = work->call.request.topics;
  int partitions = 0;
  work->response.topics.resize(topics.size());
  for (size_t t = 0; t < topics.size(); ++t) {
    work->response.topics[t].name = topics[t].name;
    work->response.topics[t].partitions.resize(topics[t].partitions.size());
    partitions += static_cast<int>(topics[t].partitions.size());
  }
  auto left =
      std::make_shared<Countdown>(partitions + 1, [work] { work->call.Answer(work->response); });
  for (size_t t = 0; t < topics.size(); ++t) {
    for (size_t p = 0; p < topics[t].partitions.size(); ++p) {
      const auto& asked = topics[t].partitions[p];
      const TopicPartition where{topics[t].name, asked.index};
      Answer* answer = &work->response.topics[t].partitions[p];
      answer->index = asked.index;
      if (!asked.replicas) {
        work->call.broker().InspectPartition(
            where, [work, left, answer](const Result<PartitionView>& view) {
              TakeCancel(view, answer);
              left->Done();
            });
        continue;
      }
      std::vector<NodeId> replicas(asked.replicas->begin(), asked.replicas->end());
      work->call.broker().MovePartition(where, std::move(replicas),
                                        [work, left, answer](const Status& moved) {
                                          Take(moved, answer);
                                          left->Done();
                                        });
    }
  }
  left->Done();
}

}  // namespace jangada::server::kafka
