#include "server/transport/raft_service.h"

#include <spdlog/spdlog.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace jangada::server {
namespace {

grpc::Status Refused(const std::string& sentence) {
  return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, sentence);
}

/// Whether whoever says `from` of itself, and meant to reach `to`, may talk to us.
Result<PeerIdentity> JudgeCaller(PeerContext& context, const v1::PeerIdentity& from, int32_t to) {
  const std::optional<PeerIdentity> peer = wire::DecodeIdentity(from);
  if (!peer)
    return Error{ErrorCode::kInvalidArgument, "the hello does not say which node it is from"};
  TRY(context.Judge(*peer));
  if (NodeId(to) != context.self) {
    return Error{ErrorCode::kPermissionDenied,
                 "node " + std::to_string(peer->node.value()) + " meant to reach node " +
                     std::to_string(to) + " but this is node " +
                     std::to_string(context.self.value()) + "; check the peers' addresses"};
  }
  return *peer;
}

/// How often it happened since it was last told; 0: it is not to be told now.
uint64_t NoteRefusal(PeerContext& context, int32_t peer, const std::string& what) {
  return context.notices.Note(std::to_string(peer) + ": " + what, context.executor.NowUs());
}

}  // namespace

/// One stream that a peer dialed. Reads follow each other, so everything here is one at a time but
/// the two ways to an end: the last read and the last write.
class RaftService::Stream final
    : public grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerHelloReply> {
 public:
  Stream(RaftService& service, grpc::CallbackServerContext* context)
      : service_(service), context_(service.context_), server_context_(context) {
    StartRead(&frame_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);  // the peer left, or the server is stopping
    if (!admitted_) return OnHello();
    if (!frame_.refusal().empty()) {
      NoteOften("peer refuses this node", frame_.refusal());
      return Finish(Refused(frame_.refusal()));
    }
    if (const Status judged = JudgeAgain(); !judged.ok()) {
      NoteOften("peer stream ended", judged.error().message);
      return Finish(Refused(judged.error().message));
    }
    counters_->received_bytes += frame_.ByteSizeLong();
    context_.Deliver(peer_.node, wire::DecodeFrame(peer_.node, context_.self, &frame_));
    frame_.Clear();
    StartRead(&frame_);
  }

  /// Every lane of the peer comes here once a second.
  void NoteOften(const char* event, const std::string& reason) {
    if (const uint64_t times = NoteRefusal(context_, peer_.node.value(), event + reason)) {
      spdlog::warn("{} peer={} times={} reason=\"{}\"", event, peer_.node.value(), times, reason);
    }
  }

  Status JudgeAgain() {
    const uint64_t judgement = service_.judgement_;
    if (judgement == judgement_) return {};
    judgement_ = judgement;
    return context_.Judge(peer_);
  }

  void OnHello() {
    judgement_ = service_.judgement_;
    wire::EncodeIdentity(context_.identity(), reply_.mutable_identity());
    const Result<PeerIdentity> judged =
        JudgeCaller(context_, frame_.hello().from(), frame_.hello().to());
    if (judged.ok() && !wire::DecodeLane(frame_.hello().lane())) {
      return Refuse({ErrorCode::kUnsupportedVersion, "the hello names no lane that is known here"});
    }
    if (!judged.ok()) return Refuse(judged.error());
    peer_ = *judged;
    counters_ = &context_.CountersOf(peer_.node);
    admitted_ = true;
    frame_.Clear();
    StartWrite(&reply_);
    StartRead(&frame_);
    service_.events_.on_known(server_context_->peer());
    service_.events_.on_admitted(peer_.node);
  }

  void Refuse(const Error& error) {
    const int32_t from = frame_.hello().from().node_id();
    if (const uint64_t times = NoteRefusal(context_, from, error.message)) {
      spdlog::warn("peer connection refused peer={} from={} times={} reason=\"{}\"", from,
                   server_context_->peer(), times, error.message);
    }
    reply_.set_refusal(error.message);
    StartWriteAndFinish(&reply_, grpc::WriteOptions(), Refused(error.message));
  }

  void OnDone() override { delete this; }

  RaftService& service_;
  PeerContext& context_;
  grpc::CallbackServerContext* const server_context_;
  v1::PeerFrame frame_;
  v1::PeerHelloReply reply_;
  bool admitted_ = false;
  PeerIdentity peer_;                              // constant once admitted
  PeerContext::PeerCounters* counters_ = nullptr;  // likewise
  uint64_t judgement_ = 0;                         // the service's, when the peer was last judged
};

/// One question. The sink may answer it whenever it likes, from any thread, or never; gRPC may end
/// it earlier. Lives until both have let go of it.
class RaftService::Question final : public grpc::ServerUnaryReactor {
 public:
  static grpc::ServerUnaryReactor* Ask(RaftService& service, const std::string& far_end,
                                       const v1::PeerQuestion& question, v1::PeerAnswer* answer) {
    const std::shared_ptr<Question> made(new Question(answer));
    made->self_ = made;
    made->Start(service, far_end, question);
    return made.get();
  }

 private:
  /// Answers when it dies, if nobody did: a reply that was dropped must not keep the peer waiting.
  class Reply {
   public:
    explicit Reply(std::shared_ptr<Question> question) : question_(std::move(question)) {}
    Reply(Reply&&) = default;
    ~Reply() {
      if (question_ == nullptr) return;
      question_->Answer(Error{ErrorCode::kTimeout, "the peer let the question go unanswered"});
    }
    void operator()(Result<Bytes> result) {
      if (const auto question = std::move(question_)) question->Answer(std::move(result));
    }

   private:
    std::shared_ptr<Question> question_;
  };

  explicit Question(v1::PeerAnswer* answer) : answer_(answer) {}

  void Start(RaftService& service, const std::string& far_end, const v1::PeerQuestion& question) {
    PeerContext& context = service.context_;
    wire::EncodeIdentity(context.identity(), answer_->mutable_identity());
    const Result<PeerIdentity> judged = JudgeCaller(context, question.from(), question.to());
    if (!judged.ok()) {
      const int32_t from = question.from().node_id();
      const uint64_t times = NoteRefusal(context, from, "question " + judged.error().message);
      if (times > 0) {
        spdlog::warn("peer question refused peer={} method={} times={} reason=\"{}\"", from,
                     question.method(), times, judged.error().message);
      }
      return Answer(judged.error());
    }
    service.events_.on_known(far_end);
    context.sink.OnPeerCall(judged->node, {question.method(), Bytes::Copy(question.payload())},
                            Reply(self_));
  }

  void Answer(Result<Bytes> result) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;  // cancelled meanwhile; answer_ is gone
    if (result.ok()) {
      answer_->set_payload(result->data(), result->size());
    } else {
      wire::EncodeError(result.error(), answer_);
    }
    Finish(grpc::Status::OK);
  }

  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(finished_, true)) Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override { const auto self = std::move(self_); }

  std::mutex mutex_;
  bool finished_ = false;
  v1::PeerAnswer* const answer_;    // gRPC's, until Finish
  std::shared_ptr<Question> self_;  // until OnDone
};

grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerHelloReply>* RaftService::Connect(
    grpc::CallbackServerContext* context) {
  return new Stream(*this, context);
}

grpc::ServerUnaryReactor* RaftService::Ask(grpc::CallbackServerContext* context,
                                           const v1::PeerQuestion* question,
                                           v1::PeerAnswer* answer) {
  return Question::Ask(*this, context->peer(), *question, answer);
}

}  // namespace jangada::server
