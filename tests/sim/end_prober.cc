#include "tests/sim/end_prober.h"

#include <utility>

#include "tests/sim/choice.h"

namespace jangada::sim {
namespace {

constexpr int64_t kLookEveryUs = 5'000;
constexpr uint64_t kAskOneIn = 16;  // where nobody was replaced unknowingly

}  // namespace

EndProber::EndProber(ClientContext& context, Cluster& cluster,
                     std::vector<server::TopicPartition> partitions)
    : context_(context),
      cluster_(cluster),
      partitions_(std::move(partitions)),
      random_(context.world.Stream(0x656e64)) {}

void EndProber::Look() {
  if (finishing_) return;
  context_.world.After(kLookEveryUs, [this] { Look(); });
  const server::ClusterImagePtr image = cluster_.Image();
  std::vector<Leader> leaders;
  std::vector<Leader> replaced;
  for (const server::TopicPartition& where : partitions_) {
    const auto topic = image->FindTopic(where.topic);
    if (topic == nullptr) continue;
    const GroupId group = topic->partitions[static_cast<size_t>(where.partition)].group;
    for (const NodeId id : cluster_.Up()) {
      server::Replica* const replica = cluster_.node(id).FindReplica(group);
      if (replica == nullptr || !replica->IsReadyLeader()) continue;
      const bool was_replaced = replica->status().term < cluster_.checker().newest_term(group);
      (was_replaced ? replaced : leaders).push_back({id, where, group});
    }
  }
  for (const Leader& leader : replaced) Ask(leader);
  if (replaced.empty() && !leaders.empty() && random_.Chance(1, kAskOneIn))
    Ask(OneOf(leaders, random_));
}

void EndProber::Ask(const Leader& leader) {
  const int64_t end = cluster_.checker().end(leader.group);
  context_.door.Ask<server::ListedOffset>(
      leader.node, context_.swarm.call_timeout_us,
      [where = leader.where](server::Broker& broker, Callback<Result<server::ListedOffset>> reply) {
        broker.ListOffset(where, server::kLatestOffset, std::move(reply));
      },
      [this, leader, end](const Result<server::ListedOffset>& listed) {
        if (!listed.ok() || listed->offset >= end) return;
        context_.judge.Fail("stale-end",
                            "node " + std::to_string(leader.node.value()) + " says that " +
                                leader.where.topic + "/" + std::to_string(leader.where.partition) +
                                " ends at " + std::to_string(listed->offset) + ", and " +
                                std::to_string(end) + " was committed before it was asked");
      });
}

}  // namespace jangada::sim
