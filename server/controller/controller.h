// Controller: the cluster's front, on every node. A request of any node travels to the leader of
// group 0, becomes a record in its log, and is answered when this node's own image shows it. Where
// group 0 is led it also does the leader's chores: founds the cluster, seats nodes in group 0,
// fills up partitions, finishes removals.
//
// Threads: requests from any thread; everything else on its executor, group 0's shard. `done` runs
// there. Errors of every request: its own; kUnavailable: no leader was found, surely not done;
// kTimeout: its fate is unknown.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/callback.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "server/broker.h"
#include "server/controller/cluster_image.h"
#include "server/controller/controller_machine.h"
#include "server/controller/liveness.h"
#include "server/controller/reconciler.h"
#include "server/transport/transport.h"

namespace jangada::server {

/// Group 0's replica, as the controller uses it: Replica behind a thin adapter. On the controller's
/// executor.
class ControllerGroup {
 public:
  virtual ~ControllerGroup() = default;
  /// A kCommand entry; `done` after it is applied here, with Replica::Propose's errors.
  virtual void Propose(Bytes command, Callback<Status> done) = 0;
  virtual bool IsReadyLeader() const = 0;
  /// OK once it is sure that this replica led after this call, with all that was decided before it
  /// applied here; else it was replaced, perhaps without knowing it.
  virtual void ConfirmLeads(Callback<Status> done) = 0;
  virtual raft::RaftStatus status() const = 0;
  virtual void ProposeMembership(const raft::MembershipTarget& target, Callback<Status> done) = 0;
  virtual Status TransferLeadership(NodeId to) = 0;
};

/// What the controller needs of its node. On the controller's executor.
class ControllerHost {
 public:
  virtual ~ControllerHost() = default;
  /// Each new image. The node publishes it, tells transport and reconciler, and stores the cluster
  /// id.
  virtual void OnImage(ClusterImagePtr image) = 0;
  /// Some node told that it is ready to lead the group.
  virtual bool HasReadyLeader(GroupId group) const = 0;
  /// Checks config keys and values of a topic (server/partition/topic_config.h).
  virtual Status ValidateTopicConfigs(const std::map<std::string, std::string>& configs,
                                      int32_t replication_factor) const = 0;
  /// The node must stop, with this sentence: the cluster refuses it, or group 0's log can't be
  /// folded.
  virtual void OnRefused(const Error& error) = 0;
};

class Controller final : public MachineListener, public ReconcilerFront {
 public:
  struct Options {
    NodeInfo self;  // as it registers
    std::vector<FounderDisk>
        founding;  // from the data folder: what the first leader makes the cluster of
    std::vector<NodeId> first_peers;  // whom to ask while there is no image: cluster.founders
    uint64_t seed = 0;
    int64_t chores_us = 500'000;
    int64_t default_timeout_us = 10'000'000;
  };
  struct Context {  // all outlive the controller
    Executor& executor;
    Transport& transport;
    Liveness& liveness;
    ControllerHost& host;
  };

  Controller(Options options, const Context& context);
  ~Controller() override;
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  /// Group 0's replica runs: registers this node in the background and serves from here on. `group`
  /// and `machine` must outlive the controller; their pending calls end (Replica::Stop) before it
  /// goes.
  void Start(ControllerGroup& group, ControllerMachine& machine);
  /// Ends every pending request with kShuttingDown.
  void Stop();

  // ---- requests; any thread ----
  void CreateTopic(server::CreateTopic request, Callback<Result<Uuid>> done);
  void DeleteTopic(std::string name, Callback<Status> done);
  void CreatePartitions(NewPartitions request, Callback<Status> done);
  void AlterTopicConfigs(std::string topic,
                         std::map<std::string, std::optional<std::string>> changes,
                         Callback<Status> done);
  void InitProducer(Callback<Result<ProducerIdentity>> done);
  void MovePartition(TopicPartition where, std::vector<NodeId> replicas, Callback<Status> done);
  void AddNode(NodeId node, Callback<Status> done);
  /// Answers when the node is out of every group, or with kTimeout while the removal goes on.
  void RemoveNode(NodeId node, Callback<Status> done);

  // ---- from the node; on the executor ----
  /// Peer calls whose method begins with kCallPrefix.
  void OnPeerCall(NodeId from, const PeerCall& call, Callback<Result<Bytes>> reply);
  static constexpr const char* kCallPrefix = "controller.";

  /// This node registered with the cluster since it started.
  bool registered() const;
  /// The image holds all that was decided before this node started. Before that, what it lacks may
  /// be there all the same. Any thread.
  bool is_current() const;
  /// Who leads group 0, as far as its replica here knows.
  std::optional<NodeId> leader() const;

  // ---- MachineListener, ReconcilerFront ----
  void OnImage(ClusterImagePtr image) override;
  void OnLeading(bool ready) override;
  void OnCannotFold(const Error& error) override;
  Uuid disk_id() const override;
  uint64_t replay_until() const override;
  void ReportSettled(GroupId group, uint64_t revision, Callback<Status> done) override;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace jangada::server
