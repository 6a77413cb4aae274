#include "server/partition_calls.h"

#include <utility>

#include "server/controller/fields.h"

namespace jangada::server::peer_calls {
namespace {

constexpr const char* kMethod = "partition.ask";

struct Answer {
  std::optional<ErrorCode> error;
  std::string message;
  PartitionView view;  // from_leader false: nobody asked for it, or nobody here can tell
  static void Fields(auto& m, auto& v) { v(m.error), v(m.message), v(m.view); }
};

Answer Refusal(const Error& error) { return {.error = error.code, .message = error.message}; }

Result<Answer> Decode(const Result<Bytes>& bytes) {
  if (!bytes.ok()) {
    return Error{ErrorCode::kUnavailable,
                 "the partition's leader could not be asked: " + bytes.error().message};
  }
  TRY_ASSIGN(Answer answer, fields::Decode<Answer>(bytes->view()));
  if (answer.error) return Error{*answer.error, answer.message};
  return answer;
}

}  // namespace

bool IsOne(const PeerCall& call) { return call.method == kMethod; }

PeerCall Inspect(const TopicPartition& where) {
  return {kMethod, fields::Encode(Question{.where = where})};
}

PeerCall HandOver(const TopicPartition& where, NodeId to) {
  return {kMethod, fields::Encode(Question{.where = where, .hand_over_to = to})};
}

Result<Question> DecodeQuestion(const PeerCall& call) {
  return fields::Decode<Question>(call.payload.view());
}

Bytes EncodeAnswer(const Status& status) {
  return fields::Encode(status.ok() ? Answer{} : Refusal(status.error()));
}

Bytes EncodeAnswer(const Result<PartitionView>& view) {
  return fields::Encode(view.ok() ? Answer{.view = *view} : Refusal(view.error()));
}

Status HandOverAnswer(const Result<Bytes>& answer) {
  TRY(Decode(answer));
  return {};
}

Result<PartitionView> InspectAnswer(const Result<Bytes>& answer) {
  TRY_ASSIGN(Answer told, Decode(answer));
  if (told.view.from_leader) return std::move(told.view);
  return Error{ErrorCode::kUnavailable, "the partition's leader changed just now; try again"};
}

}  // namespace jangada::server::peer_calls
