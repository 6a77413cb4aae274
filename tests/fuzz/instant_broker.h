// InstantBroker: a broker that answers every call before it returns, and remembers nothing: three
// nodes, one topic "t" of two partitions that all live here, each with one batch of two records.
// What it answers is what a target chooses: good answers, or one error for all. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/broker.h"
#include "tests/fuzz/instant_groups.h"

namespace jangada::fuzz {

class InstantBroker final : public server::Broker {
 public:
  InstantBroker();

  /// What every call fails with from now on; nullopt: none does.
  void FailWith(std::optional<ErrorCode> code) { fail_ = code; }

  void SetController(std::optional<NodeId> node) { controller_ = node; }

  InstantGroups& groups() override { return groups_; }

  void Produce(server::ProduceRequest request,
               Callback<Result<server::ProduceResult>> done) override;
  void Fetch(server::FetchRequest request, Callback<Result<server::FetchResult>> done) override;
  void ListOffset(server::TopicPartition where, int64_t timestamp_ms,
                  Callback<Result<server::ListedOffset>> done) override;
  void DescribePartition(server::TopicPartition where,
                         Callback<Result<server::PartitionView>> done) override;
  void DeleteRecords(server::TopicPartition where, int64_t offset,
                     Callback<Result<int64_t>> done) override;
  void TransferLeadership(server::TopicPartition where, NodeId to, Callback<Status> done) override;
  void FindEpochEnd(server::TopicPartition where, int32_t epoch,
                    Callback<Result<server::EpochEnd>> done) override;
  void InspectPartition(server::TopicPartition where,
                        Callback<Result<server::PartitionView>> done) override;
  void HandOver(server::TopicPartition where, NodeId to, Callback<Status> done) override;
  server::ClusterImagePtr image() const override { return image_; }
  NodeId self() const override { return NodeId(1); }
  std::optional<server::KnownLeader> KnownLeaderOf(
      const server::TopicPartition& where) const override;
  std::optional<NodeId> ControllerLeader() const override { return controller_; }
  std::vector<NodeId> LiveNodes() const override { return {NodeId(1), NodeId(2)}; }
  std::map<NodeId, server::NodeView> Nodes() const override { return {}; }
  server::LogDirView LogDir() const override {
    return {.path = "/data", .total_bytes = 1000, .usable_bytes = 10, .replicas = {{{"t", 0}, 5}}};
  }
  void CreateTopic(server::CreateTopic request, Callback<Result<Uuid>> done) override;
  void DeleteTopic(std::string name, Callback<Status> done) override;
  void CreatePartitions(server::NewPartitions request, Callback<Status> done) override;
  void AlterTopicConfigs(std::string topic,
                         std::map<std::string, std::optional<std::string>> changes,
                         Callback<Status> done) override;
  void InitProducer(Callback<Result<server::ProducerIdentity>> done) override;
  void MovePartition(server::TopicPartition where, std::vector<NodeId> replicas,
                     Callback<Status> done) override;
  void AddNode(NodeId node, Callback<Status> done) override;
  void RemoveNode(NodeId node, Callback<Status> done) override;

 private:
  /// What is wrong with a call, if anything is.
  std::optional<Error> Refuse() const;
  std::optional<Error> Refuse(const server::TopicPartition& where) const;
  void Answer(Callback<Status> done);
  server::PartitionView ViewOf(const server::TopicPartition& where) const;

  server::ClusterImagePtr image_;
  Bytes batch_;
  std::optional<ErrorCode> fail_;
  std::optional<NodeId> controller_ = NodeId(1);
  InstantGroups groups_;
};

/// The batch that each partition holds.
Bytes SomeBatch();

}  // namespace jangada::fuzz
