#include "server/local_broker.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "server/limits.h"
#include "server/partition_calls.h"

namespace jangada::server {
namespace {

/// A call that must be answered within its time, on the shard that serves it. Whichever comes
/// first, the answer or the timer, calls `done`.
template <class T>
Callback<Result<T>> WithDeadline(Executor& executor, int64_t timeout_us, std::string late,
                                 Callback<Result<T>> done) {
  struct Waiting {
    Callback<Result<T>> done;
    Executor::TimerId timer = 0;
  };
  auto waiting = std::make_shared<Waiting>();
  waiting->done = std::move(done);
  waiting->timer = executor.After(timeout_us, [waiting, late = std::move(late)] {
    std::exchange(waiting->done, nullptr)(Error{ErrorCode::kTimeout, late});
  });
  return [&executor, waiting](Result<T> result) {
    if (!waiting->done) return;  // too late: answered already
    executor.Cancel(waiting->timer);
    std::exchange(waiting->done, nullptr)(std::move(result));
  };
}

Error NotHere(const TopicPartition& where) {
  return {ErrorCode::kNotLeader, "this node does not lead partition " +
                                     std::to_string(where.partition) + " of topic \"" +
                                     where.topic + "\"; ask its leader"};
}

Error NotForClients(const TopicPartition& where) {
  return {ErrorCode::kPermissionDenied,
          "topic \"" + where.topic + "\" is the cluster's own: it has no records to read or write"};
}

Error NoLeader(const TopicPartition& where) {
  return {ErrorCode::kUnavailable, "nobody leads partition " + std::to_string(where.partition) +
                                       " of topic \"" + where.topic + "\" just now; try again"};
}

bool SameNodes(std::vector<NodeId> a, std::vector<NodeId> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

}  // namespace

LocalBroker::LocalBroker(const Context& context)
    : self_(context.config.self()),
      data_folder_(std::filesystem::absolute(context.config.data_dir).string()),
      replicas_(context.replicas),
      leaders_(context.leaders),
      image_(context.image),
      store_(context.store),
      transport_(context.transport),
      groups_({.broker = *this,
               .replicas = context.replicas,
               .leaders = context.leaders,
               .image = context.image,
               .partitions = static_cast<int32_t>(context.config.groups.partitions)}) {}

void LocalBroker::SetController(Controller* controller) { controller_ = controller; }

void LocalBroker::SetNodes(std::map<NodeId, NodeView> nodes) {
  const std::lock_guard lock(nodes_mutex_);
  nodes_ = std::move(nodes);
}

Result<GroupId> LocalBroker::GroupOf(const TopicPartition& where) const {
  const ClusterImagePtr image = image_.Get();
  const auto topic = image->FindTopic(where.topic);
  if (topic == nullptr) {
    return Error{ErrorCode::kUnknownTopic,
                 "there is no topic \"" + where.topic + "\"; create it first"};
  }
  if (where.partition < 0 || static_cast<size_t>(where.partition) >= topic->partitions.size()) {
    return Error{ErrorCode::kUnknownTopic, "topic \"" + where.topic + "\" has no partition " +
                                               std::to_string(where.partition) +
                                               "; its partitions are 0 to " +
                                               std::to_string(topic->partitions.size() - 1)};
  }
  return topic->partitions[static_cast<size_t>(where.partition)].group;
}

template <class T, class Call>
void LocalBroker::OnPartition(const TopicPartition& where, Callback<Result<T>> done, Call call) {
  const Result<GroupId> group = GroupOf(where);
  if (!group.ok()) {
    done(group.error());
    return;
  }
  ShardHost& host = replicas_.HostOf(*group);
  host.shard().Post(
      [&host, group = *group, where, done = std::move(done), call = std::move(call)]() mutable {
        Partition* partition = host.FindPartition(group);
        if (partition == nullptr) {
          done(host.FindCoordinator(group) == nullptr ? NotHere(where) : NotForClients(where));
          return;
        }
        call(*partition, host.shard(), std::move(done));
      });
}

void LocalBroker::Produce(ProduceRequest request, Callback<Result<ProduceResult>> done) {
  const TopicPartition where = request.where;
  OnPartition(where, std::move(done),
              [request = std::move(request)](Partition& partition, Executor& executor,
                                             Callback<Result<ProduceResult>> reply) mutable {
                partition.Append(
                    std::move(request.batch),
                    WithDeadline(executor, request.timeout_us,
                                 "the records were not acknowledged in time; they may or may not "
                                 "have been written",
                                 std::move(reply)));
              });
}

void LocalBroker::Fetch(FetchRequest request, Callback<Result<FetchResult>> done) {
  const TopicPartition where = request.where;
  OnPartition(where, std::move(done),
              [request = std::move(request)](Partition& partition, Executor&,
                                             Callback<Result<FetchResult>> reply) mutable {
                partition.Read(std::move(request), std::move(reply));
              });
}

void LocalBroker::ListOffset(TopicPartition where, int64_t timestamp_ms,
                             Callback<Result<ListedOffset>> done) {
  OnPartition(
      where, std::move(done),
      [timestamp_ms](Partition& partition, Executor&, Callback<Result<ListedOffset>> reply) {
        partition.ListOffset(timestamp_ms, std::move(reply));
      });
}

void LocalBroker::DeleteRecords(TopicPartition where, int64_t offset,
                                Callback<Result<int64_t>> done) {
  OnPartition(where, std::move(done),
              [offset](Partition& partition, Executor&, Callback<Result<int64_t>> reply) {
                partition.DeleteRecords(offset, std::move(reply));
              });
}

void LocalBroker::DescribePartition(TopicPartition where, Callback<Result<PartitionView>> done) {
  const Result<GroupId> group = GroupOf(where);
  if (!group.ok()) {
    done(group.error());
    return;
  }
  PartitionView outside{.where = where, .group = *group};
  outside.desired_replicas = image_.Get()->FindGroup(*group)->replicas;
  if (const auto hint = leaders_.Find(*group)) {
    outside.leader = hint->leader;
    outside.leader_epoch = hint->term;
  }
  replicas_.With(*group,
                 [outside = std::move(outside), done = std::move(done)](Hosted* partition) mutable {
                   if (partition == nullptr) {
                     done(std::move(outside));
                     return;
                   }
                   PartitionView view = partition->View();
                   view.desired_replicas = std::move(outside.desired_replicas);
                   if (!view.leader) view.leader = outside.leader;
                   std::vector<NodeId> voters;
                   for (const ReplicaView& replica : view.replicas) {
                     if (replica.voter) voters.push_back(replica.node);
                   }
                   view.reassigning = view.from_leader && !SameNodes(voters, view.desired_replicas);
                   done(std::move(view));
                 });
}

void LocalBroker::TransferLeadership(TopicPartition where, NodeId to, Callback<Status> done) {
  const Result<GroupId> group = GroupOf(where);
  if (!group.ok()) {
    done(group.error());
    return;
  }
  replicas_.TransferLeadership(*group, to, std::move(done));
}

void LocalBroker::FindEpochEnd(TopicPartition where, int32_t epoch,
                               Callback<Result<EpochEnd>> done) {
  OnPartition(where, std::move(done),
              [epoch](Partition& partition, Executor&, Callback<Result<EpochEnd>> reply) {
                reply(partition.FindEpochEnd(epoch));
              });
}

// ---- asked of any node ----

std::optional<NodeId> LocalBroker::LeaderElsewhere(const TopicPartition& where) const {
  const std::optional<NodeId> leader = LeaderOf(where);
  return leader == self_ ? std::nullopt : leader;
}

void LocalBroker::InspectPartition(TopicPartition where, Callback<Result<PartitionView>> done) {
  if (const auto leader = LeaderElsewhere(where)) {
    transport_.Call(*leader, peer_calls::Inspect(where), kForwardTryUs,
                    [done = std::move(done)](Result<Bytes> answer) mutable {
                      done(peer_calls::InspectAnswer(answer));
                    });
    return;
  }
  DescribePartition(where, [where, done = std::move(done)](Result<PartitionView> view) mutable {
    if (view.ok() && !view->from_leader) return done(NoLeader(where));
    done(std::move(view));
  });
}

void LocalBroker::HandOver(TopicPartition where, NodeId to, Callback<Status> done) {
  if (const auto leader = LeaderElsewhere(where)) {
    transport_.Call(*leader, peer_calls::HandOver(where, to), kForwardTryUs,
                    [done = std::move(done)](Result<Bytes> answer) mutable {
                      done(peer_calls::HandOverAnswer(answer));
                    });
    return;
  }
  TransferLeadership(where, to, std::move(done));
}

void LocalBroker::AnswerPeer(const PeerCall& call, Callback<Result<Bytes>> reply) {
  const Result<peer_calls::Question> question = peer_calls::DecodeQuestion(call);
  if (!question.ok()) return reply(question.error());
  if (question->hand_over_to) {
    TransferLeadership(question->where, *question->hand_over_to,
                       [reply = std::move(reply)](const Status& status) mutable {
                         reply(peer_calls::EncodeAnswer(status));
                       });
    return;
  }
  DescribePartition(question->where,
                    [reply = std::move(reply)](const Result<PartitionView>& view) mutable {
                      reply(peer_calls::EncodeAnswer(view));
                    });
}

std::optional<KnownLeader> LocalBroker::KnownLeaderOf(const TopicPartition& where) const {
  const Result<GroupId> group = GroupOf(where);
  if (!group.ok()) return std::nullopt;
  const auto hint = leaders_.Find(*group);
  if (!hint) return std::nullopt;
  return KnownLeader{
      .node = hint->leader, .epoch = static_cast<int32_t>(hint->term), .lagging = hint->lagging};
}

std::optional<NodeId> LocalBroker::ControllerLeader() const {
  // Whoever has not caught up with a leader does not speak for it: see status_map of the gRPC door.
  const Controller* controller = controller_;
  if (controller == nullptr || !controller->is_current()) return std::nullopt;
  const auto hint = leaders_.Find(kControllerGroup);
  return hint ? std::optional(hint->leader) : std::nullopt;
}

std::vector<NodeId> LocalBroker::LiveNodes() const {
  const std::lock_guard lock(nodes_mutex_);
  std::vector<NodeId> live;
  for (const auto& [id, node] : nodes_) {
    if (node.live) live.push_back(id);
  }
  return live;
}

std::map<NodeId, NodeView> LocalBroker::Nodes() const {
  const std::lock_guard lock(nodes_mutex_);
  return nodes_;
}

LogDirView LocalBroker::LogDir() const {
  const storage::LogStore::Usage usage = store_.usage();
  LogDirView view{.path = data_folder_,
                  .total_bytes = usage.disk_total_bytes,
                  .usable_bytes = usage.disk_free_bytes,
                  .replicas = {}};
  const ClusterImagePtr image = image_.Get();
  for (const auto& [name, topic] : image->topics) {
    for (const PartitionInfo& partition : topic->partitions) {
      const std::optional<int64_t> bytes = store_.LogBytes(partition.group);
      if (bytes) view.replicas.push_back({{name, partition.partition}, *bytes});
    }
  }
  return view;
}

template <class Done>
Controller* LocalBroker::Front(Done& done) const {
  Controller* controller = controller_;
  if (controller == nullptr) {
    done(Error{ErrorCode::kUnavailable,
               "this node has not found its cluster yet; try again, or ask another node"});
  }
  return controller;
}

void LocalBroker::CreateTopic(server::CreateTopic request, Callback<Result<Uuid>> done) {
  if (Controller* front = Front(done)) front->CreateTopic(std::move(request), std::move(done));
}

void LocalBroker::DeleteTopic(std::string name, Callback<Status> done) {
  if (Controller* front = Front(done)) front->DeleteTopic(std::move(name), std::move(done));
}

void LocalBroker::CreatePartitions(NewPartitions request, Callback<Status> done) {
  if (Controller* front = Front(done)) front->CreatePartitions(std::move(request), std::move(done));
}

void LocalBroker::AlterTopicConfigs(std::string topic,
                                    std::map<std::string, std::optional<std::string>> changes,
                                    Callback<Status> done) {
  if (Controller* front = Front(done)) {
    front->AlterTopicConfigs(std::move(topic), std::move(changes), std::move(done));
  }
}

void LocalBroker::InitProducer(Callback<Result<ProducerIdentity>> done) {
  if (Controller* front = Front(done)) front->InitProducer(std::move(done));
}

void LocalBroker::MovePartition(TopicPartition where, std::vector<NodeId> replicas,
                                Callback<Status> done) {
  if (Controller* front = Front(done)) {
    front->MovePartition(std::move(where), std::move(replicas), std::move(done));
  }
}

void LocalBroker::AddNode(NodeId node, Callback<Status> done) {
  if (Controller* front = Front(done)) front->AddNode(node, std::move(done));
}

void LocalBroker::RemoveNode(NodeId node, Callback<Status> done) {
  if (Controller* front = Front(done)) front->RemoveNode(node, std::move(done));
}

}  // namespace jangada::server
