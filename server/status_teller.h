// StatusTeller: tells every other node how this one is, every second, which the others take as a
// sign of life; and what it leads: at once when that changed, within the second when other
// followers lag, and in full in the second after a change of leaders anywhere, to whoever was just
// reached, and every ten seconds, should news have been lost.
// A node that has just come tells more often: it is not to wait a second to be counted among the
// living, and another to be found ready.
// Owned by group 0's shard.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "base/executor.h"
#include "server/image_holder.h"
#include "server/leader_table.h"
#include "server/partition/replica.h"
#include "server/transport/transport.h"
#include "storage/log_store.h"

namespace jangada::server {

class StatusTeller {
 public:
  struct Context {  // all outlive the teller
    NodeId self;
    Executor& executor;
    Transport& transport;
    const LeaderTable& leaders;
    const ImageHolder& image;
    const storage::LogStore& store;
  };

  /// `on_round` runs once a second and after each change of who can be heard.
  StatusTeller(const Context& context, std::function<void()> on_round);

  void Start();
  void Stop();
  /// This node sees itself in the cluster for the first time: the others hear of it at once.
  void OnInCluster();
  /// This node became the ready leader of a group: the others hear of it within kGatherUs.
  void OnReadyToLead(const LeaderHint& hint);
  /// Other followers lag of a group that this node leads: the others hear of it in the next round.
  void OnLagging(const LeaderHint& hint) { lag_news_.push_back(hint); }
  /// From now on the node is being stopped: it wants no leaderships.
  void Drain();
  /// A replica of this node, group 0's included, that was found damaged.
  void OnRefill(GroupId group, RefillEvent event);
  /// A node was reached (again): it hears everything now.
  void TellAll(NodeId to);

  /// This node's own, as of now.
  NodeCondition Condition() const;
  struct Refills {
    size_t now = 0;      // replicas being refilled
    uint64_t begun = 0;  // since this process began
    uint64_t ended = 0;
  };
  Refills refills() const { return {refilling_.size(), refills_begun_, refills_ended_}; }

 private:
  static constexpr int64_t kRoundUs = 1'000'000;
  static constexpr int kFullEveryRounds = 10;
  /// The first rounds of a node in its cluster. Longer than its leaders' heartbeats, so that between
  /// two of them it has heard what it lacks.
  static constexpr int64_t kFirstRoundUs = 250'000;
  static constexpr int kFirstRounds = 8;
  /// After a failover many groups change hands in one moment: they leave in one message.
  static constexpr int64_t kGatherUs = 3'000;

  void Round();
  void LogRoom();
  void TellNews();
  NodeStatus News();
  NodeStatus Full() const;
  void TellEveryone(const NodeStatus& status);

  const Context context_;
  const std::function<void()> on_round_;
  std::vector<LeaderHint> news_;
  std::vector<LeaderHint> lag_news_;  // since the last round; at most one a second of each group
  uint64_t told_changes_ = 0;         // of the leader table, when it was told in full last
  int rounds_since_full_ = kFullEveryRounds;
  int first_rounds_left_ = 0;
  Executor::TimerId round_timer_ = 0;
  bool draining_ = false;
  std::set<GroupId> refilling_;
  uint64_t refills_begun_ = 0;
  uint64_t refills_ended_ = 0;
  bool had_room_ = true;
  bool stopped_ = true;
};

}  // namespace jangada::server
