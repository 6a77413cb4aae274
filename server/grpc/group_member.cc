#include "server/grpc/group_member.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/coding.h"
#include "server/groups/assignor.h"
#include "server/groups/consumer_protocol.h"
#include "server/grpc/group_arguments.h"
#include "server/grpc/group_convert.h"
#include "server/grpc/group_errors.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {
namespace {

/// The one protocol of this door; its name is what the group's assignor is called.
constexpr const char* kSticky = "sticky";
constexpr int64_t kRetryUs = 100'000;
constexpr int kMaxTries = 100;

int32_t PartitionsOf(const ClusterImage& image, const std::string& topic) {
  const auto found = image.FindTopic(topic);
  const bool read = found != nullptr && found->kind == TopicKind::kRecords;
  return read ? static_cast<int32_t>(found->partitions.size()) : 0;
}

Error Refusal(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

}  // namespace

GroupMember::GroupMember(Broker& broker, std::string client_host, MemberVoice voice, After after)
    : broker_(broker),
      client_host_(std::move(client_host)),
      voice_(std::move(voice)),
      after_(std::move(after)) {}

void GroupMember::Do(Callback<> task) {
  const auto self = shared_from_this();  // the strand lives as long as it runs
  strand_.Post(std::move(task));
}

template <class Answer, class F>
Callback<Answer> GroupMember::Then(F function) {
  return [self = shared_from_this(), function = std::move(function)](Answer answer) mutable {
    self->Do([self, function = std::move(function), answer = std::move(answer)]() mutable {
      if (self->phase_ != Phase::kOver) function(std::move(answer));
    });
  };
}

// ---- what the client says ----

void GroupMember::Take(v1::GroupMemberRequest request) {
  Do([this, self = shared_from_this(), request = std::move(request)]() mutable {
    if (phase_ != Phase::kOver && !leaving_) OnRequest(std::move(request));
  });
}

void GroupMember::Abandon() {
  Do([this, self = shared_from_this()] { phase_ = Phase::kOver; });
}

void GroupMember::OnRequest(v1::GroupMemberRequest request) {
  const bool subscribes = request.has_subscribe();
  if (subscribes != (phase_ == Phase::kNew)) {
    return End(Refusal(subscribes ? "subscribe may come once, as the first message of the stream."
                                  : "The first message of the stream must be subscribe."));
  }
  switch (request.message_case()) {
    case v1::GroupMemberRequest::kSubscribe: return OnSubscribe(request.subscribe());
    case v1::GroupMemberRequest::kHeartbeat: return OnHeartbeat();
    case v1::GroupMemberRequest::kCommit: return OnCommit(request.commit());
    case v1::GroupMemberRequest::kReleased:
      if (phase_ != Phase::kReleasing) {
        return End(Refusal("released is the answer to a revoke, of which none is unanswered."));
      }
      return Join();
    case v1::GroupMemberRequest::kLeave: leaving_ = true; return Leave();
    case v1::GroupMemberRequest::MESSAGE_NOT_SET:
      return End(Refusal("A message of the stream says nothing that this node knows."));
  }
}

void GroupMember::OnSubscribe(const v1::GroupMemberRequest::Subscribe& subscribe) {
  if (const Status checked = CheckSubscribe(subscribe); !checked.ok()) return End(checked);
  group_ = subscribe.group();
  const std::set<std::string> topics(subscribe.topics().begin(), subscribe.topics().end());
  topics_.assign(topics.begin(), topics.end());
  client_id_ = subscribe.client_id();
  if (!subscribe.instance_id().empty()) instance_id_ = subscribe.instance_id();
  session_ms_ =
      subscribe.session_timeout_ms() == 0 ? kDefaultSessionMs : subscribe.session_timeout_ms();
  rebalance_ms_ = subscribe.rebalance_timeout_ms() == 0 ? kDefaultRebalanceMs
                                                        : subscribe.rebalance_timeout_ms();
  tries_left_ = kMaxTries;
  member_id_ = told_id_ = subscribe.member_id();
  if (member_id_.empty()) return Join();
  resuming_ = true;
  generation_ = subscribe.generation();
  phase_ = Phase::kJoining;
  Sync({});
}

void GroupMember::OnHeartbeat() {
  if (std::exchange(heartbeat_under_way_, true)) return;  // its ack answers this one too
  if (phase_ == Phase::kJoining) {  // who waits for the group is not waited for
    v1::GroupMemberResponse response;
    response.mutable_heartbeat_ack();
    heartbeat_under_way_ = false;
    return voice_.send(std::move(response));
  }
  broker_.groups().Heartbeat(membership(),
                             Then<GroupError>([this, generation = generation_](GroupError error) {
                               OnHeard(generation, error);
                             }));
}

void GroupMember::OnHeard(int32_t generation, GroupError error) {
  heartbeat_under_way_ = false;
  switch (error) {
    case GroupError::kNone:
    case GroupError::kRebalanceInProgress: {
      v1::GroupMemberResponse response;
      response.mutable_heartbeat_ack();
      voice_.send(std::move(response));
      break;
    }
    case GroupError::kUnknownMember:
    case GroupError::kIllegalGeneration: break;
    case GroupError::kLoading:
    case GroupError::kNotAvailable: return;
    default: return End(ErrorOf(error, group_));
  }
  if (phase_ != Phase::kReading || generation != generation_) return;
  if (error == GroupError::kRebalanceInProgress) return StartReleasing(/*lost=*/false);
  if (error != GroupError::kNone) return StartReleasing(/*lost=*/true);
  // The partitions of its topics are others than when it joined: they are to be divided anew.
  if (PartitionCounts() != counts_) StartReleasing(/*lost=*/false);
}

void GroupMember::OnCommit(const v1::GroupMemberRequest::Commit& commit) {
  v1::GroupMemberResponse response;
  response.mutable_commit_ack()->set_number(commit.number());
  const auto fail = [this, &response](const Error& error) {
    *response.mutable_commit_ack()->mutable_error() = DetailOf(error, nullptr, broker_);
    voice_.send(std::move(response));
  };
  auto offsets = OffsetsFrom(commit.offsets());
  if (!offsets.ok()) return fail(offsets.error());
  if (phase_ == Phase::kJoining) return fail(ErrorOf(GroupError::kRebalanceInProgress, group_));
  if (lost_) return fail(ErrorOf(GroupError::kIllegalGeneration, group_));
  std::vector<TopicPartition> where;
  for (const OffsetToCommit& offset : *offsets) where.push_back(offset.where);
  ++commits_under_way_;
  broker_.groups().Commit(
      {.member = membership(), .offsets = std::move(*offsets)},
      Then<OffsetErrors>([this, response = std::move(response),
                          where = std::move(where)](const OffsetErrors& errors) mutable {
        auto* ack = response.mutable_commit_ack();
        if (errors.error != GroupError::kNone) {
          *ack->mutable_error() = DetailOf(ErrorOf(errors.error, group_), nullptr, broker_);
        }
        AddFailures(errors, where, group_, broker_, ack->mutable_failed());
        voice_.send(std::move(response));
        --commits_under_way_;
        if (leaving_) Leave();
      }));
}

// ---- the classic protocol ----

GroupMembership GroupMember::membership() const {
  return {.group = group_,
          .generation = generation_,
          .member_id = member_id_,
          .instance_id = instance_id_};
}

std::string GroupMember::PartitionCounts() const {
  const ClusterImagePtr image = broker_.image();
  std::string counts;
  for (const std::string& topic : topics_) {
    AppendSized(&counts, topic);
    AppendVarint(&counts, PartitionsOf(*image, topic));
  }
  return counts;
}

void GroupMember::Join() {
  phase_ = Phase::kJoining;
  lost_ = false;
  counts_ = PartitionCounts();
  JoinGroup join{.group = group_,
                 .member_id = member_id_,
                 .instance_id = instance_id_,
                 .client_id = client_id_,
                 .client_host = client_host_,
                 .session_timeout_ms = session_ms_,
                 .rebalance_timeout_ms = rebalance_ms_,
                 .protocol_type = groups::kGrpcProtocolType,
                 .protocols = {},
                 .must_know_its_id = true,
                 .understands_skipping = true};
  // With its counts, so that its coordinator's successor still knows what was divided.
  join.protocols.push_back({.name = kSticky,
                            .metadata = groups::EncodeSubscription(
                                {.topics = topics_, .user_data = counts_, .owned = owned_})});
  joining_ = true;
  broker_.groups().Join(std::move(join), Then<JoinedGroup>([this](JoinedGroup joined) {
                          OnJoined(std::move(joined));
                        }));
}

void GroupMember::OnJoined(JoinedGroup joined) {
  joining_ = false;
  switch (joined.error) {
    case GroupError::kNone: break;
    case GroupError::kMemberIdRequired: {
      member_id_ = joined.member_id;
      if (leaving_) return Leave();
      return Join();
    }
    case GroupError::kUnknownMember:
      if (leaving_) return End({});
      member_id_.clear();
      return Join();
    case GroupError::kLoading:
    case GroupError::kNotAvailable: return TryLater(joined.error, &GroupMember::Join);
    case GroupError::kRebalanceInProgress:
      return End(Error{ErrorCode::kFailedPrecondition,
                       "Another stream has taken the place of this member."});
    default: return End(ErrorOf(joined.error, group_));
  }
  member_id_ = joined.member_id;
  generation_ = joined.generation;
  if (leaving_) return Leave();
  if (std::exchange(told_id_, member_id_) != member_id_) {
    v1::GroupMemberResponse response;
    response.mutable_joined()->set_member_id(member_id_);
    voice_.send(std::move(response));
  }
  if (joined.leader != member_id_ || joined.skip_assignment) return Sync({});
  Divide(joined);
}

/// Thousands of partitions take a while to divide: not on the thread that answers for a shard.
void GroupMember::Divide(const JoinedGroup& joined) {
  const ClusterImagePtr image = broker_.image();
  std::vector<groups::AssignedMember> members;
  std::map<std::string, int32_t> partitions;
  for (const JoinedGroup::Member& member : joined.members) {
    auto says = groups::DecodeSubscription(member.metadata);
    if (!says) says.emplace();
    for (const std::string& topic : says->topics) partitions[topic] = PartitionsOf(*image, topic);
    members.push_back({.member_id = member.member_id,
                       .topics = std::move(says->topics),
                       .reading = std::move(says->owned)});
  }
  after_(0, [this, self = shared_from_this(), members = std::move(members),
             partitions = std::move(partitions)] {
    std::vector<SyncGroup::Assignment> assignments;
    for (const auto& [member_id, given] : groups::Assign(members, partitions)) {
      assignments.push_back({member_id, groups::EncodeAssignment(given)});
    }
    Do([this, self, assignments = std::move(assignments)]() mutable {
      if (phase_ == Phase::kJoining) Sync(std::move(assignments));
    });
  });
}

void GroupMember::Sync(std::vector<SyncGroup::Assignment> assignments) {
  broker_.groups().Sync({.group = group_,
                         .generation = generation_,
                         .member_id = member_id_,
                         .instance_id = instance_id_,
                         .protocol_type = groups::kGrpcProtocolType,
                         .protocol = kSticky,
                         .assignments = std::move(assignments)},
                        Then<SyncedGroup>([this](const SyncedGroup& synced) { OnSynced(synced); }));
}

void GroupMember::OnSynced(const SyncedGroup& synced) {
  switch (synced.error) {
    case GroupError::kNone: break;
    case GroupError::kRebalanceInProgress:
      // Who comes back while the others rebalance may still commit what it has read.
      if (std::exchange(resuming_, false)) return StartReleasing(/*lost=*/false);
      return Join();
    case GroupError::kIllegalGeneration:
    case GroupError::kUnknownMember: resuming_ = false; return Join();
    case GroupError::kLoading:
    case GroupError::kNotAvailable:
      return TryLater(synced.error, resuming_ ? &GroupMember::SyncAgain : &GroupMember::Join);
    default: return End(ErrorOf(synced.error, group_));
  }
  auto partitions = groups::DecodeAssignment(synced.assignment);
  if (!partitions) {
    return End(Error{ErrorCode::kInternal, "What this member was assigned can't be read."});
  }
  if (!std::exchange(resuming_, false)) return FetchOffsets(std::move(*partitions));
  broker_.groups().Describe(group_,
                            Then<GroupDescription>([this, partitions = std::move(*partitions)](
                                                       const GroupDescription& described) mutable {
                              RecallCounts(described);
                              FetchOffsets(std::move(partitions));
                            }));
}

/// What the former stream of this member said. If it can't be seen just now, the group divides its
/// partitions once more.
void GroupMember::RecallCounts(const GroupDescription& described) {
  for (const GroupDescription::Member& member : described.members) {
    if (member.member_id != member_id_) continue;
    const auto says = groups::DecodeSubscription(member.metadata);
    if (says && says->topics == topics_) counts_ = says->user_data;
  }
}

void GroupMember::FetchOffsets(std::vector<TopicPartition> partitions) {
  server::FetchOffsets fetch{.group = group_, .where = partitions};
  broker_.groups().Fetch(std::move(fetch),
                         Then<FetchedOffsets>([this, partitions = std::move(partitions)](
                                                  const FetchedOffsets& fetched) mutable {
                           OnFetched(std::move(partitions), fetched);
                         }));
}

void GroupMember::OnFetched(std::vector<TopicPartition> partitions, const FetchedOffsets& fetched) {
  if (fetched.error == GroupError::kLoading || fetched.error == GroupError::kNotAvailable) {
    return TryLater(fetched.error, &GroupMember::SyncAgain);
  }
  if (fetched.error != GroupError::kNone) return End(ErrorOf(fetched.error, group_));
  if (leaving_) return;  // it is on its way
  owned_ = std::move(partitions);
  phase_ = Phase::kReading;
  tries_left_ = kMaxTries;
  v1::GroupMemberResponse response;
  auto* assignment = response.mutable_assignment();
  assignment->set_generation(generation_);
  for (const CommittedOffset& offset : fetched.offsets) {
    ToProto(offset, assignment->add_partitions());
  }
  voice_.send(std::move(response));
}

void GroupMember::StartReleasing(bool lost) {
  phase_ = Phase::kReleasing;
  lost_ = lost;
  if (lost) owned_.clear();
  v1::GroupMemberResponse response;
  response.mutable_revoke()->set_lost(lost);
  voice_.send(std::move(response));
}

/// Once all its commits are answered. While it does not know under which id it may become a member,
/// it waits for that: whoever learns it leaves.
void GroupMember::Leave() {
  if (commits_under_way_ > 0) return;
  if (member_id_.empty()) {
    if (!joining_) End({});
    return;
  }
  server::LeaveGroup leave{.group = group_, .members = {}};
  leave.members.push_back({.member_id = member_id_, .instance_id = instance_id_});
  broker_.groups().Leave(std::move(leave), Then<LeftGroup>([this](const LeftGroup& left) {
                           if (left.error == GroupError::kNone) return End({});
                           End(ErrorOf(left.error, group_));
                         }));
}

// ---- ends ----

void GroupMember::TryLater(GroupError error, void (GroupMember::*what)()) {
  if (leaving_) return Leave();
  if (--tries_left_ < 0) return End(ErrorOf(error, group_));
  after_(kRetryUs, [this, self = shared_from_this(), what] {
    Do([this, self, what] {
      if (phase_ != Phase::kJoining) return;
      leaving_ ? Leave() : (this->*what)();
    });
  });
}

void GroupMember::End(const Status& status) {
  if (std::exchange(phase_, Phase::kOver) != Phase::kOver) voice_.end(status);
}

}  // namespace jangada::server::grpc_door
