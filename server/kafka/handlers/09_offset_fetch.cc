// OffsetFetch, key 9, v1 to v9, at the coordinator of each group. What was never committed, or was
// of a topic that is gone, is -1. Version 8 on asks for many groups. `require_stable` changes
// nothing: without transactions every offset is. The member that version 9 names is not looked at:
// classic groups give their offsets to anybody.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

using Asked = OffsetFetchRequest::Group;
using Answer = OffsetFetchResponse::Group;

FetchOffsets QuestionOf(const Asked& asked) {
  FetchOffsets question{.group = asked.group_id, .where = std::nullopt};
  if (!asked.topics) return question;
  question.where.emplace();
  for (const OffsetFetchRequest::Topic& topic : *asked.topics) {
    for (const int32_t partition : topic.partitions) {
      question.where->push_back({topic.name, partition});
    }
  }
  return question;
}

/// Neighbours of one topic share its line.
void AddOffset(const CommittedOffset& offset, std::vector<OffsetFetchResponse::Topic>* topics) {
  if (topics->empty() || topics->back().name != offset.where.topic) {
    topics->push_back({.name = offset.where.topic, .partitions = {}});
  }
  topics->back().partitions.push_back({.index = offset.where.partition,
                                       .committed_offset = offset.offset,
                                       .committed_leader_epoch = offset.leader_epoch,
                                       .metadata = offset.metadata});
}

struct Work {
  explicit Work(Call<OffsetFetchRequest> its_call) : call(std::move(its_call)) {}

  void Finish() {
    OffsetFetchResponse response;
    if (call.version() >= 8) {
      response.groups = std::move(answers);
      return call.Answer(response);
    }
    response.topics = std::move(answers.front().topics);
    response.error_code = answers.front().error_code;
    // Version 1 has no other place for it.
    if (response.error_code != Code::kNone && call.version() < 2 && asked.front().topics) {
      for (const OffsetFetchRequest::Topic& topic : *asked.front().topics) {
        OffsetFetchResponse::Topic& line = response.topics.emplace_back();
        line.name = topic.name;
        for (const int32_t partition : topic.partitions) {
          line.partitions.push_back(
              {.index = partition, .metadata = "", .error_code = response.error_code});
        }
      }
    }
    call.Answer(response);
  }

  Call<OffsetFetchRequest> call;
  std::vector<Asked> asked;
  std::vector<Answer> answers;  // in their order
};

}  // namespace

void HandleOffsetFetch(Call<OffsetFetchRequest> call) {
  const auto work = std::make_shared<Work>(std::move(call));
  OffsetFetchRequest& request = work->call.request;
  work->asked = std::move(request.groups);
  if (work->call.version() < 8) {
    work->asked = {{.group_id = request.group_id, .member_id = {}, .topics = request.topics}};
  }
  work->answers.resize(work->asked.size());
  const auto left = std::make_shared<Countdown>(static_cast<int>(work->asked.size()) + 1,
                                                [work] { work->Finish(); });
  for (size_t i = 0; i < work->asked.size(); ++i) {
    work->answers[i].group_id = work->asked[i].group_id;
    work->call.broker().groups().Fetch(QuestionOf(work->asked[i]),
                                       [work, left, i](const FetchedOffsets& fetched) {
                                         Answer& answer = work->answers[i];
                                         answer.error_code = CodeOf(fetched.error);
                                         for (const CommittedOffset& offset : fetched.offsets) {
                                           AddOffset(offset, &answer.topics);
                                         }
                                         left->Done();
                                       });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
