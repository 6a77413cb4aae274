// LocalBroker: the Broker of this node. Looks a partition up in the image, posts the call to the
// shard that owns it, and answers kNotLeader for what is led elsewhere; what concerns the cluster
// it hands to the controller's front. Any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "server/broker.h"
#include "server/controller/controller.h"
#include "server/image_holder.h"
#include "server/leader_table.h"
#include "server/local_groups.h"
#include "server/replica_router.h"
#include "server/transport/transport.h"

namespace jangada::server {

class LocalBroker final : public Broker {
 public:
  /// All outlive the broker.
  struct Context {
    const Config& config;
    ReplicaRouter& replicas;
    const LeaderTable& leaders;
    const ImageHolder& image;
    const storage::LogStore& store;
    Transport& transport;
  };
  explicit LocalBroker(const Context& context);

  /// From then on cluster calls are served; nullptr: no longer.
  void SetController(Controller* controller);
  /// Who was heard from, and what they told, as of now.
  void SetNodes(std::map<NodeId, NodeView> nodes);

  void Produce(ProduceRequest request, Callback<Result<ProduceResult>> done) override;
  void Fetch(FetchRequest request, Callback<Result<FetchResult>> done) override;
  void ListOffset(TopicPartition where, int64_t timestamp_ms,
                  Callback<Result<ListedOffset>> done) override;
  void DescribePartition(TopicPartition where, Callback<Result<PartitionView>> done) override;
  void DeleteRecords(TopicPartition where, int64_t offset, Callback<Result<int64_t>> done) override;
  void TransferLeadership(TopicPartition where, NodeId to, Callback<Status> done) override;

  GroupBroker& groups() override { return groups_; }
  ClusterImagePtr image() const override { return image_.Get(); }
  NodeId self() const override { return self_; }
  void FindEpochEnd(TopicPartition where, int32_t epoch, Callback<Result<EpochEnd>> done) override;
  void InspectPartition(TopicPartition where, Callback<Result<PartitionView>> done) override;
  void HandOver(TopicPartition where, NodeId to, Callback<Status> done) override;

  /// A question of another node about a partition that it believes to be led here
  /// (partition_calls.h).
  void AnswerPeer(const PeerCall& call, Callback<Result<Bytes>> reply);

  std::optional<KnownLeader> KnownLeaderOf(const TopicPartition& where) const override;
  std::optional<NodeId> ControllerLeader() const override;
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
  /// Where a partition's data is, or kUnknownTopic.
  Result<GroupId> GroupOf(const TopicPartition& where) const;
  /// Runs `call(partition, done)` on the partition's shard, or answers why it cannot.
  template <class T, class Call>
  void OnPartition(const TopicPartition& where, Callback<Result<T>> done, Call call);
  /// What another node must be asked about, or nullopt: this one answers, if anybody does.
  std::optional<NodeId> LeaderElsewhere(const TopicPartition& where) const;
  /// The front, or nullptr after having answered `done`.
  template <class Done>
  Controller* Front(Done& done) const;

  const NodeId self_;
  const std::string data_folder_;
  ReplicaRouter& replicas_;
  const LeaderTable& leaders_;
  const ImageHolder& image_;
  const storage::LogStore& store_;
  Transport& transport_;
  std::atomic<Controller*> controller_{nullptr};
  LocalGroups groups_;

  mutable std::mutex nodes_mutex_;
  std::map<NodeId, NodeView> nodes_;  // guarded by nodes_mutex_
};

}  // namespace jangada::server
