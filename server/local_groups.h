// LocalGroups: consumer groups on this node. Finds the shard of `__consumer_offsets` that keeps a
// group, posts the call to it, and answers kNotCoordinator where the group is coordinated
// elsewhere. Makes that topic when a coordinator is asked for and there is none. Any thread.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/group_broker.h"
#include "server/image_holder.h"
#include "server/leader_table.h"
#include "server/replica_router.h"

namespace jangada::server {

class LocalGroups final : public GroupBroker {
 public:
  struct Context {  // all outlive the groups
    Broker& broker;
    ReplicaRouter& replicas;
    const LeaderTable& leaders;
    const ImageHolder& image;
    int32_t partitions = 16;  // of the topic, if it is to be made
  };

  explicit LocalGroups(const Context& context) : context_(context) {}

  void FindCoordinator(std::string group, Callback<FoundCoordinator> done) override;
  void Join(JoinGroup request, Callback<JoinedGroup> done) override;
  void Sync(SyncGroup request, Callback<SyncedGroup> done) override;
  void Heartbeat(GroupMembership member, Callback<GroupError> done) override;
  void Leave(LeaveGroup request, Callback<LeftGroup> done) override;
  void Commit(CommitOffsets request, Callback<OffsetErrors> done) override;
  void Fetch(FetchOffsets request, Callback<FetchedOffsets> done) override;
  void Delete(DeleteOffsets request, Callback<OffsetErrors> done) override;
  void Describe(std::string group, Callback<GroupDescription> done) override;
  void List(Callback<GroupList> done) override;
  void DeleteGroup(std::string group, Callback<GroupError> done) override;

 private:
  using Waiting = std::pair<std::string, Callback<FoundCoordinator>>;

  /// The Raft group that keeps a consumer group; nullopt while there is no such topic.
  std::optional<GroupId> ShardOf(const std::string& group) const;
  /// Runs `call(coordinator, done)` on the shard that owns it, or answers why it cannot.
  template <class Answer, class Call>
  void OnCoordinator(const std::string& group, Callback<Answer> done, Call call);
  FoundCoordinator KnownCoordinator(const std::string& group) const;
  void MakeTopic();
  void OnTopicMade(const Result<Uuid>& made);

  const Context context_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Waiting> waiting_;  // for the topic that is being made
  std::string last_reason_;       // why it was not, last; empty: it was
};

}  // namespace jangada::server
