// Coordinator: one shard of the consumer groups on this node: a Replica whose log folds into groups
// and committed offsets (ShardState). Where it leads, it also holds the live groups: their sessions
// and rebalances are soft state that begins anew with each leader, from what the log says of them,
// so that members whose sessions allow it don't notice the change.
//
// All calls on the shard that owns it; each ends in one call of its `done`, there too, possibly
// before it returns. A `done` must not destroy the coordinator. See GroupBroker for the calls.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "server/groups/group.h"
#include "server/groups/shard_state.h"
#include "server/partition/hosted.h"

namespace jangada::server::groups {

/// What the groups and offsets of one shard may take: a checkpoint of it must travel in one
/// message.
inline constexpr size_t kMaxShardBytes = 16 << 20;
/// Groups of one shard that have members, or are about to; and what all these members say of
/// themselves and are assigned.
inline constexpr size_t kMaxLiveGroups = 10'000;
inline constexpr size_t kMaxLiveBytes = 32 << 20;
static_assert(kMaxLiveBytes >= 4 * kMaxGroupBytes, "a few large groups must fit");
/// One command of the log.
inline constexpr size_t kMaxCommandBytes = 4 << 20;

struct CoordinatorOptions {
  TopicPartition where;  // of __consumer_offsets
  ReplicaOptions replica;
  GroupOptions group;
  int64_t offsets_retention_ms = int64_t{7} * 24 * 3600 * 1000;
  int64_t housekeeping_us = 10'000'000;  // how often a leader looks what has expired
  uint64_t seed = 0;                     // of member ids
  std::function<ClusterImagePtr()> image;
};

class Coordinator final : public Hosted {
 public:
  /// What `context` refers to and `observer` outlive the coordinator.
  Coordinator(const CoordinatorOptions& options, const ReplicaContext& context,
              ReplicaObserver& observer);
  ~Coordinator() override;
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Hosted
  Status Start(const storage::GroupState& state, const raft::Membership& bootstrap) override;
  void Stop(Callback<> done) override { replica_.Stop(std::move(done)); }
  void Remove(Callback<Status> done) override { replica_.Remove(std::move(done)); }
  void UpdateConfig(const TopicConfig&) override {}
  ReplicaCounters counters() const override { return replica_.counters(); }
  ReplicaVitals vitals() const override { return replica_.vitals(); }
  PartitionGauges gauges() const override { return GaugesOf(options_.where); }
  PartitionView View() const override { return ViewOf(options_.where, options_.replica); }
  Replica& replica() override { return replica_; }
  const Replica& replica() const override { return replica_; }

  // ---- members: coordinator.cc ----
  void Join(JoinGroup request, Callback<JoinedGroup> done);
  void Sync(SyncGroup request, Callback<SyncedGroup> done);
  void Heartbeat(const GroupMembership& member, Callback<GroupError> done);
  void Leave(const LeaveGroup& request, Callback<LeftGroup> done);

  // ---- offsets, and what concerns whole groups: coordinator_offsets.cc ----
  void Commit(CommitOffsets request, Callback<OffsetErrors> done);
  void Fetch(FetchOffsets request, Callback<FetchedOffsets> done);
  void Delete(DeleteOffsets request, Callback<OffsetErrors> done);
  void Describe(const std::string& group, Callback<GroupDescription> done);
  GroupList List() const;
  void DeleteGroup(const std::string& group, Callback<GroupError> done);

  /// What the log says, applied so far.
  const ShardState& state() const { return state_; }

 private:
  class Machine;
  struct Live {
    std::unique_ptr<Group> group;
    uint64_t incarnation = 0;  // tells it from a group of the same id that was here before
    int64_t due_us = kNever;
    size_t bytes = 0;
    bool settling = false;
  };
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  void Apply(const raft::Entry& entry);
  void OnLeaderReady();
  void OnLeadershipLost();

  GroupError CheckServing() const;
  GroupError CheckGroup(const std::string& group) const;
  /// nullptr: no such group has members here.
  Group* FindLive(const std::string& group);
  Group& Bring(const std::string& id);
  bool HasRoomFor(const JoinGroup& request) const;
  void Settle(const std::string& id);
  /// The same after calls that change who the members are, or what they say.
  void SettleMembers(const std::string& id);
  void Reschedule(std::map<std::string, Live>::iterator live, int64_t due_us);
  void ArmTimer();
  void OnTimer();
  void OnRecorded(const std::string& id, uint64_t incarnation, uint64_t number, GroupError fate);
  void Propose(const Command& command, Callback<GroupError> done);

  GroupError CheckCommitter(const GroupMembership& member);
  GroupError CheckOffset(const ClusterImage& image, const std::string& group,
                         const OffsetToCommit& offset) const;
  FetchedOffsets Read(const FetchOffsets& request) const;
  void ArmHousekeeping();
  void ExpireIdleGroups();
  void DropDeletedTopics();

  /// A completion that is dropped if the coordinator is gone.
  template <class F>
  auto IfAlive(F function) {
    return [alive = std::weak_ptr<bool>(life_),
            function = std::move(function)](auto&&... args) mutable {
      if (!alive.expired()) function(std::forward<decltype(args)>(args)...);
    };
  }

  // Constant after construction.
  const CoordinatorOptions options_;
  const ReplicaContext context_;
  ReplicaObserver& observer_;

  ShardState state_;    // the machine's; above the replica, which restores it
  bool stuck_ = false;  // an entry could not be folded: nothing after it may be
  Random random_;

  // Where it leads; else empty.
  // 1. Every group with members in state_ is live. 2. dues_ holds each live group that is ever due.
  // 3. live_bytes_ is the sum of the bytes noted in live_.
  std::map<std::string, Live> live_;
  std::set<std::pair<int64_t, std::string>> dues_;
  uint64_t last_incarnation_ = 0;
  size_t live_bytes_ = 0;  // of all groups in live_
  Executor::TimerId timer_ = 0;
  int64_t timer_at_us_ = kNever;
  Executor::TimerId housekeeping_timer_ = 0;
  uint64_t image_looked_at_ = 0;  // version of the image whose topics were compared last

  std::shared_ptr<bool> life_ = std::make_shared<bool>(true);
  Replica replica_;  // last: it calls the machine, which uses all of the above
};

}  // namespace jangada::server::groups
