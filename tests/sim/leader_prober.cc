#include "tests/sim/leader_prober.h"

#include <string>
#include <utility>

#include "tests/sim/choice.h"

namespace jangada::sim {
namespace {

constexpr int64_t kLookEveryUs = 5'000;
constexpr uint64_t kAskOneIn = 16;  // where nobody was replaced unknowingly

/// Of no producer that any log knows, and not its first one: in no log does it come next.
constexpr int64_t kStranger = int64_t{1} << 40;
constexpr int32_t kOutOfTurn = 7;

std::string Name(const server::TopicPartition& where) {
  return where.topic + "/" + std::to_string(where.partition);
}

}  // namespace

LeaderProber::LeaderProber(ClientContext& context, Cluster& cluster,
                           std::vector<server::TopicPartition> partitions)
    : context_(context),
      cluster_(cluster),
      partitions_(std::move(partitions)),
      random_(context.world.Stream(0x656e64)) {}

void LeaderProber::Look() {
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
  for (const Leader& leader : replaced) {
    AskForEnd(leader);
    SendOutOfTurn(leader);
  }
  if (replaced.empty() && !leaders.empty() && random_.Chance(1, kAskOneIn))
    AskForEnd(OneOf(leaders, random_));
}

template <class T>
void LeaderProber::Ask(const Leader& leader,
                       std::function<void(server::Broker&, Callback<Result<T>>)> question,
                       std::function<void(const Said<T>&)> judge) {
  context_.door.AskNode<Said<T>>(
      leader.node, context_.swarm.call_timeout_us,
      [group = leader.group, question = std::move(question)](SimNode& node,
                                                             Callback<Result<Said<T>>> reply) {
        question(node.broker(), [&node, group, reply = std::move(reply)](Result<T> what) mutable {
          server::Replica* const replica = node.IsUp() ? node.FindReplica(group) : nullptr;
          reply(Said<T>{std::move(what), replica == nullptr ? 0 : replica->status().term});
        });
      },
      [judge = std::move(judge)](const Result<Said<T>>& said) {
        if (said.ok() && said->term > 0) judge(*said);
      });
}

void LeaderProber::AskForEnd(const Leader& leader) {
  const int64_t end = cluster_.checker().end(leader.group);
  const raft::Term newest = cluster_.checker().newest_term(leader.group);
  Ask<server::ListedOffset>(
      leader,
      [where = leader.where](server::Broker& broker, Callback<Result<server::ListedOffset>> reply) {
        broker.ListOffset(where, server::kLatestOffset, std::move(reply));
      },
      [this, leader, end, newest](const Said<server::ListedOffset>& said) {
        if (!said.what.ok()) return;
        if (said.what->offset < end) {
          context_.judge.Fail("stale-end", "node " + std::to_string(leader.node.value()) +
                                               " says that " + Name(leader.where) + " ends at " +
                                               std::to_string(said.what->offset) + ", and " +
                                               std::to_string(end) +
                                               " was committed before it was asked");
        }
        CheckIsInOffice(leader, newest, said.term, "tells the end");
      });
}

void LeaderProber::SendOutOfTurn(const Leader& leader) {
  storage::BatchBuilder builder;
  builder.SetProducer(kStranger, /*epoch=*/0, kOutOfTurn);
  builder.Add({.offset = 0,
               .timestamp_ms = context_.NowMs(),
               .key = std::nullopt,
               .value = "out of turn",
               .headers = {}});
  const raft::Term newest = cluster_.checker().newest_term(leader.group);
  Ask<server::ProduceResult>(
      leader,
      [where = leader.where, batch = Bytes(builder.Build().value()),
       timeout_us = context_.swarm.call_timeout_us](server::Broker& broker,
                                                    Callback<Result<server::ProduceResult>> reply) {
        broker.Produce({.where = where, .batch = batch, .timeout_us = timeout_us},
                       std::move(reply));
      },
      [this, leader, newest](const Said<server::ProduceResult>& said) {
        if (said.what.ok()) {
          context_.judge.Fail("producer", "a batch was taken that does not come next");
        } else if (said.what.error().code == ErrorCode::kUnknownProducer) {
          CheckIsInOffice(leader, newest, said.term, "refuses a batch");
        }
      });
}

void LeaderProber::CheckIsInOffice(const Leader& leader, raft::Term newest, raft::Term its,
                                   const char* deed) {
  if (its >= newest) return;
  context_.judge.Fail("replaced-leader", "node " + std::to_string(leader.node.value()) + " " +
                                             deed + " of " + Name(leader.where) +
                                             " as its leader of term " + std::to_string(its) +
                                             ", and that of term " + std::to_string(newest) +
                                             " was elected before it was asked");
}

}  // namespace jangada::sim
