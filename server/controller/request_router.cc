#include "server/controller/request_router.h"

#include <algorithm>
#include <utility>

namespace jangada::server {
namespace {

using request::Answer;
using request::Request;

constexpr int64_t kRetryUs = 50'000;
/// Of one attempt of a request that may be repeated: the node asked may hang.
constexpr int64_t kAttemptUs = 2'000'000;

/// No effect, and another try may succeed.
bool IsSurelyNotDone(ErrorCode code) {
  return code == ErrorCode::kNotLeader || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kThrottled;
}

/// What the last try was told says nothing of an earlier one.
Answer UnknownAfter(const Answer& refusal) {
  return request::Refusal({ErrorCode::kTimeout,
                           "the change may have been made, or may yet be; a later attempt was "
                           "refused: " +
                               refusal.message});
}

/// What the transport says is never the leader's word: a node that lags may refuse a connection to
/// which the cluster would agree.
Answer NotReached(const Error& error) {
  Answer answer = request::Refusal(error);
  if (error.code != ErrorCode::kTimeout) answer.error = ErrorCode::kUnavailable;
  return answer;
}

}  // namespace

RequestRouter::RequestRouter(NodeId self, std::vector<NodeId> first_peers, Executor& executor,
                             Transport& transport)
    : self_(self),
      first_peers_(std::move(first_peers)),
      executor_(executor),
      transport_(transport) {
  SetNodes(ClusterImage());
}

void RequestRouter::Attach(ControllerGroup& group, ControllerLeader& leader) {
  group_ = &group;
  leader_ = &leader;
}

void RequestRouter::SetNodes(const ClusterImage& image) {
  peers_ = first_peers_;
  for (const auto& [id, node] : image.nodes) peers_.push_back(id);
  std::sort(peers_.begin(), peers_.end());
  peers_.erase(std::unique(peers_.begin(), peers_.end()), peers_.end());
  std::erase(peers_, self_);
}

void RequestRouter::Submit(Request request, int64_t timeout_us, Callback<Answer> done) {
  if (stopped_) {
    return done(request::Refusal({ErrorCode::kShuttingDown, "this node is being stopped"}));
  }
  auto asked = std::make_shared<Pending>();
  asked->request = std::move(request);
  asked->deadline_us = executor_.NowUs() + timeout_us;
  asked->done = std::move(done);
  asked->deadline_timer = executor_.After(timeout_us, [weak = weak_from_this(), asked] {
    if (auto self = weak.lock()) self->OnDeadline(asked);
  });
  pending_.push_back(asked);
  Try(asked);
}

void RequestRouter::Try(const PendingPtr& asked) {
  if (!asked->done) return;
  if (leader_ != nullptr && group_->IsReadyLeader()) {
    asked->under_way = true;
    leader_->Handle(asked->request, [weak = weak_from_this(), asked](Answer answer) {
      if (auto self = weak.lock()) self->OnAnswer(asked, std::move(answer));
    });
  } else if (const std::optional<NodeId> whom = WhomToAsk()) {
    Ask(asked, *whom);
  } else {
    TryLater(asked);
  }
}

void RequestRouter::Ask(const PendingPtr& asked, NodeId whom) {
  const int64_t left_us = asked->deadline_us - executor_.NowUs();
  const int64_t patience_us =
      request::IsRepeatable(asked->request) ? std::min(left_us, kAttemptUs) : left_us;
  asked->under_way = true;
  transport_.Call(
      whom, {kControllerRequestMethod, request::EncodeRequest(asked->request)}, patience_us,
      [weak = weak_from_this(), &executor = executor_, asked, whom](Result<Bytes> reply) {
        executor.Post([weak, asked, whom, reply = std::move(reply)] {
          if (auto self = weak.lock()) self->OnReply(asked, whom, reply);
        });
      });
}

void RequestRouter::TryLater(const PendingPtr& asked) {
  executor_.After(kRetryUs, [weak = weak_from_this(), asked] {
    if (auto self = weak.lock()) self->Try(asked);
  });
}

/// The leader that group 0's replica follows, or who was said to lead, or one node after the other.
std::optional<NodeId> RequestRouter::WhomToAsk() {
  if (group_ != nullptr) {
    const std::optional<NodeId> known = group_->status().leader;
    if (known && *known != self_) return known;
    if (known) return std::nullopt;  // about to lead: soon ready
  }
  if (hint_ && *hint_ != self_) return std::exchange(hint_, std::nullopt);
  if (peers_.empty()) return std::nullopt;
  return peers_[turns_++ % peers_.size()];
}

void RequestRouter::OnReply(const PendingPtr& asked, NodeId from, const Result<Bytes>& reply) {
  if (!reply.ok()) {
    OnAnswer(asked, NotReached(reply.error()));
    if (asked->done) asked->last_refusal = reply.error();
    return;
  }
  Result<Answer> answer = request::DecodeAnswer(reply->view());
  if (!answer.ok()) return OnAnswer(asked, request::Refusal(answer.error()));
  if (answer->leader && *answer->leader != from) hint_ = answer->leader;
  OnAnswer(asked, *std::move(answer));
}

void RequestRouter::OnAnswer(const PendingPtr& asked, Answer answer) {
  if (!asked->done) return;
  const bool fate_unknown = answer.error == ErrorCode::kTimeout;
  const bool again = answer.error && (IsSurelyNotDone(*answer.error) ||
                                      (fate_unknown && request::IsRepeatable(asked->request)));
  if (!again || stopped_) {
    if (answer.error && asked->unknown_before) answer = UnknownAfter(answer);
    return Finish(asked, std::move(answer));
  }
  // An attempt whose fate is unknown stays so, whatever becomes of the next one.
  asked->unknown_before |= fate_unknown;
  asked->under_way = asked->unknown_before;
  asked->last_refusal = Error{*answer.error, std::move(answer.message)};
  TryLater(asked);
}

void RequestRouter::OnDeadline(const PendingPtr& asked) {
  if (asked->under_way) {
    return Finish(asked, request::Refusal({ErrorCode::kTimeout,
                                           "the controller did not answer in time: the change may "
                                           "have been made, or may yet be"}));
  }
  const std::optional<Error>& last = asked->last_refusal;
  if (last && last->code == ErrorCode::kPermissionDenied) {
    return Finish(asked, request::Refusal(*last));
  }
  const std::string why = last ? " (" + last->message + ")" : "";
  Finish(asked,
         request::Refusal({ErrorCode::kUnavailable, "the cluster's controller has no leader now" +
                                                        why + ": nothing was changed, try again"}));
}

void RequestRouter::Finish(const PendingPtr& asked, Answer answer) {
  if (!asked->done) return;
  pending_.remove(asked);
  executor_.Cancel(asked->deadline_timer);
  Callback<Answer> done = std::exchange(asked->done, nullptr);
  done(std::move(answer));
}

void RequestRouter::Stop() {
  if (std::exchange(stopped_, true)) return;
  for (const PendingPtr& asked : std::list<PendingPtr>(pending_)) {
    Finish(asked, request::Refusal({ErrorCode::kShuttingDown,
                                    "this node is being stopped: what it was "
                                    "asked may have been done"}));
  }
}

}  // namespace jangada::server
