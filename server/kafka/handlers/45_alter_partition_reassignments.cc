// AlterPartitionReassignments, key 45, v0, on any node: each partition moves by joint consensus,
// and the answer comes when the move is decided, not when it is done (ListPartitionReassignments).
// A move under way is given up by another one, back to those who vote still.
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

/// Where a move began: those who vote still. Nothing if there is no move, or it is too late to turn
/// round; `answer` says so.
std::optional<std::vector<NodeId>> WhereItBegan(const Result<PartitionView>& view, Answer* answer) {
  if (!view.ok()) {
    answer->error_code = AdminCodeOf(view.error().code);
    answer->error_message = view.error().message;
    return std::nullopt;
  }
  if (!view->reassigning) {
    answer->error_code = Code::kNoReassignmentInProgress;
    answer->error_message = "the partition is not on the move";
    return std::nullopt;
  }
  std::vector<NodeId> voters;
  for (const ReplicaView& replica : view->replicas) {
    // The leader comes first: it is to stay that.
    if (replica.voter)
      voters.insert(replica.node == view->leader ? voters.begin() : voters.end(), replica.node);
  }
  if (voters.size() == view->desired_replicas.size()) return voters;
  answer->error_code = Code::kInvalidRequest;
  answer->error_message =
      "the move is about to end; move the partition to where it should be instead";
  return std::nullopt;
}

using Work = std::shared_ptr<AlterReassignmentsWork>;
using Left = std::shared_ptr<Countdown>;

void Move(const Work& work, const Left& left, const TopicPartition& where,
          std::vector<NodeId> replicas, Answer* answer) {
  work->call.broker().MovePartition(where, std::move(replicas),
                                    [work, left, answer](const Status& moved) {
                                      Take(moved, answer);
                                      left->Done();
                                    });
}

void GiveUp(const Work& work, const Left& left, const TopicPartition& where, Answer* answer) {
  work->call.broker().InspectPartition(
      where, [work, left, where, answer](const Result<PartitionView>& view) {
        auto replicas = WhereItBegan(view, answer);
        if (!replicas) return left->Done();
        Move(work, left, where, *std::move(replicas), answer);
      });
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
        GiveUp(work, left, where, answer);
        continue;
      }
      std::vector<NodeId> replicas(asked.replicas->begin(), asked.replicas->end());
      Move(work, left, where, std::move(replicas), answer);
    }
  }
  left->Done();
}

}  // namespace jangada::server::kafka
