#include "server/grpc/group_stream.h"

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "server/groups/shard_of.h"
#include "server/grpc/forwarded_member.h"
#include "server/grpc/group_arguments.h"
#include "server/grpc/group_errors.h"
#include "server/grpc/group_member.h"
#include "server/grpc/retry.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {
namespace {

/// A stream without a deadline lasts as long as its client likes.
constexpr int64_t kUnboundedUs = int64_t{10} * 365 * 24 * 3600 * 1'000'000;
/// Commits that are read and not answered. Beyond, the stream is not read.
constexpr size_t kMaxCommitsInFlight = 64;
/// Messages that the client has not taken yet. Beyond, the stream is not read either.
constexpr size_t kMaxUnheard = 64;

class GroupStreamCall final
    : public grpc::ServerBidiReactor<v1::GroupMemberRequest, v1::GroupMemberResponse>,
      public std::enable_shared_from_this<GroupStreamCall> {
 public:
  GroupStreamCall(Door& door, const grpc::CallbackServerContext& context)
      : door_(door),
        client_host_(HostOf(context.peer())),
        scope_(ScopeOf(context, kUnboundedUs, std::make_shared<Cancellation>())) {
    door_.meter.Began(Method::kJoin);
  }

  void Begin(std::shared_ptr<GroupStreamCall> self) {
    self_ = std::move(self);
    stopping_id_ = door_.stopping.OnCancel([weak = weak_from_this()] {
      if (auto call = weak.lock()) call->GiveUp(Stopping());
    });
    StartRead(&read_);
  }

 private:
  // gRPC's callbacks.
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override {
    door_.stopping.Forget(stopping_id_);
    self_.reset();
  }

  void FindEnd();
  void OnFound(const Result<NodeId>& node);
  MemberVoice Voice();
  void Say(v1::GroupMemberResponse response);
  void GiveUp(const Status& status);
  void Taken();
  void ReadOn();
  void WriteOn();
  void FinishIfOver();
  std::shared_ptr<MemberEnd> end() {
    const std::lock_guard lock(mutex_);
    return end_;
  }

  Door& door_;
  const std::string client_host_;
  const CallScope scope_;
  std::shared_ptr<GroupStreamCall> self_;
  uint64_t stopping_id_ = 0;
  v1::GroupMemberRequest read_;  // the read's, then FindEnd's or the member's, never both
  std::string group_;            // written before there is an end

  // Under mutex_.
  std::mutex mutex_;
  std::shared_ptr<MemberEnd> end_;
  std::deque<v1::GroupMemberResponse> said_;  // the front is being written if writing_
  size_t commits_ = 0;                        // read, ack not written
  bool reading_ = true;                       // a read is under way, or its request is being taken
  bool writing_ = false;
  std::optional<Status> ending_;  // once all is written that was said
  bool gone_ = false;             // nobody hears us any more
  bool finished_ = false;
};

void GroupStreamCall::OnReadDone(bool ok) {
  const std::shared_ptr<MemberEnd> to = end();
  if (!ok) return GiveUp({});  // it says no more, or its connection broke: who knows
  if (to == nullptr) return FindEnd();
  if (read_.has_commit()) {
    const std::lock_guard lock(mutex_);
    ++commits_;
  }
  to->Take(std::move(read_));
  Taken();
}

/// The first message says where to go. Until that is found nothing more is read.
void GroupStreamCall::FindEnd() {
  if (!read_.has_subscribe()) {
    return GiveUp(
        Error{ErrorCode::kInvalidArgument, "The first message of the stream must be subscribe."});
  }
  if (const Status checked = CheckSubscribe(read_.subscribe()); !checked.ok()) {
    return GiveUp(checked);
  }
  group_ = read_.subscribe().group();
  WithRetry<NodeId>(
      scope_.WithDeadline(AfterNow(kDefaultCallUs)), true,
      [this, self = shared_from_this()](Callback<Result<NodeId>> tried) {
        door_.broker.groups().FindCoordinator(
            group_, [this, self, tried = std::move(tried)](FoundCoordinator found) mutable {
              if (found.error != GroupError::kNone) return tried(ErrorOf(found.error, group_));
              tried(found.node);
            });
      },
      [self = shared_from_this()](const Result<NodeId>& node) { self->OnFound(node); });
}

void GroupStreamCall::OnFound(const Result<NodeId>& node) {
  if (!node.ok()) return GiveUp(node.error());
  const bool here = *node == door_.broker.self();
  std::shared_ptr<MemberEnd> found;
  if (here) {
    found = std::make_shared<GroupMember>(door_.broker, client_host_, Voice(), RunAfter);
  } else if (auto peer = scope_.local_only() ? nullptr : door_.router.PeerOf(*node)) {
    found = ForwardMember(std::move(peer), Voice());
  } else {
    return GiveUp(ErrorOf(GroupError::kNotCoordinator, group_));
  }
  {
    const std::lock_guard lock(mutex_);
    if (gone_ || ending_) return;
    end_ = found;
  }
  found->Take(std::move(read_));
  Taken();
}

/// Only now may another thread begin the next read: it goes to the same place, and comes after.
void GroupStreamCall::Taken() {
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
  }
  ReadOn();
}

MemberVoice GroupStreamCall::Voice() {
  return {.send =
              [weak = weak_from_this()](v1::GroupMemberResponse response) {
                if (auto call = weak.lock()) call->Say(std::move(response));
              },
          .end =
              [weak = weak_from_this()](const Status& status) {
                if (auto call = weak.lock()) call->GiveUp(status);
              }};
}

void GroupStreamCall::Say(v1::GroupMemberResponse response) {
  {
    const std::lock_guard lock(mutex_);
    if (gone_ || ending_) return;
    said_.push_back(std::move(response));
  }
  WriteOn();
}

/// Ends the call with `status`, after what was said before.
void GroupStreamCall::GiveUp(const Status& status) {
  std::shared_ptr<MemberEnd> to;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    ending_ = status;
    to = end_;
  }
  if (to != nullptr) to->Abandon();
  FinishIfOver();
}

void GroupStreamCall::ReadOn() {
  // Begun under the lock: never after the call was finished.
  const std::lock_guard lock(mutex_);
  const bool room = commits_ < kMaxCommitsInFlight && said_.size() < kMaxUnheard;
  if (reading_ || gone_ || ending_ || finished_ || !room) return;
  reading_ = true;
  StartRead(&read_);
}

void GroupStreamCall::WriteOn() {
  const v1::GroupMemberResponse* message = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (writing_ || gone_ || finished_ || said_.empty()) return;
    writing_ = true;
    message = &said_.front();
  }
  StartWrite(message);
}

void GroupStreamCall::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (said_.front().has_commit_ack()) --commits_;
    said_.pop_front();
    if (!ok) gone_ = true;
  }
  WriteOn();
  ReadOn();
  FinishIfOver();
}

void GroupStreamCall::OnCancel() {
  scope_.cancellation->Cancel();
  std::shared_ptr<MemberEnd> to;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    to = end_;
  }
  if (to != nullptr) to->Abandon();
  FinishIfOver();
}

void GroupStreamCall::FinishIfOver() {
  grpc::Status status = grpc::Status::OK;
  {
    const std::lock_guard lock(mutex_);
    if (finished_ || writing_ || !(gone_ || (ending_ && said_.empty()))) return;
    finished_ = true;
    if (gone_) {
      status = grpc::Status::CANCELLED;
    } else if (!ending_->ok()) {
      const TopicPartition shard = ShardOf(group_, door_.broker);
      status = StatusOf(ending_->error(), &shard, door_.broker);
    }
  }
  door_.meter.Ended(Method::kJoin, status.error_code());
  Finish(status);
}

}  // namespace

grpc::ServerBidiReactor<v1::GroupMemberRequest, v1::GroupMemberResponse>* StartGroupStream(
    Door& door, const grpc::CallbackServerContext& context) {
  auto call = std::make_shared<GroupStreamCall>(door, context);
  call->Begin(call);
  return call.get();
}

TopicPartition ShardOf(const std::string& group, const Broker& broker) {
  const auto topic = broker.image()->FindTopic(kGroupsTopic);
  const size_t shards = topic == nullptr ? 0 : topic->partitions.size();
  return {kGroupsTopic, shards == 0 ? 0 : groups::ShardOf(group, static_cast<int32_t>(shards))};
}

std::string HostOf(const std::string& peer) {
  const size_t begin = peer.find(':');
  const size_t end = peer.rfind(':');
  if (begin == std::string::npos || begin == end) return "/" + peer;
  return "/" + peer.substr(begin + 1, end - begin - 1);
}

}  // namespace jangada::server::grpc_door
