// FakeCluster: logs in memory and brokers in front of them, for tests of the doors. One thread
// does everything, in the order of the calls, as a shard would. Tests say who leads, what fails and
// what hangs.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/broker.h"
#include "server/runtime/shard.h"
#include "storage/record_batch.h"
#include "tests/server/fake_groups.h"

namespace jangada::server::testing {

class FakeCluster {
 public:
  FakeCluster();
  ~FakeCluster();

  static constexpr int32_t kEpoch = 3;  // of every leader

  void AddNode(NodeId node, uint16_t grpc_port, uint16_t kafka_port = 0);
  /// A topic that is there already keeps its id, and has so many partitions from now on; one that
  /// was removed gets a new id.
  void AddTopic(const std::string& name, int32_t partitions, NodeId leader);
  void RemoveTopic(const std::string& name);
  /// The partition is to have other replicas.
  void Move(const TopicPartition& where, std::vector<NodeId> replicas);
  void SetLeader(const TopicPartition& where, std::optional<NodeId> leader);
  /// What the partition's leader tells of its followers.
  void SetLagging(const TopicPartition& where, std::vector<NodeId> nodes);

  ClusterImagePtr image() const;
  std::optional<NodeId> LeaderOf(const TopicPartition& where) const;
  std::vector<NodeId> LaggingOf(const TopicPartition& where) const;
  /// What the partition holds, decoded.
  std::vector<storage::Record> Records(const TopicPartition& where);
  void SetLogStart(const TopicPartition& where, int64_t offset);
  /// Flips a bit of the last batch, as a broken network card would.
  void DamageLastBatch(const TopicPartition& where);

  Shard& shard() { return shard_; }

 private:
  friend class FakeBroker;
  struct ProducerState {
    int32_t next_sequence = 0;
    std::map<int32_t, int64_t> offsets;  // base sequence -> base offset
  };
  struct Log {
    std::deque<FetchedBatch> batches;
    std::deque<int64_t> timestamps;  // max timestamp of each batch
    int64_t start = 0;
    int64_t end = 0;
    std::map<int64_t, ProducerState> producers;
  };
  struct Poll {
    NodeId node;
    FetchRequest request;
    int64_t until_us = 0;
    Callback<Result<FetchResult>> done;
  };

  // On the shard.
  Result<ProduceResult> Append(const ProduceRequest& request);
  Result<FetchResult> Read(const FetchRequest& request);
  void WakePolls();

  void Change(const std::function<void(ClusterImage*)>& change);

  mutable std::mutex mutex_;
  ClusterImagePtr image_;
  std::map<TopicPartition, NodeId> leaders_;
  std::map<TopicPartition, std::vector<NodeId>> lagging_;
  uint64_t topics_made_ = 0;

  Shard shard_{"fake-cluster"};
  std::map<TopicPartition, Log> logs_;  // the shard's
  std::deque<Poll> polls_;              // the shard's
};

class FakeBroker final : public Broker {
 public:
  FakeBroker(FakeCluster& cluster, NodeId self) : cluster_(cluster), self_(self) {}

  // What goes wrong; set before the calls, or between them.
  /// Asked on the shard before each append; an error is answered in place of it.
  void FailProduce(std::function<std::optional<Error>(const ProduceRequest&)> fail);
  /// Appends or fails, but keeps the answers back until ReleaseAnswers.
  /// What InspectPartition answers in place of a settled partition.
  void SetInspected(std::optional<PartitionView> view);
  void HoldAnswers(bool hold) { hold_ = hold; }
  void ReleaseAnswers();
  void SetDead(NodeId node);
  void SetCondition(NodeId node, NodeCondition condition);
  void FailAdmin(std::optional<Error> error);
  void SetLogDir(LogDirView view);

  // What happened.
  std::atomic<int> produces = 0;
  std::atomic<int> fetches = 0;
  std::atomic<int64_t> produced_bytes = 0;
  std::vector<std::string> admin_calls() const;

  /// The script of the groups.
  FakeGroups& fake_groups() { return groups_; }

  // Broker.
  GroupBroker& groups() override { return groups_; }
  void Produce(ProduceRequest request, Callback<Result<ProduceResult>> done) override;
  void Fetch(FetchRequest request, Callback<Result<FetchResult>> done) override;
  void ListOffset(TopicPartition where, int64_t timestamp_ms,
                  Callback<Result<ListedOffset>> done) override;
  void DescribePartition(TopicPartition where, Callback<Result<PartitionView>> done) override;
  void DeleteRecords(TopicPartition where, int64_t offset, Callback<Result<int64_t>> done) override;
  void TransferLeadership(TopicPartition where, NodeId to, Callback<Status> done) override;
  ClusterImagePtr image() const override { return cluster_.image(); }
  NodeId self() const override { return self_; }
  void FindEpochEnd(TopicPartition where, int32_t epoch, Callback<Result<EpochEnd>> done) override;
  void InspectPartition(TopicPartition where, Callback<Result<PartitionView>> done) override;
  void HandOver(TopicPartition where, NodeId to, Callback<Status> done) override;
  std::optional<KnownLeader> KnownLeaderOf(const TopicPartition& where) const override {
    const std::optional<NodeId> leader = cluster_.LeaderOf(where);
    if (!leader) return std::nullopt;
    return KnownLeader{
        .node = *leader, .epoch = FakeCluster::kEpoch, .lagging = cluster_.LaggingOf(where)};
  }
  std::optional<NodeId> ControllerLeader() const override { return NodeId(1); }
  std::vector<NodeId> LiveNodes() const override;
  std::map<NodeId, NodeView> Nodes() const override;
  LogDirView LogDir() const override;
  void CreateTopic(server::CreateTopic request, Callback<Result<Uuid>> done) override;
  void DeleteTopic(std::string name, Callback<Status> done) override;
  void CreatePartitions(NewPartitions request, Callback<Status> done) override;
  void AlterTopicConfigs(std::string topic,
                         std::map<std::string, std::optional<std::string>> changes,
                         Callback<Status> done) override;
  void InitProducer(Callback<Result<ProducerIdentity>> done) override;
  void MovePartition(TopicPartition where, std::vector<NodeId> replicas,
                     Callback<Status> done) override;
  void AddNode(NodeId node, Callback<Status> done) override;
  void RemoveNode(NodeId node, Callback<Status> done) override;

 private:
  /// nullopt: this node leads the partition.
  std::optional<Error> NotHere(const TopicPartition& where) const;
  void Record(std::string call, Callback<Status> done);

  FakeCluster& cluster_;
  const NodeId self_;
  FakeGroups groups_;
  std::atomic<bool> hold_ = false;
  mutable std::mutex mutex_;
  std::function<std::optional<Error>(const ProduceRequest&)> fail_produce_;
  std::optional<Error> fail_admin_;
  std::optional<PartitionView> inspected_;
  LogDirView log_dir_;
  std::set<NodeId> dead_;
  std::map<NodeId, NodeCondition> conditions_;
  std::vector<std::string> admin_calls_;
  std::vector<Callback<>> held_;
  int64_t next_producer_id_ = 100;
};

}  // namespace jangada::server::testing
