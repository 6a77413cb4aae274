// What members of groups ask the coordinator for once they know their part: where the group has
// come to, to commit, whether they are still members; and that they leave.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "tests/sim/group_member.h"

namespace jangada::sim {
namespace {

using history::GroupEvent;
using Kind = GroupEvent::Kind;
using server::kafka::HeartbeatRequest;
using server::kafka::HeartbeatResponse;
using server::kafka::LeaveGroupRequest;
using server::kafka::LeaveGroupResponse;
using server::kafka::OffsetCommitRequest;
using server::kafka::OffsetCommitResponse;
using server::kafka::OffsetFetchRequest;
using server::kafka::OffsetFetchResponse;

}  // namespace

void GroupMember::AskOffsets() {
  std::map<std::string, std::vector<int32_t>> topics;
  for (const auto& [where, place] : places_) topics[where.topic].push_back(where.partition);
  OffsetFetchRequest request;
  request.group_id = options_.group;
  request.topics.emplace();
  for (const auto& [topic, partitions] : topics) request.topics->push_back({topic, partitions});
  OffsetFetchRequest::Group group;
  group.group_id = options_.group;
  group.topics = request.topics;
  request.groups = {group};
  GroupEvent question = EventOf(Kind::kAsks);
  question.number = ++last_number_;
  for (const auto& [where, place] : places_) question.offsets[place.key] = 0;
  watch_.Add(question);
  Ask<OffsetFetchRequest>(request, versions_.offsets, context_.swarm.call_timeout_us,
                          [this, number = question.number](const OffsetFetchResponse& told) {
                            OnOffsets(number, told);
                          });
}

void GroupMember::OnOffsets(uint64_t question, const OffsetFetchResponse& told) {
  const bool by_group = versions_.offsets >= 8;
  Code code = by_group ? told.groups.at(0).error_code : told.error_code;
  GroupEvent event = EventOf(Kind::kTold);
  event.number = question;
  for (const auto& topic : by_group ? told.groups.at(0).topics : told.topics) {
    for (const OffsetFetchResponse::Partition& partition : topic.partitions) {
      if (partition.error_code != Code::kNone) code = partition.error_code;
      const auto place = places_.find({topic.name, partition.index});
      if (place != places_.end()) event.offsets[place->second.key] = partition.committed_offset;
    }
  }
  if (code != Code::kNone) {
    Handle(code);
    return;
  }
  if (event.offsets.size() != places_.size()) {
    return context_.judge.Fail("group-codes", "not all offsets that were asked for were told");
  }
  watch_.Add(event);
  for (auto& [where, place] : places_) {
    place.committed = event.offsets.at(place.key);
    place.position = std::max<history::Offset>(0, place.committed);
  }
  NoteStillThere();
  stage_ = Stage::kReading;
  if (random_.Chance(1, 4)) CommitOfThePast();
}

void GroupMember::Commit(bool then_join) {
  const bool all = random_.Chance(1, 4);
  std::map<std::string, std::vector<OffsetCommitRequest::Partition>> topics;
  GroupEvent event = EventOf(Kind::kCommits);
  event.number = ++last_number_;
  const CommitNote note{process_, event.number, generation_};
  for (const auto& [where, place] : places_) {
    if (!all && place.position <= place.committed) continue;
    event.offsets[place.key] = place.position;
    topics[where.topic].push_back({.index = where.partition,
                                   .committed_offset = place.position,
                                   .committed_metadata = note.Encode()});
  }
  OffsetCommitRequest request;
  request.group_id = options_.group;
  request.generation_id = generation_;
  request.member_id = member_id_;
  if (options_.is_static) request.group_instance_id = client_id_;
  for (auto& [topic, partitions] : topics) request.topics.push_back({topic, partitions});
  watch_.Add(event);
  last_commit_ = {request, event};
  Ask<OffsetCommitRequest>(request, versions_.commit, context_.swarm.call_timeout_us,
                           [this, event, then_join](const OffsetCommitResponse& committed) {
                             Code code = Code::kNone;
                             for (const auto& topic : committed.topics) {
                               for (const auto& partition : topic.partitions) {
                                 if (code == Code::kNone) code = partition.error_code;
                               }
                             }
                             OnCommitted(event, code, then_join);
                           });
}

/// As a thread would that has fallen behind: what it last committed in an earlier generation. It
/// must be refused.
void GroupMember::CommitOfThePast() {
  if (!last_commit_ || last_commit_->second.generation >= generation_ || !coordinator_) return;
  auto [request, event] = *last_commit_;
  if (event.process != process_ || event.offsets.empty()) return;
  event.number = ++last_number_;
  const CommitNote note{process_, event.number, event.generation};
  request.member_id = member_id_;
  for (auto& topic : request.topics) {
    for (auto& partition : topic.partitions) partition.committed_metadata = note.Encode();
  }
  watch_.Add(event);
  AskKafka<OffsetCommitRequest>(
      context_.door, *coordinator_, context_.swarm.call_timeout_us, client_id_, versions_.commit,
      request, [this, event](const Result<OffsetCommitResponse>& answer) mutable {
        if (!answer.ok()) return;
        const Code code = answer->topics.at(0).partitions.at(0).error_code;
        if (code == Code::kRequestTimedOut) return;
        if (code == Code::kIllegalGeneration) context_.reached.Count(Rare::kPastCommitRefused);
        event.kind = code == Code::kNone ? Kind::kDone : Kind::kRefused;
        watch_.Add(event);
      });
}

void GroupMember::OnCommitted(const GroupEvent& commit, Code code, bool then_join) {
  GroupEvent event = commit;
  if (code == Code::kRequestTimedOut) {
    context_.reached.Count(Rare::kCommitFateUnknown);
    if (then_join) JoinAgain();
    return;
  }
  event.kind = code == Code::kNone ? Kind::kDone : Kind::kRefused;
  watch_.Add(event);
  if (code == Code::kNone) {
    NoteStillThere();
    for (auto& [where, place] : places_) {
      const auto offset = commit.offsets.find(place.key);
      if (offset != commit.offsets.end()) place.committed = offset->second;
    }
    if (then_join) JoinAgain();
    return;
  }
  if (code == Code::kIllegalGeneration || code == Code::kUnknownMemberId ||
      code == Code::kFencedInstanceId) {
    context_.reached.Count(Rare::kPastCommitRefused);
  }
  // A coordinator whose image is older than the topics.
  if (code == Code::kUnknownTopicOrPartition) return;
  Handle(code);
}

// ---- staying and leaving ----

void GroupMember::Heartbeat() {
  beaten_at_us_ = context_.world.now_us();
  HeartbeatRequest request;
  request.group_id = options_.group;
  request.generation_id = generation_;
  request.member_id = member_id_;
  if (options_.is_static) request.group_instance_id = client_id_;
  Ask<HeartbeatRequest>(request, versions_.heartbeat, context_.swarm.call_timeout_us,
                        [this](const HeartbeatResponse& response) {
                          if (response.error_code == Code::kNone) return NoteStillThere();
                          const bool hands_over =
                              response.error_code == Code::kRebalanceInProgress &&
                              !places_.empty() && random_.Chance(3, 4);
                          if (hands_over) return Commit(true);
                          Handle(response.error_code);
                        });
}

/// Whether or not it is heard, it is away for a while.
void GroupMember::Leave() {
  LeaveGroupRequest request;
  request.group_id = options_.group;
  request.member_id = member_id_;
  LeaveGroupRequest::Member member;
  member.member_id = member_id_;
  if (options_.is_static) member.group_instance_id = client_id_;
  request.members = {member};
  spdlog::debug("member {} leaves", client_id_);
  Ask<LeaveGroupRequest>(request, versions_.leave, context_.swarm.call_timeout_us,
                         [](const LeaveGroupResponse&) {});
  ComeBackLater();
}

}  // namespace jangada::sim
