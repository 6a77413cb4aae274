// What operators do to a cluster: the part of the nemesis that asks the product's own admin calls.
#include <algorithm>
#include <functional>
#include <utility>

#include "tests/sim/choice.h"
#include "tests/sim/cluster.h"
#include "tests/sim/nemesis.h"

namespace jangada::sim {
namespace {

constexpr int64_t kPatienceUs = 5'000'000;

}  // namespace

bool Nemesis::StrikeCluster(const Fault& fault, Random random) {
  switch (fault.kind) {
    case FaultKind::kTransfer:
    case FaultKind::kMove:
    case FaultKind::kTrim: return StrikePartition(fault.kind, random);
    case FaultKind::kChurnTopics: ChurnTopics(random); return true;
    case FaultKind::kAlterConfigs: AlterConfigs(random); return true;
    default: return false;
  }
}

bool Nemesis::StrikePartition(FaultKind kind, Random random) {
  const server::ClusterImagePtr image = cluster_.Image();
  std::vector<GroupId> groups;
  for (const auto& [group, place] : image->groups) groups.push_back(group);
  if (groups.empty()) return false;
  const GroupId group = OneOf(groups, random);
  const auto& [topic, number] = image->groups.at(group);
  const server::TopicPartition where{topic, number};
  const std::optional<NodeId> leader = cluster_.LeaderOf(group);
  const NodeId any = OneOf(cluster_.ids(), random);
  if (kind == FaultKind::kMove) {
    std::vector<NodeId> replicas = Shuffled(cluster_.ids(), random);
    replicas.resize(image->FindGroup(group)->replicas.size());
    AskAdmin(
        any,
        [where, replicas](server::Broker& broker, Callback<Status> reply) {
          broker.MovePartition(where, replicas, std::move(reply));
        },
        Rare::kPartitionMoved);
    return true;
  }
  if (!leader) return false;
  if (kind == FaultKind::kTransfer) {
    AskAdmin(*leader, [where, any](server::Broker& broker, Callback<Status> reply) {
      broker.TransferLeadership(where, any, std::move(reply));
    });
    return true;
  }
  const server::Partition* const partition = cluster_.node(*leader).FindPartition(group);
  if (partition == nullptr) return false;  // a shard of consumer groups has no records
  const auto end = static_cast<uint64_t>(partition->high_watermark());
  const auto offset = static_cast<int64_t>(random.Below(end + 1));
  trims_[where] = std::max(trims_[where], offset);
  cluster_.door().Ask<int64_t>(
      *leader, kPatienceUs,
      [where, offset](server::Broker& broker, Callback<Result<int64_t>> reply) {
        broker.DeleteRecords(where, offset, std::move(reply));
      },
      [](const Result<int64_t>&) {});
  return true;
}

/// Topics that no client uses come, grow and go, so that groups begin and end among all the rest.
void Nemesis::ChurnTopics(Random random) {
  const std::string name = "churn-" + std::to_string(random.Below(3));
  const NodeId any = OneOf(cluster_.ids(), random);
  const auto topic = cluster_.Image()->FindTopic(name);
  if (topic == nullptr) {
    server::CreateTopic request;
    request.name = name;
    request.partitions = static_cast<int32_t>(1 + random.Below(2));
    request.replication_factor = std::min(swarm_.nodes, 3);
    cluster_.door().Ask<Uuid>(
        any, kPatienceUs,
        [request](server::Broker& broker, Callback<Result<Uuid>> reply) {
          broker.CreateTopic(request, std::move(reply));
        },
        [](const Result<Uuid>&) {});
  } else if (random.Chance(1, 4)) {
    const auto total = static_cast<int32_t>(topic->partitions.size() + 1);
    AskAdmin(any, [name, total](server::Broker& broker, Callback<Status> reply) {
      broker.CreatePartitions({name, total, {}}, std::move(reply));
    });
  } else {
    AskAdmin(
        any,
        [name](server::Broker& broker, Callback<Status> reply) {
          broker.DeleteTopic(name, std::move(reply));
        },
        Rare::kTopicDeleted);
  }
}

/// Settings that change nothing that a client of this run may see.
void Nemesis::AlterConfigs(Random random) {
  const std::string& topic = OneOf(swarm_.topics, random).name;
  const NodeId any = OneOf(cluster_.ids(), random);
  std::optional<std::string> bytes = std::to_string((1 + random.Below(8)) << 20);
  if (random.Chance(1, 4)) bytes = std::nullopt;
  AskAdmin(
      any,
      [topic, bytes](server::Broker& broker, Callback<Status> reply) {
        broker.AlterTopicConfigs(topic, {{"max.message.bytes", bytes}}, std::move(reply));
      },
      Rare::kConfigAltered);
}

void Nemesis::AskAdmin(NodeId at, std::function<void(server::Broker&, Callback<Status>)> ask,
                       std::optional<Rare> reached) {
  cluster_.door().Ask<Unit>(
      at, kPatienceUs,
      [ask = std::move(ask)](server::Broker& broker, Callback<Result<Unit>> reply) {
        ask(broker, AsUnit(std::move(reply)));
      },
      [this, reached](const Result<Unit>& done) {
        if (done.ok() && reached) cluster_.reached().Count(*reached);
      });
}

}  // namespace jangada::sim
