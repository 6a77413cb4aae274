// Router: partition calls to whoever leads: the broker where this node does, else the leader's gRPC
// door, one hop. The *Once calls try one time; the others try again while it is safe and there is
// time (retry.h). Any thread; `done` on an unspecified one.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "server/broker.h"
#include "server/grpc/call_scope.h"
#include "server/grpc/peers.h"

namespace jangada::server::grpc_door {

class Router {
 public:
  Router(Broker& broker, size_t max_message_bytes) : broker_(broker), peers_(max_message_bytes) {}

  /// request.timeout_us is set here, from the scope.
  void Produce(ProduceRequest request, const CallScope& scope,
               Callback<Result<ProduceResult>> done);
  void ProduceOnce(ProduceRequest request, const CallScope& scope,
                   Callback<Result<ProduceResult>> done);
  /// Calls that went to another node so far.
  uint64_t forwarded() const { return forwarded_; }

  /// Another node's door; null: nobody knows where it is. What goes there counts as forwarded.
  std::shared_ptr<Peer> PeerOf(NodeId node);

  /// This node would hand a produce to its own broker now.
  bool IsLocal(const TopicPartition& where, const CallScope& scope) const;

  void Fetch(FetchRequest request, const CallScope& scope, Callback<Result<FetchResult>> done);
  void ListOffset(const TopicPartition& where, int64_t timestamp_ms, const CallScope& scope,
                  Callback<Result<ListedOffset>> done);
  /// A view that no leader gave counts as kNotLeader.
  void DescribePartition(const TopicPartition& where, const CallScope& scope,
                         Callback<Result<PartitionView>> done);
  void DeleteRecords(const TopicPartition& where, int64_t offset, const CallScope& scope,
                     Callback<Result<int64_t>> done);
  void TransferLeadership(const TopicPartition& where, NodeId to, const CallScope& scope,
                          Callback<Status> done);

 private:
  /// The other node to ask; null: this one.
  std::shared_ptr<Peer> LeaderElsewhere(const TopicPartition& where, const CallScope& scope);
  void FetchOnce(FetchRequest request, const CallScope& scope, Callback<Result<FetchResult>> done);
  /// A long poll of the broker, in slices: a broker cannot be told that nobody waits any longer.
  void PollHere(FetchRequest request, const CallScope& scope, Callback<Result<FetchResult>> done);
  void ListOffsetOnce(const TopicPartition& where, int64_t timestamp_ms, const CallScope& scope,
                      Callback<Result<ListedOffset>> done);
  void DescribePartitionOnce(const TopicPartition& where, const CallScope& scope,
                             Callback<Result<PartitionView>> done);
  void DeleteRecordsOnce(const TopicPartition& where, int64_t offset, const CallScope& scope,
                         Callback<Result<int64_t>> done);
  void TransferLeadershipOnce(const TopicPartition& where, NodeId to, const CallScope& scope,
                              Callback<Result<bool>> done);

  Broker& broker_;
  Peers peers_;
  std::atomic<uint64_t> forwarded_ = 0;
};

}  // namespace jangada::server::grpc_door
