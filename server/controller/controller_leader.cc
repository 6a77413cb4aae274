#include "server/controller/controller_leader.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/controller/fold.h"
#include "server/controller/membership_driver.h"
#include "server/controller/placement.h"

namespace jangada::server {
namespace {

using TopicPtr = std::shared_ptr<const TopicInfo>;

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

constexpr int32_t kGroupsReplicas = 3;  // of the shards of consumer groups, where there are so many

std::string Name(NodeId node) { return "node " + std::to_string(node.value()); }

Error Invalid(std::string sentence) { return {ErrorCode::kInvalidArgument, std::move(sentence)}; }

Error NotNow(std::string sentence) { return {ErrorCode::kFailedPrecondition, std::move(sentence)}; }

Result<TopicPtr> FindTopic(const ClusterImage& image, const std::string& name) {
  TopicPtr topic = image.FindTopic(name);
  if (topic) return topic;
  return Error{ErrorCode::kUnknownTopic, "there is no topic '" + name + "'"};
}

/// An earlier attempt made the topic of that id, whether it is still there or was deleted since:
/// whatever would speak against it now is no refusal.
bool WasMadeBefore(const ClusterImage& image, const std::string& name, const Uuid& id) {
  const TopicPtr topic = image.FindTopic(name);
  return (topic && topic->id == id) || image.WasDeleted(id);
}

/// Changes nothing where it was made before.
record::Body SameAgain(const std::string& name, const Uuid& id) {
  record::CreateTopic body;
  body.name = name;
  body.id = id;
  return body;
}

size_t NewPartitionsOf(const record::Body& body) {
  if (const auto* create = std::get_if<record::CreateTopic>(&body))
    return create->assignment.size();
  if (const auto* add = std::get_if<record::AddPartitions>(&body)) return add->assignment.size();
  return 0;
}

}  // namespace

ControllerLeader::ControllerLeader(const Controller::Options& options,
                                   const Controller::Context& context, ControllerGroup& group,
                                   ControllerMachine& machine)
    : options_(options),
      context_(context),
      group_(group),
      machine_(machine),
      random_(options.seed + 1) {}

std::vector<Candidate> ControllerLeader::FitCandidates() const {
  std::vector<NodeId> fit = context_.liveness.LiveNodes(context_.executor.NowUs());
  std::erase_if(fit, [this](NodeId node) {
    return !context_.liveness.IsFit(node, context_.executor.NowUs());
  });
  return Candidates(image(), fit);
}

// ---- requests ----

void ControllerLeader::Handle(const request::Request& request, Callback<request::Answer> done) {
  Handle(request, /*confirmed=*/false, std::move(done));
}

/// What makes a record is decided by the log. What is answered from the image alone, such as a
/// refusal, could be of the past where this leader was replaced without knowing it yet: so it is
/// answered only once it is `confirmed` that this replica leads.
void ControllerLeader::Handle(const request::Request& request, bool confirmed, Answered done) {
  if (!group_.IsReadyLeader()) {
    request::Answer answer =
        request::Refusal({ErrorCode::kNotLeader, "this node does not lead the controller"});
    answer.leader = group_.status().leader;
    if (answer.leader == options_.self.id) answer.leader.reset();  // about to lead, not ready
    return done(std::move(answer));
  }
  Result<record::Body> body =
      std::visit([this](const auto& asked) { return Plan(asked); }, request);
  const auto* create = std::get_if<request::CreateTopic>(&request);
  const auto* registration = std::get_if<request::RegisterNode>(&request);
  const NodeInfo* known = registration ? image().FindNode(registration->node.id) : nullptr;
  const bool nothing_new =
      body.ok() && known != nullptr && *known == std::get<record::RegisterNode>(*body).node;
  const bool by_image = !body.ok() || nothing_new || (create != nullptr && create->validate_only);
  if (by_image && !confirmed) {
    return group_.ConfirmLeads(
        [this, request, done = std::move(done)](const Status& leads) mutable {
          if (leads.ok()) return Handle(request, /*confirmed=*/true, std::move(done));
          done(request::Refusal({ErrorCode::kNotLeader, leads.error().message}));
        });
  }
  if (by_image) {
    request::Answer answer = body.ok() ? request::Answer() : request::Refusal(body.error());
    if (body.ok()) answer.version = image().version;
    return done(std::move(answer));
  }
  const size_t partitions = NewPartitionsOf(*body);
  state_->partitions_under_way += partitions;
  Propose(*std::move(body), [this, state = state_, partitions,
                             done = std::move(done)](Result<int64_t> outcome) mutable {
    state->partitions_under_way -= partitions;
    if (!outcome.ok()) return done(request::Refusal(outcome.error()));
    request::Answer answer;
    answer.value = *outcome;
    answer.version = image().version;
    done(std::move(answer));
  });
}

/// Whether the cluster bears so many partitions more.
Status ControllerLeader::CheckRoomFor(size_t partitions) const {
  const size_t present = image().groups.size() + state_->partitions_under_way;
  if (present + partitions <= kMaxPartitionsOfCluster) return {};
  return Invalid("a cluster can have at most " + std::to_string(kMaxPartitionsOfCluster) +
                 " partitions; this one has " + std::to_string(present) +
                 ": delete topics, or give new ones fewer partitions");
}

Result<record::Body> ControllerLeader::Plan(const request::CreateTopic& request) const {
  TRY(CheckTopicName(request.name));
  if (WasMadeBefore(image(), request.name, request.id)) return SameAgain(request.name, request.id);
  if (image().FindTopic(request.name)) {
    return Error{ErrorCode::kAlreadyExists,
                 "topic '" + request.name +
                     "' already exists; choose another name, or use the one that is there"};
  }
  if (request.name == kGroupsTopic) {
    return Invalid("the topic '" + request.name +
                   "' is the cluster's own: it is made at the first use of consumer groups");
  }
  const int32_t replication_factor = request.assignment.empty()
                                         ? request.replication_factor
                                         : static_cast<int32_t>(request.assignment.front().size());
  TRY(context_.host.ValidateTopicConfigs(request.configs, replication_factor));
  record::CreateTopic body;
  body.name = request.name;
  body.id = request.id;
  body.replication_factor = replication_factor;
  body.configs = request.configs;
  if (request.assignment.empty()) {
    if (request.partitions > static_cast<int32_t>(kMaxPartitionsPerTopic)) {
      return Invalid("a topic can have at most " + std::to_string(kMaxPartitionsPerTopic) +
                     " partitions");
    }
    TRY(CheckRoomFor(static_cast<size_t>(std::max(request.partitions, 0))));
    TRY_ASSIGN(body.assignment, PlacePartitions(image(), FitCandidates(), request.partitions,
                                                request.replication_factor));
    return record::Body(std::move(body));
  }
  TRY(CheckRoomFor(request.assignment.size()));
  for (const std::vector<NodeId>& replicas : request.assignment) {
    TRY(CheckReplicas(image(), replicas));
    if (replicas.size() != request.assignment.front().size()) {
      return Invalid("every partition of a topic must have the same number of replicas");
    }
  }
  body.assignment = request.assignment;
  return record::Body(std::move(body));
}

Result<record::Body> ControllerLeader::Plan(const request::CreateGroupsTopic& request) const {
  if (WasMadeBefore(image(), kGroupsTopic, request.id)) return SameAgain(kGroupsTopic, request.id);
  if (image().FindTopic(kGroupsTopic)) {
    return Error{ErrorCode::kAlreadyExists,
                 std::string("topic '") + kGroupsTopic + "' already exists"};
  }
  record::CreateTopic body;
  body.name = kGroupsTopic;
  body.id = request.id;
  body.kind = TopicKind::kGroups;
  // Founders count from the beginning: whoever asks while they start must wait for them.
  const auto nodes = std::count_if(image().nodes.begin(), image().nodes.end(),
                                   [](const auto& node) { return !node.second.removing; });
  body.replication_factor = std::clamp(static_cast<int32_t>(nodes), 1, kGroupsReplicas);
  TRY_ASSIGN(body.assignment, PlacePartitions(image(), FitCandidates(), request.partitions,
                                              body.replication_factor));
  return record::Body(std::move(body));
}

Result<record::Body> ControllerLeader::Plan(const request::DeleteTopic& request) const {
  TRY_ASSIGN(const TopicPtr topic, FindTopic(image(), request.name));
  if (topic->kind == TopicKind::kGroups) {
    return Invalid("the topic '" + request.name +
                   "' holds the consumer groups and cannot be deleted; delete single groups");
  }
  return record::Body(record::DeleteTopic{topic->name, topic->id});
}

Result<record::Body> ControllerLeader::Plan(const request::CreatePartitions& request) const {
  TRY_ASSIGN(const TopicPtr topic, FindTopic(image(), request.topic));
  if (topic->kind == TopicKind::kGroups) {
    return Invalid("the partitions of '" + request.topic +
                   "' cannot become more: consumer groups would lose their place");
  }
  const auto present = static_cast<int32_t>(topic->partitions.size());
  if (request.total <= present) {
    return Invalid("topic '" + request.topic + "' has " + std::to_string(present) +
                   " partitions: the new number must be greater");
  }
  if (request.total > static_cast<int32_t>(kMaxPartitionsPerTopic)) {
    return Invalid("a topic can have at most " + std::to_string(kMaxPartitionsPerTopic) +
                   " partitions");
  }
  TRY(CheckRoomFor(static_cast<size_t>(request.total - present)));
  record::AddPartitions body;
  body.topic = topic->name;
  body.topic_id = topic->id;
  body.first = present;
  if (request.assignment.empty()) {
    TRY_ASSIGN(body.assignment, PlacePartitions(image(), FitCandidates(), request.total - present,
                                                topic->replication_factor));
    return record::Body(std::move(body));
  }
  if (request.assignment.size() != static_cast<size_t>(request.total - present)) {
    return Invalid(std::to_string(request.total - present) +
                   " partitions are new, and replicas of " +
                   std::to_string(request.assignment.size()) + " are named: name those of each");
  }
  for (const std::vector<NodeId>& replicas : request.assignment) {
    if (replicas.size() != static_cast<size_t>(topic->replication_factor)) {
      return Invalid("topic '" + request.topic + "' has " +
                     std::to_string(topic->replication_factor) +
                     " replicas of each partition: name as many nodes");
    }
    TRY(CheckReplicas(image(), replicas));
    const auto lives = [this](NodeId node) {
      return context_.liveness.IsLive(node, context_.executor.NowUs());
    };
    if (std::none_of(replicas.begin(), replicas.end(), lives)) {
      return Invalid("none of the nodes that are named for a new partition is up: start one");
    }
  }
  body.assignment = request.assignment;
  return record::Body(std::move(body));
}

Result<record::Body> ControllerLeader::Plan(const request::AlterTopicConfigs& request) const {
  TRY_ASSIGN(const TopicPtr topic, FindTopic(image(), request.topic));
  std::map<std::string, std::string> changed;  // what is taken back needs no check of its value
  for (const auto& [key, value] : request.changes) {
    if (value) changed[key] = *value;
  }
  TRY(context_.host.ValidateTopicConfigs(changed, topic->replication_factor));
  return record::Body(record::AlterTopicConfigs{topic->name, topic->id, request.changes});
}

Result<record::Body> ControllerLeader::Plan(const request::AllotProducerIds& request) const {
  return record::Body(record::AllotProducerIds{request.count});
}

Result<record::Body> ControllerLeader::Plan(const request::MovePartition& request) const {
  TRY_ASSIGN(const TopicPtr topic, FindTopic(image(), request.topic));
  const auto number = static_cast<size_t>(request.partition);
  if (request.partition < 0 || number >= topic->partitions.size()) {
    return Error{ErrorCode::kUnknownTopic, "topic '" + request.topic + "' has no partition " +
                                               std::to_string(request.partition)};
  }
  const PartitionInfo& partition = topic->partitions[number];
  if (request.replicas.size() != static_cast<size_t>(topic->replication_factor)) {
    return Invalid("topic '" + request.topic + "' has " +
                   std::to_string(topic->replication_factor) +
                   " replicas of each partition: name as many nodes");
  }
  TRY(CheckReplicas(image(), request.replicas, partition.replicas));
  for (const NodeId node : request.replicas) {
    if (Contains(partition.replicas, node) ||
        context_.liveness.IsLive(node, context_.executor.NowUs())) {
      continue;
    }
    return NotNow(Name(node) + " is down: start it before replicas move there");
  }
  return record::Body(
      record::ChangeReplicas{{{partition.group, partition.revision, request.replicas}}});
}

Result<record::Body> ControllerLeader::Plan(const request::AddNode& request) const {
  return record::Body(record::AdmitNode{request.node});
}

/// A node that is down can only be taken out of groups whose other replicas are a majority without
/// it.
Result<record::Body> ControllerLeader::Plan(const request::RemoveNode& request) const {
  const int64_t now_us = context_.executor.NowUs();
  const bool is_up = context_.liveness.IsLive(request.node, now_us);
  std::vector<Candidate> others = FitCandidates();
  std::erase_if(others, [&](const Candidate& other) { return other.node == request.node; });
  for (const auto& [name, topic] : image().topics) {
    for (const PartitionInfo& partition : topic->partitions) {
      if (!Contains(partition.replicas, request.node)) continue;
      const std::string which = "partition " + name + "/" + std::to_string(partition.partition);
      if (partition.replicas.size() == 1 && is_up && others.empty()) {
        return NotNow(Name(request.node) + " holds the only replica of " + which +
                      ", and no other node is up to take it: start one, or delete the topic");
      }
      const auto live = static_cast<size_t>(
          std::count_if(partition.replicas.begin(), partition.replicas.end(),
                        [&](NodeId node) { return context_.liveness.IsLive(node, now_us); }));
      if (live <= partition.replicas.size() / 2) {
        return NotNow("only " + std::to_string(live) + " of " +
                      std::to_string(partition.replicas.size()) + " replicas of " + which +
                      " are up, which is no majority: start a node that holds it, or delete the "
                      "topic, before " +
                      Name(request.node) + " is removed");
      }
    }
  }
  return record::Body(record::RemoveNode{request.node});
}

Result<record::Body> ControllerLeader::Plan(const request::RegisterNode& request) const {
  record::RegisterNode body{request.node};
  const NodeInfo* known = image().FindNode(request.node.id);
  if (known != nullptr) {  // what the node cannot know
    body.node.removing = known->removing;
    body.node.first_group = known->first_group;
  }
  return record::Body(std::move(body));
}

Result<record::Body> ControllerLeader::Plan(const request::SettleReplicas& request) const {
  return record::Body(record::SettleReplicas{request.group, request.revision});
}

/// `this` outlives every proposal: the group's replica is stopped, which ends its proposals, before
/// the controller is destroyed.
void ControllerLeader::Propose(record::Body body, Callback<Result<int64_t>> done) {
  const uint64_t id = random_.Next();
  machine_.Expect(id);
  group_.Propose(record::EncodeCommand({id, std::move(body)}),
                 [this, id, done = std::move(done)](Status proposed) mutable {
                   std::optional<Result<int64_t>> outcome = machine_.TakeOutcome(id);
                   if (outcome) return done(*std::move(outcome));
                   if (!proposed.ok()) return done(proposed.error());
                   done(Error{ErrorCode::kTimeout,
                              "the controller decided, but not where it was asked: look whether "
                              "the change was made"});
                 });
}

// ---- chores ----

void ControllerLeader::DoChores(bool news) {
  if (!group_.IsReadyLeader()) return;
  SeatGroup();
  // A refused record makes an image too: it must not be tried again at once because of that.
  if (state_->chore_under_way || (news && state_->chore_failed)) return;
  std::optional<record::Body> chore = NextChore();
  if (!chore) return;
  state_->chore_under_way = true;
  Propose(*std::move(chore), [state = state_](Result<int64_t> outcome) {
    state->chore_under_way = false;
    state->chore_failed = !outcome.ok();
    if (!outcome.ok()) {
      spdlog::info("controller chore put off reason=\"{}\"", outcome.error().message);
    }
  });
}

/// In the order of need; the next look finds what is left.
std::optional<record::Body> ControllerLeader::NextChore() {
  if (image().cluster_id.IsZero()) {
    if (options_.founding.empty()) return std::nullopt;
    const Uuid cluster_id = Uuid::Make(random_);
    spdlog::info("founding cluster={} founders={}", cluster_id.ToString(),
                 options_.founding.size());
    return record::FoundCluster{cluster_id, options_.founding};
  }
  const std::vector<Candidate> candidates = FitCandidates();
  const raft::RaftStatus status = group_.status();
  const raft::Membership& membership = status.membership.membership;
  const bool is_final = status.membership_committed && membership.outgoing.empty();
  for (const auto& [id, node] : image().nodes) {
    if (!node.removing) continue;
    std::vector<record::ReplicaChange> changes =
        PlanRemoval(image(), candidates, id, kChangesPerRecord);
    if (!changes.empty()) {
      spdlog::info("moving replicas off a removed node node={} partitions={}", id.value(),
                   changes.size());
      return record::ChangeReplicas{std::move(changes)};
    }
    const bool is_member = Contains(membership.voters, id) || Contains(membership.learners, id);
    if (is_final && !is_member && !HoldsPartitions(image(), id)) {
      spdlog::info("removed node={}", id.value());
      return record::ForgetNode{id};
    }
  }
  std::vector<record::ReplicaChange> changes = PlanFillUp(image(), candidates, kChangesPerRecord);
  if (changes.empty()) return std::nullopt;
  spdlog::info("filling up partitions={}", changes.size());
  return record::ChangeReplicas{std::move(changes)};
}

void ControllerLeader::SeatGroup() {
  if (state_->seat_under_way || image().cluster_id.IsZero()) return;
  const int64_t now_us = context_.executor.NowUs();
  const raft::RaftStatus status = group_.status();
  ControllerSeats seats = SeatController(image(), status.membership.membership.voters,
                                         context_.liveness.LiveNodes(now_us));
  if (seats.voters.empty()) return;
  const auto is_live = [&](NodeId node) { return context_.liveness.IsLive(node, now_us); };
  const MembershipStep step = NextMembershipStep(
      options_.self.id, {std::move(seats.voters), std::move(seats.learners)}, status, is_live);
  if (const auto* propose = std::get_if<StepPropose>(&step)) {
    state_->seat_under_way = true;
    group_.ProposeMembership(propose->target, [state = state_](Status proposed) {
      state->seat_under_way = false;
      if (!proposed.ok()) {
        spdlog::info("controller membership change put off reason=\"{}\"",
                     proposed.error().message);
      }
    });
  } else if (const auto* transfer = std::get_if<StepTransfer>(&step)) {
    const Status handed_over = group_.TransferLeadership(transfer->to);
    if (!handed_over.ok()) {
      spdlog::info("controller handover put off reason=\"{}\"", handed_over.error().message);
    }
  }
}

}  // namespace jangada::server
