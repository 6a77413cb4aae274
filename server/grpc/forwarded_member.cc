#include "server/grpc/forwarded_member.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <mutex>
#include <utility>

#include "server/grpc/call_scope.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {
namespace {

class ForwardedMember final
    : public MemberEnd,
      public grpc::ClientBidiReactor<v1::GroupMemberRequest, v1::GroupMemberResponse>,
      public std::enable_shared_from_this<ForwardedMember> {
 public:
  ForwardedMember(std::shared_ptr<Peer> peer, MemberVoice voice)
      : peer_(std::move(peer)), voice_(std::move(voice)) {}

  void Begin() {
    self_ = shared_from_this();
    context_.AddMetadata(kForwardedKey, "1");
    peer_->groups.async()->Join(&context_, this);
    // Writes begin outside of the reactor's callbacks, until the last of which it must not end.
    AddHold();
    StartRead(&read_);
    StartCall();
  }

  void Take(v1::GroupMemberRequest request) override {
    {
      const std::lock_guard lock(mutex_);
      if (broken_) return;
      // The ack of one that waits to be written answers this one too.
      if (request.has_heartbeat() && !requests_.empty() && requests_.back().has_heartbeat()) return;
      requests_.push_back(std::move(request));
    }
    WriteOn();
  }
  void Abandon() override {
    context_.TryCancel();
    Break();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return Break();
    voice_.send(std::move(read_));
    StartRead(&read_);
  }
  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      requests_.pop_front();
    }
    ok ? WriteOn() : Break();
  }
  void OnDone(const grpc::Status& status) override {
    const auto self = std::move(self_);
    if (status.ok()) return voice_.end({});
    if (DetailFrom(status)) return voice_.end(ErrorFrom(status, true));
    voice_.end(Error{ErrorCode::kUnavailable,
                     "The coordinator of the consumer group cannot be reached just now: begin a "
                     "new stream."});
  }

  void WriteOn() {
    // Begun under the lock: never after Break let go of the call.
    const std::lock_guard lock(mutex_);
    if (writing_ || broken_ || requests_.empty()) return;
    writing_ = true;
    StartWrite(&requests_.front());
  }

  /// Nothing is written any more; once what is under way has ended, so does the call.
  void Break() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(broken_, true)) return;
    }
    RemoveHold();
  }

  const std::shared_ptr<Peer> peer_;  // its stubs must outlive the call
  const MemberVoice voice_;
  grpc::ClientContext context_;
  v1::GroupMemberResponse read_;  // the read's
  std::shared_ptr<ForwardedMember> self_;

  // Under mutex_.
  std::mutex mutex_;
  std::deque<v1::GroupMemberRequest> requests_;  // the front is being written if writing_
  bool writing_ = false;
  bool broken_ = false;
};

}  // namespace

std::shared_ptr<MemberEnd> ForwardMember(std::shared_ptr<Peer> peer, MemberVoice voice) {
  auto member = std::make_shared<ForwardedMember>(std::move(peer), std::move(voice));
  member->Begin();
  return member;
}

}  // namespace jangada::server::grpc_door
