#include "server/controller/reconciler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "server/controller/fields.h"
#include "server/controller/membership_driver.h"

namespace jangada::server {
namespace {

using TopicPtr = std::shared_ptr<const TopicInfo>;

constexpr const char* kExcludedMethod = "reconciler.excluded";
constexpr int64_t kExcludedTimeoutUs = 2'000'000;
/// Replicas that are no longer wanted here are looked at in every so many rounds.
constexpr uint64_t kRetiredEveryRounds = 4;

/// "Does the committed membership of this group exclude me?"
struct ExcludedQuestion {
  GroupId group;
  static void Fields(auto& m, auto& v) { v(m.group); }
};
struct ExcludedAnswer {
  bool excluded = false;
  raft::Term term = 0;               // of the leader that says so
  raft::Index membership_index = 0;  // of the committed membership
  static void Fields(auto& m, auto& v) { v(m.excluded), v(m.term), v(m.membership_index); }
};

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

bool HasMember(const raft::Membership& membership, NodeId node) {
  return Contains(membership.voters, node) || Contains(membership.outgoing, node) ||
         Contains(membership.learners, node);
}

/// In force, committed, not a step on the way: it says for certain who belongs.
bool IsFinal(const raft::RaftStatus& status) {
  const raft::Membership& membership = status.membership.membership;
  return status.membership_committed && !membership.voters.empty() && membership.outgoing.empty();
}

}  // namespace

struct Reconciler::Impl : std::enable_shared_from_this<Reconciler::Impl> {
  Impl(const Options& options, const Context& context, std::vector<GroupId> on_disk)
      : options(options), context(context), on_disk(on_disk.begin(), on_disk.end()) {}

  // Constant after construction.
  const Options options;
  const Context context;

  // Owned by the executor.
  ClusterImagePtr image = std::make_shared<const ClusterImage>();
  bool acted = false;           // on some image: from then on only what changed is looked at
  std::set<GroupId> on_disk;    // data here, not running: no image has told its topic yet
  std::set<GroupId> running;    // commanded to start
  std::set<GroupId> led;        // led here
  std::set<GroupId> unsettled;  // led here, perhaps not with the desired members
  std::set<GroupId> to_return;  // led here, preferred leader elsewhere
  std::set<GroupId> retired;    // running here, not desired here
  std::set<GroupId> dropped;    // erased here, or about to be, and partitions still
  std::set<GroupId> busy;       // a question or a step of the group is under way
  GroupId last_looked_at;       // unsettled groups take turns
  uint64_t rounds = 0;
  Executor::TimerId timer = 0;
  bool stopped = false;

  void ArmTimer();
  void Round();

  // image -> replicas
  void OnImage(ClusterImagePtr next);
  void ReconcileTopic(const TopicPtr& before, const TopicPtr& topic);
  void ReconcilePartition(const PartitionInfo& partition, const TopicPtr& topic);
  bool MayFound(const PartitionInfo& partition) const;
  void DropGroup(GroupId group);
  void SortLed(GroupId group);

  // steps of groups led here
  void LookAtUnsettled();
  void OnUnsettledStatus(GroupId group, const std::optional<raft::RaftStatus>& status);
  void OnSettled(GroupId group, const PartitionInfo& partition);
  void ReturnLeaderships();
  void OnReturnStatus(GroupId group, NodeId preferred,
                      const std::optional<raft::RaftStatus>& status);

  // the end of replicas that are not wanted here
  void LookAtRetired();
  void OnRetiredStatus(GroupId group, const std::optional<raft::RaftStatus>& status);
  void AskIfExcluded(GroupId group, NodeId whom);
  void OnExcludedAnswer(GroupId group, const Result<Bytes>& reply);
  bool MayErase(GroupId group) const;

  bool IsPartition(GroupId group) const { return image->FindGroup(group) != nullptr; }
  int64_t Now() const { return context.executor.NowUs(); }

  /// A callback that runs `method` on this Impl with `args`, unless it is gone or stopped.
  template <class... Bound, class... Args>
  auto Then(void (Impl::*method)(Bound...), Args... args) {
    return [weak = weak_from_this(), method, args...](auto&& result) {
      auto self = weak.lock();
      if (self && !self->stopped) ((*self).*method)(args..., result);
    };
  }
  /// The end of a step of `group`: errors are logged, the next round looks again.
  void OnStepDone(GroupId group, const char* step, const Status& status);
};

void Reconciler::Impl::ArmTimer() {
  timer = context.executor.After(options.round_us, [weak = weak_from_this()] {
    if (auto self = weak.lock(); self && !self->stopped) self->Round();
  });
}

void Reconciler::Impl::Round() {
  ++rounds;
  LookAtUnsettled();
  ReturnLeaderships();
  if (rounds % kRetiredEveryRounds == 0) LookAtRetired();
  ArmTimer();
}

// ---- image -> replicas ----

void Reconciler::Impl::OnImage(ClusterImagePtr next) {
  const NodeInfo* self = next->FindNode(options.self);
  if (self == nullptr || self->disk_id != context.settle.disk_id()) return;
  if (next->version < context.settle.replay_until()) return;
  const ClusterImagePtr before = acted ? std::exchange(image, next) : image;
  image = std::move(next);
  acted = true;

  for (const auto& [name, topic] : before->topics) {
    if (image->FindTopic(name) == topic) continue;
    for (const PartitionInfo& partition : topic->partitions) {
      if (!IsPartition(partition.group)) DropGroup(partition.group);
    }
  }
  for (const auto& [name, topic] : image->topics) {
    const TopicPtr old = before->FindTopic(name);
    if (old != topic) ReconcileTopic(old, topic);
  }
  // What is on disk and in no topic was deleted, unless this image is too old to know of it.
  for (const GroupId group : std::vector<GroupId>(on_disk.begin(), on_disk.end())) {
    if (!IsPartition(group) && group.value() < image->next_group) DropGroup(group);
  }
}

void Reconciler::Impl::ReconcileTopic(const TopicPtr& before, const TopicPtr& topic) {
  const bool same_topic = before && before->id == topic->id;
  const bool new_configs = same_topic && before->configs != topic->configs;
  for (const PartitionInfo& partition : topic->partitions) {
    const auto number = static_cast<size_t>(partition.partition);
    const bool known = same_topic && number < before->partitions.size();
    if (!known || before->partitions[number] != partition) ReconcilePartition(partition, topic);
    if (new_configs && running.contains(partition.group)) {
      context.host.UpdateConfig(partition.group, topic);
    }
  }
}

void Reconciler::Impl::ReconcilePartition(const PartitionInfo& partition, const TopicPtr& topic) {
  const GroupId group = partition.group;
  const bool wanted = Contains(partition.replicas, options.self);
  if (!running.contains(group)) {
    const bool exists = on_disk.erase(group) > 0;
    const bool founds = !exists && MayFound(partition);
    if (!exists && !wanted && !founds) return;
    running.insert(group);
    context.host.StartPartition(partition, topic, founds);
  }
  if (wanted) {
    retired.erase(group);
  } else {
    retired.insert(group);
  }
  if (led.contains(group)) SortLed(group);
}

/// Whoever was to be among its first voters and never heard of it has voted for nobody yet, and the
/// others may need its vote, however often the replicas were changed meanwhile: without it, the
/// group may never have a leader that could carry out the change. What voted and was erased founds
/// nothing, nor does a disk that came in place of one that may have voted.
bool Reconciler::Impl::MayFound(const PartitionInfo& partition) const {
  const bool may_be_member =
      Contains(partition.replicas, options.self) || Contains(partition.leaving, options.self);
  return may_be_member && Contains(partition.founders, options.self) &&
         !dropped.contains(partition.group) &&
         partition.group >= image->FindNode(options.self)->first_group;
}

void Reconciler::Impl::DropGroup(GroupId group) {
  led.erase(group);
  unsettled.erase(group);
  to_return.erase(group);
  retired.erase(group);
  const bool here = running.erase(group) + on_disk.erase(group) > 0;
  if (here) context.host.ErasePartition(group);
  if (here && IsPartition(group)) {
    dropped.insert(group);
  } else {
    dropped.erase(group);
  }
}

/// Where a group that is led here has to be looked at.
void Reconciler::Impl::SortLed(GroupId group) {
  unsettled.insert(group);
  const PartitionInfo* partition = image->FindGroup(group);
  if (partition != nullptr && partition->replicas.front() != options.self) {
    to_return.insert(group);
  } else {
    to_return.erase(group);
  }
}

// ---- groups led here ----

void Reconciler::Impl::LookAtUnsettled() {
  size_t left = std::min(options.steps_per_round, unsettled.size());
  auto it = unsettled.upper_bound(last_looked_at);
  for (; left > 0; --left, ++it) {
    if (it == unsettled.end()) it = unsettled.begin();
    last_looked_at = *it;
    if (!busy.insert(*it).second) continue;
    context.host.QueryStatus(*it, Then(&Impl::OnUnsettledStatus, *it));
  }
}

void Reconciler::Impl::OnUnsettledStatus(GroupId group,
                                         const std::optional<raft::RaftStatus>& status) {
  busy.erase(group);
  const PartitionInfo* partition = image->FindGroup(group);
  if (partition == nullptr || !status || !led.contains(group)) return;
  const auto is_live = [this](NodeId node) { return context.liveness.IsLive(node, Now()); };
  MembershipStep step =
      NextMembershipStep(options.self, {partition->replicas, {}}, *status, is_live);
  if (std::holds_alternative<StepNone>(step)) return OnSettled(group, *partition);
  if (auto* propose = std::get_if<StepPropose>(&step)) {
    busy.insert(group);
    context.host.ProposeMembership(group, std::move(propose->target),
                                   Then(&Impl::OnStepDone, group, "change members"));
  } else if (auto* transfer = std::get_if<StepTransfer>(&step)) {
    busy.insert(group);
    context.host.TransferLeadership(group, transfer->to,
                                    Then(&Impl::OnStepDone, group, "hand over to stay"));
  }
}

void Reconciler::Impl::OnSettled(GroupId group, const PartitionInfo& partition) {
  if (partition.leaving.empty()) {
    unsettled.erase(group);
    return;
  }
  busy.insert(group);  // it stays unsettled until an image shows that nobody is leaving
  context.settle.ReportSettled(group, partition.revision,
                               Then(&Impl::OnStepDone, group, "report settled"));
}

void Reconciler::Impl::ReturnLeaderships() {
  size_t started = 0;
  for (const GroupId group : to_return) {
    if (started == options.transfers_per_round) return;
    const PartitionInfo* partition = image->FindGroup(group);
    if (partition == nullptr || unsettled.contains(group) || busy.contains(group)) continue;
    const NodeId preferred = partition->replicas.front();
    if (!context.liveness.IsFit(preferred, Now()) ||
        context.liveness.LiveForUs(preferred, Now()) < options.preferred_live_us) {
      continue;
    }
    ++started;
    busy.insert(group);
    context.host.QueryStatus(group, Then(&Impl::OnReturnStatus, group, preferred));
  }
}

void Reconciler::Impl::OnReturnStatus(GroupId group, NodeId preferred,
                                      const std::optional<raft::RaftStatus>& status) {
  busy.erase(group);
  if (!status || status->role != raft::Role::kLeader || !IsFinal(*status)) return;
  if (!Contains(status->membership.membership.voters, preferred)) return;
  if (!IsCaughtUp(*status, preferred)) return;
  busy.insert(group);
  context.host.TransferLeadership(group, preferred,
                                  Then(&Impl::OnStepDone, group, "hand over to preferred"));
}

void Reconciler::Impl::OnStepDone(GroupId group, const char* step, const Status& status) {
  busy.erase(group);
  if (status.ok()) return;
  spdlog::debug("step refused group={} step=\"{}\" error=\"{}\"", group.value(), step,
                status.error().message);
}

// ---- replicas that are not wanted here ----

void Reconciler::Impl::LookAtRetired() {
  for (const GroupId group : retired) {
    if (!busy.insert(group).second) continue;
    context.host.QueryStatus(group, Then(&Impl::OnRetiredStatus, group));
  }
}

void Reconciler::Impl::OnRetiredStatus(GroupId group,
                                       const std::optional<raft::RaftStatus>& status) {
  busy.erase(group);
  if (!status || !MayErase(group)) return;
  if (IsFinal(*status) && !HasMember(status->membership.membership, options.self)) {
    return DropGroup(group);
  }
  // A removed member often never hears that it was: nobody sends to it any more. It asks.
  const PartitionInfo* partition = image->FindGroup(group);
  const auto& replicas = partition->replicas;
  const NodeId whom = status->leader.value_or(replicas[rounds % replicas.size()]);
  if (whom != options.self) AskIfExcluded(group, whom);
}

void Reconciler::Impl::AskIfExcluded(GroupId group, NodeId whom) {
  busy.insert(group);
  context.transport.Call(
      whom, {kExcludedMethod, fields::Encode(ExcludedQuestion{group})}, kExcludedTimeoutUs,
      [weak = weak_from_this(), &executor = context.executor, group](Result<Bytes> reply) {
        executor.Post([weak, group, reply = std::move(reply)] {
          auto self = weak.lock();
          if (self && !self->stopped) self->OnExcludedAnswer(group, reply);
        });
      });
}

void Reconciler::Impl::OnExcludedAnswer(GroupId group, const Result<Bytes>& reply) {
  busy.erase(group);
  if (!reply.ok() || !MayErase(group)) return;
  const Result<ExcludedAnswer> answer = fields::Decode<ExcludedAnswer>(reply->view());
  if (!answer.ok() || !answer->excluded) return;
  // It may have been added again since: then it has met a later leader or a later membership.
  busy.insert(group);
  context.host.QueryStatus(group, [weak = weak_from_this(), group, said = *answer](auto&& status) {
    auto self = weak.lock();
    if (!self || self->stopped) return;
    self->busy.erase(group);
    if (!status || status->term > said.term) return;
    if (status->membership.index > said.membership_index) return;
    if (self->MayErase(group)) self->DropGroup(group);
  });
}

bool Reconciler::Impl::MayErase(GroupId group) const {
  return retired.contains(group) && IsPartition(group);
}

// ---- the outside ----

Reconciler::Reconciler(const Options& options, const Context& context, std::vector<GroupId> on_disk)
    : impl_(std::make_shared<Impl>(options, context, std::move(on_disk))) {
  impl_->ArmTimer();
}

Reconciler::~Reconciler() { Stop(); }

void Reconciler::Stop() {
  if (impl_->stopped) return;
  impl_->stopped = true;
  impl_->context.executor.Cancel(impl_->timer);
}

void Reconciler::OnImage(ClusterImagePtr image) {
  if (!impl_->stopped) impl_->OnImage(std::move(image));
}

void Reconciler::OnLeadership(GroupId group, bool leading) {
  if (leading) {
    impl_->led.insert(group);
    impl_->SortLed(group);
  } else {
    impl_->led.erase(group);
    impl_->unsettled.erase(group);
    impl_->to_return.erase(group);
  }
}

void Reconciler::OnPeerCall(NodeId from, const PeerCall& call, Callback<Result<Bytes>> reply) {
  if (call.method != kExcludedMethod) {
    return reply(Error{ErrorCode::kUnsupportedVersion,
                       "this node knows no call '" + call.method + "': run one version on all"});
  }
  const Result<ExcludedQuestion> question = fields::Decode<ExcludedQuestion>(call.payload.view());
  if (!question.ok()) return reply(question.error());
  impl_->context.host.QueryStatus(question->group, [from, reply = std::move(reply)](
                                                       auto&& status) mutable {
    if (!status || status->role != raft::Role::kLeader) {
      return reply(Error{ErrorCode::kNotLeader, "this node does not lead the group"});
    }
    const raft::MembershipAt& membership = status->membership;
    reply(fields::Encode(ExcludedAnswer{IsFinal(*status) && !HasMember(membership.membership, from),
                                        status->term, membership.index}));
  });
}

}  // namespace jangada::server
