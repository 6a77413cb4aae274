// AnswerEachPartition: the frame of every request that asks something of many partitions, each on
// its own, and is answered in the form in which it asked, once the last of them is.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/callback.h"
#include "base/countdown.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

/// Calls `ask(call, where, asked, answer, done)` for each partition: it fills `answer`, now or
/// later, and calls `done` once, after which it touches neither. Thread: that of the call; `done`
/// may come from any.
template <class Response, class Request, class Ask>
void AnswerEachPartition(Call<Request> call, const Ask& ask) {
  struct Work {
    explicit Work(Call<Request> its_call) : call(std::move(its_call)) {}
    Call<Request> call;
    Response response;
  };
  const auto work = std::make_shared<Work>(std::move(call));
  const auto& topics = work->call.request.topics;
  int partitions = 0;
  work->response.topics.resize(topics.size());
  for (size_t t = 0; t < topics.size(); ++t) {
    work->response.topics[t].name = topics[t].name;
    work->response.topics[t].partitions.resize(topics[t].partitions.size());
    partitions += static_cast<int>(topics[t].partitions.size());
  }
  // One more than there are, so that it does not end before all are asked.
  const auto left =
      std::make_shared<Countdown>(partitions + 1, [work] { work->call.Answer(work->response); });
  for (size_t t = 0; t < topics.size(); ++t) {
    for (size_t p = 0; p < topics[t].partitions.size(); ++p) {
      const auto& asked = topics[t].partitions[p];
      auto* answer = &work->response.topics[t].partitions[p];
      answer->index = asked.index;
      ask(work->call, TopicPartition{topics[t].name, asked.index}, asked, answer,
          Callback<>([left] { left->Done(); }));
    }
  }
  left->Done();
}

}  // namespace jangada::server::kafka
