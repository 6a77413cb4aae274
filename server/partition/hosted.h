// Hosted: a Replica with the state machine that it drives, as its shard hosts it: a partition of a
// topic, or a shard of the consumer groups. All calls on the shard.
#pragma once

#include "base/callback.h"
#include "base/result.h"
#include "server/broker.h"
#include "server/partition/partition_stats.h"
#include "server/partition/replica.h"
#include "server/partition/topic_config.h"

namespace jangada::server {

class Hosted {
 public:
  virtual ~Hosted() = default;

  /// From what the store loaded, or a fresh GroupState for a new group. `bootstrap`: the voters
  /// that the group began with, if it is being created here or `state` is damaged; else empty.
  virtual Status Start(const storage::GroupState& state, const raft::Membership& bootstrap) = 0;
  /// Ends every pending call and writes a last checkpoint; `done` after that.
  virtual void Stop(Callback<> done) = 0;
  /// Stops without a checkpoint and erases the group from the store.
  virtual void Remove(Callback<Status> done) = 0;
  virtual void UpdateConfig(const TopicConfig& config) = 0;

  /// Its replica's and its own, since it was made.
  virtual ReplicaCounters counters() const = 0;
  virtual ReplicaVitals vitals() const = 0;
  virtual PartitionGauges gauges() const = 0;
  /// As this node knows it; `desired_replicas` and `reassigning` are the controller's to fill in.
  virtual PartitionView View() const = 0;

  virtual Replica& replica() = 0;
  virtual const Replica& replica() const = 0;

  void Step(raft::Message message) { replica().Step(std::move(message)); }
  void OnPeerUnreachable(NodeId peer) { replica().OnPeerUnreachable(peer); }
  Status TransferLeadership(NodeId to) { return replica().TransferLeadership(to); }

 protected:
  /// What holds of any replica, whatever it replicates.
  PartitionGauges GaugesOf(const TopicPartition& where) const;
  PartitionView ViewOf(const TopicPartition& where, const ReplicaOptions& options) const;
};

}  // namespace jangada::server
