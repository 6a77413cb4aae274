#include "server/local_groups.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <type_traits>

#include "server/groups/coordinator.h"
#include "server/groups/shard_of.h"

namespace jangada::server {
namespace {

template <class Answer>
Answer Refuse(GroupError error) {
  if constexpr (std::is_same_v<Answer, GroupError>) {
    return error;
  } else {
    Answer answer;
    answer.error = error;
    return answer;
  }
}

}  // namespace

// ---- finding ----

std::optional<GroupId> LocalGroups::ShardOf(const std::string& group) const {
  const ClusterImagePtr image = context_.image.Get();
  const auto topic = image->FindTopic(kGroupsTopic);
  if (topic == nullptr || topic->kind != TopicKind::kGroups) return std::nullopt;
  const int32_t shard = groups::ShardOf(group, static_cast<int32_t>(topic->partitions.size()));
  return topic->partitions[static_cast<size_t>(shard)].group;
}

FoundCoordinator LocalGroups::KnownCoordinator(const std::string& group) const {
  if (group.size() > kMaxGroupIdBytes) return {.error = GroupError::kInvalidGroupId};
  const std::optional<GroupId> shard = ShardOf(group);
  const auto hint = shard ? context_.leaders.Find(*shard) : std::nullopt;
  if (!hint) return {.error = GroupError::kNotAvailable};
  return {.node = hint->leader};
}

void LocalGroups::FindCoordinator(std::string group, Callback<FoundCoordinator> done) {
  if (group.size() > kMaxGroupIdBytes || ShardOf(group)) return done(KnownCoordinator(group));
  {
    const std::lock_guard lock(mutex_);
    waiting_.emplace_back(std::move(group), std::move(done));
    if (waiting_.size() > 1) return;  // it is being made
  }
  MakeTopic();
}

void LocalGroups::MakeTopic() {
  if (context_.image.Get()->FindTopic(kGroupsTopic) != nullptr) {
    return OnTopicMade(Error{ErrorCode::kAlreadyExists,
                             std::string("there is an ordinary topic '") + kGroupsTopic +
                                 "'; delete it, and consumer groups can be kept"});
  }
  context_.broker.CreateTopic({.name = kGroupsTopic,
                               .kind = TopicKind::kGroups,
                               .partitions = context_.partitions,
                               .assignment = {},
                               .configs = {}},
                              [this](const Result<Uuid>& made) { OnTopicMade(made); });
}

/// Whoever waits is told who coordinates now, or to try again; which they do soon, so that only a
/// new reason is worth a line.
void LocalGroups::OnTopicMade(const Result<Uuid>& made) {
  std::vector<Waiting> waiting;
  std::string reason = made.ok() ? "" : made.error().message;
  {
    const std::lock_guard lock(mutex_);
    waiting = std::exchange(waiting_, {});
    if (reason == last_reason_) {
      reason.clear();
    } else {
      last_reason_ = reason;
    }
  }
  if (!reason.empty()) {
    spdlog::warn("the topic of the consumer groups was not made reason=\"{}\"", reason);
  }
  for (auto& [group, done] : waiting) done(KnownCoordinator(group));
}

template <class Answer, class Call>
void LocalGroups::OnCoordinator(const std::string& group, Callback<Answer> done, Call call) {
  const std::optional<GroupId> shard = ShardOf(group);
  if (!shard) return done(Refuse<Answer>(GroupError::kNotCoordinator));
  ShardHost& host = context_.replicas.HostOf(*shard);
  host.shard().Post(
      [&host, shard = *shard, done = std::move(done), call = std::move(call)]() mutable {
        groups::Coordinator* coordinator = host.FindCoordinator(shard);
        if (coordinator == nullptr) return done(Refuse<Answer>(GroupError::kNotCoordinator));
        call(*coordinator, std::move(done));
      });
}

// ---- calls ----

void LocalGroups::Join(JoinGroup request, Callback<JoinedGroup> done) {
  const std::string group = request.group;
  OnCoordinator(group, std::move(done),
                [request = std::move(request)](groups::Coordinator& coordinator,
                                               Callback<JoinedGroup> reply) mutable {
                  coordinator.Join(std::move(request), std::move(reply));
                });
}

void LocalGroups::Sync(SyncGroup request, Callback<SyncedGroup> done) {
  const std::string group = request.group;
  OnCoordinator(group, std::move(done),
                [request = std::move(request)](groups::Coordinator& coordinator,
                                               Callback<SyncedGroup> reply) mutable {
                  coordinator.Sync(std::move(request), std::move(reply));
                });
}

void LocalGroups::Heartbeat(GroupMembership member, Callback<GroupError> done) {
  const std::string group = member.group;
  OnCoordinator(
      group, std::move(done),
      [member = std::move(member)](groups::Coordinator& coordinator, Callback<GroupError> reply) {
        coordinator.Heartbeat(member, std::move(reply));
      });
}

void LocalGroups::Leave(LeaveGroup request, Callback<LeftGroup> done) {
  const std::string group = request.group;
  OnCoordinator(
      group, std::move(done),
      [request = std::move(request)](groups::Coordinator& coordinator, Callback<LeftGroup> reply) {
        coordinator.Leave(request, std::move(reply));
      });
}

void LocalGroups::Commit(CommitOffsets request, Callback<OffsetErrors> done) {
  const std::string group = request.member.group;
  OnCoordinator(group, std::move(done),
                [request = std::move(request)](groups::Coordinator& coordinator,
                                               Callback<OffsetErrors> reply) mutable {
                  coordinator.Commit(std::move(request), std::move(reply));
                });
}

void LocalGroups::Fetch(FetchOffsets request, Callback<FetchedOffsets> done) {
  const std::string group = request.group;
  OnCoordinator(group, std::move(done),
                [request = std::move(request)](groups::Coordinator& coordinator,
                                               Callback<FetchedOffsets> reply) mutable {
                  coordinator.Fetch(std::move(request), std::move(reply));
                });
}

void LocalGroups::Delete(DeleteOffsets request, Callback<OffsetErrors> done) {
  const std::string group = request.group;
  OnCoordinator(group, std::move(done),
                [request = std::move(request)](groups::Coordinator& coordinator,
                                               Callback<OffsetErrors> reply) mutable {
                  coordinator.Delete(std::move(request), std::move(reply));
                });
}

void LocalGroups::Describe(std::string group, Callback<GroupDescription> done) {
  OnCoordinator(group, std::move(done),
                [group](groups::Coordinator& coordinator, Callback<GroupDescription> reply) {
                  coordinator.Describe(group, std::move(reply));
                });
}

void LocalGroups::DeleteGroup(std::string group, Callback<GroupError> done) {
  OnCoordinator(group, std::move(done),
                [group](groups::Coordinator& coordinator, Callback<GroupError> reply) {
                  coordinator.DeleteGroup(group, std::move(reply));
                });
}

/// Every shard is asked; the last one answers for all. A coordinator that is about to serve makes
/// the list one that must be asked for again.
void LocalGroups::List(Callback<GroupList> done) {
  struct Sum {
    std::atomic<size_t> left;
    std::vector<GroupList> lists;  // one a shard
    Callback<GroupList> done;
  };
  const auto& hosts = context_.replicas.hosts();
  auto sum = std::make_shared<Sum>();
  sum->left = hosts.size();
  sum->lists.resize(hosts.size());
  sum->done = std::move(done);
  for (size_t i = 0; i < hosts.size(); ++i) {
    hosts[i]->shard().Post([&host = *hosts[i], i, sum] {
      GroupList& mine = sum->lists[i];
      for (groups::Coordinator* coordinator : host.Coordinators()) {
        GroupList list = coordinator->List();
        if (list.error == GroupError::kLoading) mine.error = list.error;
        std::move(list.groups.begin(), list.groups.end(), std::back_inserter(mine.groups));
      }
      if (sum->left.fetch_sub(1) > 1) return;
      GroupList all;
      for (GroupList& list : sum->lists) {
        if (list.error != GroupError::kNone) all.error = list.error;
        std::move(list.groups.begin(), list.groups.end(), std::back_inserter(all.groups));
      }
      sum->done(std::move(all));
    });
  }
}

}  // namespace jangada::server
