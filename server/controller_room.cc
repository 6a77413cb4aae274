#include "server/controller_room.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace jangada::server {
namespace {

Controller::Options FrontOptions(const NodeInfo& self, const NodeIdentity& identity,
                                 const std::vector<Founder>& founders, uint64_t seed) {
  Controller::Options options;
  options.self = self;
  options.founding = identity.founding;
  for (const Founder& founder : founders) {
    if (founder.node != self.id) options.first_peers.push_back(founder.node);
  }
  options.seed = seed;
  return options;
}

Callback<Result<Proposed>> StatusOnly(Callback<Status> done) {
  return [done = std::move(done)](const Result<Proposed>& proposed) mutable {
    done(proposed.ok() ? Status() : Status(proposed.error()));
  };
}

}  // namespace

ControllerRoom::ControllerRoom(const Context& context, const NodeInfo& self,
                               const NodeIdentity& identity, const std::vector<Founder>& founders,
                               uint64_t seed)
    : context_(context),
      identity_(identity),
      executor_(context.replicas.controller_host().shard()),
      liveness_(self.id),
      controller_(FrontOptions(self, identity, founders, seed), {.executor = executor_,
                                                                 .transport = context.transport,
                                                                 .liveness = liveness_,
                                                                 .host = *this}) {
  reconciler_ = std::make_unique<Reconciler>(Reconciler::Options{.self = self.id},
                                             Reconciler::Context{.executor = executor_,
                                                                 .transport = context.transport,
                                                                 .liveness = liveness_,
                                                                 .host = context.replicas,
                                                                 .settle = controller_},
                                             context.replicas.LoadedPartitions());
  auto machine = std::make_unique<ControllerMachine>(controller_);
  machine_ = machine.get();
  ReplicaOptions options = context.replicas.OptionsOf(kControllerGroup);
  options.preferred = !identity.founding.empty() && identity.founding.front().node == self.id;
  replica_ = std::make_unique<Replica>(options, context.replicas.controller_host().context(),
                                       std::move(machine), *this);
}

ControllerRoom::~ControllerRoom() = default;

void ControllerRoom::Start(const storage::GroupState& state) {
  raft::Membership founders;
  for (const FounderDisk& founder : identity_.founding) founders.voters.push_back(founder.node);
  std::sort(founders.voters.begin(), founders.voters.end());
  if (const Status status = replica_->Start(state, founders); !status.ok()) {
    context_.observer.OnMustStop(status.error());
    return;
  }
  // A checkpoint at the log's end: the image's last entry is the log's.
  if (machine_->image()->version == state.last.index) start_term_ = state.last.term;
  controller_.Start(*this, *machine_);
  // A checkpoint at the log's end is the present image, and there may be no entry for long that
  // brings another.
  reconciler_->OnImage(context_.image.Get());
}

void ControllerRoom::Stop(Callback<> done) {
  controller_.Stop();
  reconciler_->Stop();
  replica_->Stop(std::move(done));
}

raft::RaftStatus ControllerRoom::status() const { return replica_->status(); }

bool ControllerRoom::IsReadyLeader() const { return replica_->IsReadyLeader(); }

void ControllerRoom::Step(raft::Message message) { replica_->Step(std::move(message)); }

void ControllerRoom::OnPeerUnreachable(NodeId peer, bool refused) {
  if (refused) liveness_.OnRefused(peer);
  if (refused || replica_->IsReadyLeader()) replica_->OnPeerUnreachable(peer);
}

void ControllerRoom::OnPeerStatus(const NodeStatus& status) {
  liveness_.OnStatus(status, executor_.NowUs());
}

void ControllerRoom::OnPeerCall(NodeId from, const PeerCall& call, Callback<Result<Bytes>> reply) {
  if (call.method.starts_with(Controller::kCallPrefix)) {
    controller_.OnPeerCall(from, call, std::move(reply));
  } else if (call.method.starts_with(Reconciler::kCallPrefix)) {
    reconciler_->OnPeerCall(from, call, std::move(reply));
  } else {
    reply(Error{ErrorCode::kUnsupportedVersion, "this node knows no peer call \"" + call.method +
                                                    "\"; run one version on all nodes"});
  }
}

void ControllerRoom::OnLeadership(GroupId group, bool ready) {
  reconciler_->OnLeadership(group, ready);
}

void ControllerRoom::Propose(Bytes command, Callback<Status> done) {
  replica_->Propose(raft::EntryType::kCommand, std::move(command), 0, StatusOnly(std::move(done)));
}

void ControllerRoom::ConfirmLeads(Callback<Status> done) { replica_->ReadBarrier(std::move(done)); }

void ControllerRoom::ProposeMembership(const raft::MembershipTarget& target,
                                       Callback<Status> done) {
  replica_->ProposeMembership(target, StatusOnly(std::move(done)));
}

Status ControllerRoom::TransferLeadership(NodeId to) { return replica_->TransferLeadership(to); }

void ControllerRoom::OnImage(ClusterImagePtr image) {
  context_.image.Set(image);
  NoteCurrency();
  context_.observer.OnNewImage(*image);
  reconciler_->OnImage(std::move(image));
}

void ControllerRoom::NoteCurrency() {
  if (replica_ == nullptr) return;
  const raft::RaftStatus status = replica_->status();
  const raft::Term applied = machine_->applied_term() > 0 ? machine_->applied_term() : start_term_;
  context_.image.SetCurrent(status.leader.has_value() && applied == status.term);
}

bool ControllerRoom::HasReadyLeader(GroupId group) const {
  return context_.leaders.Find(group).has_value();
}

Status ControllerRoom::ValidateTopicConfigs(const std::map<std::string, std::string>& configs,
                                            int32_t replication_factor) const {
  TRY_ASSIGN(const TopicConfig parsed, ParseTopicConfig(configs));
  return CheckMinInsyncReplicas(parsed.min_insync_replicas, replication_factor);
}

void ControllerRoom::OnRefused(const Error& error) { context_.observer.OnMustStop(error); }

void ControllerRoom::OnRoleChange(GroupId group, const raft::RoleChange& change, bool ready) {
  NoteCurrency();
  context_.observer.OnControllerLeadership(change, ready);
}

void ControllerRoom::OnRefill(GroupId group, RefillEvent event) {
  context_.observer.OnControllerRefill(event);
}

void ControllerRoom::OnFatal(GroupId group, const Error& error) {
  context_.observer.OnMustStop(error);
}

}  // namespace jangada::server
